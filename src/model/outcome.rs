//! How a step ended, and its result.

use std::time::Duration;

use super::named::named;
use super::signal::signal_name;
use super::{Blame, Bound, FetchedFiles, Gate, Output, Phase, Process, Start, Step, Stream};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exit(i32),
    /// This signal terminated it.
    Signal(i32),
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Its process ended with status 0.
    Passed,
    /// Its process ended in another way.
    Failed(Ending),
    /// It exceeded its time limit and was stopped.
    TimedOut(Duration),
    /// It was started and keeps running (`spawn:`); a separate event reports its end.
    Spawned,
    /// It was stopped because the phase or the trial was stopped.
    Stopped,
    /// It could not be started, for this reason.
    NotStarted(String),
    /// Its action, which is not a command, could not be carried out, for this reason.
    Unfulfilled(String),
    /// It was not run, because an earlier step failed or the phase was stopped: for this reason, if known.
    Skipped(Option<String>),
    /// Its end is not known, because its worker was lost.
    #[default]
    Lost,
}

impl Outcome {
    /// The names of all outcomes, in the order in which summaries count them.
    pub const WORDS: [&str; 8] =
        ["passed", "failed", "timed out", "not started", "stopped", "skipped", "lost", "spawned"];

    /// Returns its name in reports.
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

    /// Returns its name with the exit status or signal: `failed: exit 3`.
    pub fn in_detail(&self) -> String {
        match self {
            Self::Failed(Ending::Exit(status)) => format!("failed: exit {status}"),
            Self::Failed(Ending::Signal(number)) => format!("failed: {}", signal_name(*number)),
            other => other.word().to_owned(),
        }
    }

    /// Returns its reason, if it has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotStarted(why) | Self::Unfulfilled(why) => Some(why),
            Self::Skipped(why) => why.as_deref(),
            _ => None,
        }
    }

    /// Returns the exit status and the signal of the process of `step`, as far as this outcome includes them.
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

    /// Describes the failure, to follow the name of what failed.
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

    /// Returns whether it is a failure. Not every failure of a step counts.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut(_) | Self::NotStarted(_) | Self::Unfulfilled(_))
    }

    /// Returns whether this outcome of `step` in `phase` makes the trial fail.
    pub fn fails(&self, step: Option<&Step>, phase: Phase) -> bool {
        self.is_failure() && self.excuse(step, phase).is_none()
    }

    /// Returns why this failure of `step` does not make the trial fail. `None` if it does, or if it is not a failure.
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

/// The result of a step.
#[derive(Debug, Clone, Default)]
pub struct StepResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped or stopped, could not continue, or is not known, if the cause lies elsewhere.
    pub because: Option<Blame>,
    /// When its process started; `None` if it did not, or if a Python player ran it.
    pub started: Option<Start>,
    /// How long its process ran; `None` if that is not known.
    pub duration: Option<Duration>,
    /// Its standard output.
    pub stdout: Output,
    /// Its standard error.
    pub stderr: Output,
    /// Whether processes other than the step's own still had its streams open when it ended.
    pub leaky: bool,
    /// These processes, as far as the player could identify them.
    pub holders: Box<[Process]>,
    /// The processes of the step that should have been stopped but could not be.
    pub not_stopped: Box<[Process]>,
    /// How it was stopped, if the first signal was not enough.
    pub forced: Option<Box<Forced>>,
    /// The attempts of an `until:` step, in order.
    pub attempts: Vec<Attempt>,
    /// The files that it fetched (`fetch:`), if any.
    pub files: Option<Box<FetchedFiles>>,
    /// Whether it is assumed, because the conductor was killed before the end of the step was recorded.
    pub is_assumed: bool,
}

/// How a step was stopped that did not end on the first signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    /// The last signal that was sent.
    pub signal: i32,
    /// The time from the first signal until all its processes had ended.
    pub after: Duration,
}

/// An attempt of a step that is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The time from the first start of the step to the start of this attempt.
    pub after: Duration,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The bytes on standard output and on standard error that earlier attempts printed.
    pub printed_before: [u64; 2],
}

impl StepResult {
    /// Returns why the step failed or was skipped, if more is known than its outcome.
    pub fn why(&self) -> Option<String> {
        self.outcome.reason().map(str::to_owned).or_else(|| self.attempts_in_vain())
    }

    /// Returns one of its outputs.
    pub fn output_mut(&mut self, stream: Stream) -> &mut Output {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Returns standard output and standard error.
    pub fn outputs(&self) -> [&Output; 2] {
        [&self.stdout, &self.stderr]
    }

    /// Returns whether none of its output was kept.
    pub fn is_silent(&self) -> bool {
        self.outputs().iter().all(|output| output.is_empty())
    }

    /// Returns whether some of its output could not be kept.
    pub fn is_unkept(&self) -> bool {
        self.outputs().iter().any(|output| output.unkept().is_some())
    }

    /// Returns whether more output may follow: the step was just spawned, or its streams are still open elsewhere.
    pub fn may_print_more(&self) -> bool {
        self.leaky || self.outcome == Outcome::Spawned
    }

    /// Stores the whole output of a stream of a leaky step so far. Returns whether it is longer than before.
    pub fn grow(&mut self, stream: Stream, output: &Output) -> bool {
        let is_more = self.leaky && output.printed() > self.output_mut(stream).printed();
        if is_more {
            *self.output_mut(stream) = output.clone();
        }
        is_more
    }

    /// Describes the failed attempts of a step that was repeated until its time limit.
    pub fn attempts_in_vain(&self) -> Option<String> {
        let Outcome::TimedOut(limit) = self.outcome else { return None };
        let (last, before) = self.attempts.split_last()?;
        // The time limit stopped the last attempt, so its outcome says nothing about the command.
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

    /// Creates a result without output.
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
