//! How a step ended, and what it left.

use std::time::Duration;

use super::named::named;
use super::signal::signal_name;
use super::{Blame, Bound, FetchedFiles, Gate, Output, Phase, Process, Start, Step, Stream};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Its process ended with status 0.
    Passed,
    /// Its process ended otherwise.
    Failed(Ending),
    /// It took longer than it might, and was stopped.
    TimedOut(Duration),
    /// It was started and goes on (`spawn:`); how it ends comes in an event of its own.
    Spawned,
    /// It was stopped because the phase or the trial was.
    Stopped,
    /// It could not be started, for this reason.
    NotStarted(String),
    /// What it was to do, other than running a command, could not be done, for this reason.
    Unfulfilled(String),
    /// It was not run, because something before it failed or the phase was stopped: for this reason, where it is known.
    Skipped(Option<String>),
    /// What became of it is not known, for its worker was lost.
    #[default]
    Lost,
}

impl Outcome {
    /// All words for outcomes, in the order in which they are counted for people.
    pub const WORDS: [&str; 8] =
        ["passed", "failed", "timed out", "not started", "stopped", "skipped", "lost", "spawned"];

    /// The word for it in reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) | Self::Unfulfilled(_) => "failed",
            Self::TimedOut(_) => "timed out",
            Self::Spawned => "spawned",
            Self::Stopped => "stopped",
            Self::NotStarted(_) => "not started",
            Self::Skipped(_) => "skipped",
            Self::Lost => "lost",
        }
    }

    /// The word for it with the exit status or signal: `failed: exit 3`.
    pub fn in_detail(&self) -> String {
        match self {
            Self::Failed(Ending::Exit(status)) => format!("failed: exit {status}"),
            Self::Failed(Ending::Signal(number)) => format!("failed: {}", signal_name(*number)),
            other => other.word().to_owned(),
        }
    }

    /// The reason that it has.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotStarted(why) | Self::Unfulfilled(why) => Some(why),
            Self::Skipped(why) => why.as_deref(),
            _ => None,
        }
    }

    /// The exit status or the signal of the process of `step`, where this outcome says it.
    pub fn ending(&self, step: Option<&Step>) -> (Option<i32>, Option<i32>) {
        match self {
            // A step with `for:` passes when it is stopped, so the status of its process is not known here.
            Self::Passed if step.is_some_and(|step| matches!(step.bound, Some(Bound::For(_)))) => (None, None),
            Self::Passed => (Some(0), None),
            Self::Failed(Ending::Exit(status)) => (Some(*status), None),
            Self::Failed(Ending::Signal(signal)) => (None, Some(*signal)),
            _ => (None, None),
        }
    }

    /// How something failed, to follow its name.
    pub fn how_it_failed(&self) -> String {
        match self {
            Self::Failed(Ending::Exit(status)) => format!("failed with exit status {status}"),
            Self::Failed(Ending::Signal(signal)) => format!("was terminated by {}", signal_name(*signal)),
            Self::TimedOut(limit) => format!("took longer than {limit:?}"),
            Self::Unfulfilled(why) => format!("failed: {why}"),
            Self::NotStarted(why) => format!("could not be started: {why}"),
            _ => "failed".to_owned(),
        }
    }

    /// Whether it is a failure. Of a step, not every failure counts.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut(_) | Self::NotStarted(_) | Self::Unfulfilled(_))
    }

    /// Whether it makes a trial a failed one: that of this step, in this phase.
    pub fn fails(&self, step: Option<&Step>, phase: Phase) -> bool {
        self.is_failure() && self.excuse(step, phase).is_none()
    }

    /// Why it does not make a trial a failed one although it is a failure: that of this step, in this phase.
    pub fn excuse(&self, step: Option<&Step>, phase: Phase) -> Option<Excuse> {
        let may_fail = step.is_some_and(|step| step.gate == Gate::MayFail);
        let excuse = if may_fail { Some(Excuse::MayFail) } else { (phase == Phase::Reset).then_some(Excuse::InReset) };
        excuse.filter(|_| self.is_failure())
    }
}

/// Why the failure of a step does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// It is a `mayfail:` step.
    MayFail,
    /// It is in Reset.
    InReset,
}

named!(Excuse: MayFail "may fail", InReset "in Reset");

/// What a step left.
#[derive(Debug, Clone, Default)]
pub struct StepResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped or stopped, could not go on, or is not known, where that was not its own doing.
    pub because: Option<Blame>,
    /// When its process started; `None` when it did not, or a seed player ran it.
    pub started: Option<Start>,
    /// How long its process ran; `None` when that is not known.
    pub duration: Option<Duration>,
    /// What it printed on standard output.
    pub stdout: Output,
    /// What it printed on standard error.
    pub stderr: Output,
    /// Processes other than the step's own still held its streams when it was over.
    pub leaky: bool,
    /// Who they were, as far as the player could see it.
    pub holders: Box<[Process]>,
    /// What of the step could not be stopped, when it was to be.
    pub not_stopped: Box<[Process]>,
    /// What it took to stop it, when that was to be and the first signal did not do.
    pub forced: Option<Box<Forced>>,
    /// The attempts of a step that was repeated until it succeeds (`until:`), in their order.
    pub attempts: Vec<Attempt>,
    /// What it fetched (`fetch:`), if it fetched anything.
    pub files: Option<Box<FetchedFiles>>,
}

/// What it took to stop a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    /// The last signal that was sent.
    pub signal: i32,
    /// How long after the first one all was over.
    pub after: Duration,
}

/// One attempt of a step that is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How long after the step's first start it was started.
    pub after: Duration,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// How many bytes of standard output and of standard error the attempts before it have printed.
    pub printed_before: [u64; 2],
}

impl StepResult {
    /// Why the step failed or was skipped, where more is known than its outcome.
    pub fn why(&self) -> Option<String> {
        self.outcome.reason().map(str::to_owned).or_else(|| self.attempts_in_vain())
    }

    /// One of its outputs.
    pub fn output_mut(&mut self, stream: Stream) -> &mut Output {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Both outputs: standard output, and standard error.
    pub fn outputs(&self) -> [&Output; 2] {
        [&self.stdout, &self.stderr]
    }

    /// Whether it printed nothing that was kept.
    pub fn is_silent(&self) -> bool {
        self.outputs().iter().all(|output| output.is_empty())
    }

    /// Whether something that it printed could not be kept.
    pub fn is_unkept(&self) -> bool {
        self.outputs().iter().any(|output| output.unkept().is_some())
    }

    /// Whether more output may follow: the step was just spawned, or somebody still holds its streams.
    pub fn may_print_more(&self) -> bool {
        self.leaky || self.outcome == Outcome::Spawned
    }

    /// Takes what a leaky step has printed since: all that came of a stream so far. Says whether that is more.
    pub fn grow(&mut self, stream: Stream, output: &Output) -> bool {
        let is_more = self.leaky && output.printed() > self.output_mut(stream).printed();
        if is_more {
            *self.output_mut(stream) = output.clone();
        }
        is_more
    }

    /// What became of the attempts of a step that was repeated and had no more time.
    pub fn attempts_in_vain(&self) -> Option<String> {
        let Outcome::TimedOut(limit) = self.outcome else { return None };
        let (last, before) = self.attempts.split_last()?;
        // The limit stopped this one: its end is ours.
        let went_on = last.after + last.duration >= limit;
        let failed = if went_on { before } else { &self.attempts[..] };
        let Some(last) = failed.last() else { return Some("its first attempt had not ended".to_owned()) };
        let how = last.outcome.how_it_failed();
        let the_last = how.strip_prefix("failed ").unwrap_or(&how);
        Some(match (failed.len(), went_on) {
            (1, false) => format!("its only attempt {how}"),
            (count, false) => format!("all {count} attempts failed, the last {the_last}"),
            (1, true) => format!("its first attempt {how}; the second had not ended"),
            (count, true) => format!("{count} attempts failed, the last {the_last}; another had not ended"),
        })
    }

    /// A result of a step that left nothing.
    pub fn without_output(outcome: Outcome) -> Self {
        Self { outcome, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_all_failed_are_told_apart_from_one_that_had_not_ended() {
        let second = Duration::from_secs(1);
        let attempt =
            |after: u32, outcome| Attempt { after: after * second, duration: second, outcome, printed_before: [0, 0] };
        let failed = |after| attempt(after, Outcome::Failed(Ending::Exit(1)));
        let told = |attempts: Vec<Attempt>, outcome| {
            StepResult { attempts, ..StepResult::without_output(outcome) }.attempts_in_vain()
        };
        let late = Outcome::TimedOut(5 * second);
        let slow = attempt(2, Outcome::TimedOut(second));
        for (attempts, text) in [
            (vec![failed(0)], "its only attempt failed with exit status 1"),
            (vec![failed(0), slow], "all 2 attempts failed, the last took longer than 1s"),
            (vec![failed(0), failed(2)], "all 2 attempts failed, the last with exit status 1"),
            (vec![failed(4)], "its first attempt had not ended"),
            (vec![failed(0), failed(4)], "its first attempt failed with exit status 1; the second had not ended"),
            (
                vec![failed(0), failed(2), failed(4)],
                "2 attempts failed, the last with exit status 1; another had not ended",
            ),
        ] {
            assert_eq!(told(attempts, late.clone()).as_deref(), Some(text));
        }
        assert_eq!(told(vec![failed(0)], Outcome::Passed), None);
        assert_eq!(told(Vec::new(), late), None, "it was not repeated");
    }
}
