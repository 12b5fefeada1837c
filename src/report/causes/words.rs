//! Describes a cause and its consequences, in the same way in every report.

use humantime::format_duration;

use super::super::{Run, grouped, ranges, words};
use super::cause::{Cause, Consequence, Effect, Kind};
use super::printed::Printed;
use crate::model::{
    Action, Hint, Outcome, Phase, PlayerAddress, Step, StepReference, StepResult, WorkerId, signal_name,
};

/// The maximum number of workers that are named. If there are more, only their number is shown.
const NAMED: usize = 3;

/// The maximum number of different outcomes of checks that are listed.
const WAYS: usize = 3;

/// The maximum number of ranges of trials that are listed. If there are more, only the number of trials is shown.
const RANGES: usize = 10;

/// The description of a cause.
pub(in crate::report) struct Shown {
    /// The effect on the run: `failed`, `lost`, `incomplete`, `not carried out`, `interrupted`.
    pub(in crate::report) word: &'static str,
    /// The word, followed by what went wrong and where.
    pub(in crate::report) title: String,
    /// Details, one per line.
    pub(in crate::report) details: Vec<String>,
    /// The consequences in one line, if there are any.
    pub(in crate::report) consequences: Option<String>,
    /// What the user can do about it.
    pub(in crate::report) hint: Option<Hint>,
}

/// Describes this cause.
pub(in crate::report) fn shown(run: &Run, cause: &Cause) -> Shown {
    let consequences: Vec<String> = cause.consequences.iter().map(|consequence| consequence.text(run)).collect();
    Shown {
        word: word(cause),
        title: if matches!(cause.kind, Kind::Interrupted(_)) {
            title(run, cause)
        } else {
            format!("{}: {}", word(cause), title(run, cause))
        },
        details: details(run, cause),
        consequences: (!consequences.is_empty()).then(|| consequences.join("; ")),
        hint: cause.hint,
    }
}

impl Shown {
    /// Returns the lines below the title: details, the last lines of output, a hint, and the consequences.
    pub(in crate::report) fn below(self, printed: Option<Printed<'_>>) -> Vec<String> {
        let printed = printed.map(|printed| printed.last_lines()).unwrap_or_default();
        let hint = self.hint.map(|hint| format!("hint: {}", words::hint(hint)));
        let consequences = self.consequences.map(|all| format!("consequences: {all}"));
        self.details.into_iter().chain(printed).chain(hint).chain(consequences).collect()
    }
}

/// Returns the word for the effect on the run.
fn word(cause: &Cause) -> &'static str {
    match &cause.kind {
        Kind::Step(Outcome::Lost | Outcome::Skipped(_)) | Kind::Check(Outcome::Lost | Outcome::Stopped) => "incomplete",
        Kind::Check(Outcome::NotStarted(_)) | Kind::Unwritten(_) => "not carried out",
        Kind::Unreachable { .. } if cause.trial.is_none() => "not carried out",
        Kind::Step(_) | Kind::Unfinished(_) | Kind::Deadlock | Kind::Check(_) | Kind::Metric(..) => "failed",
        Kind::Lost(..) => "lost",
        Kind::LeftOut(..) | Kind::Unreachable { .. } | Kind::Skew(_) | Kind::RecordEnded => "incomplete",
        Kind::Interrupted(_) => "interrupted",
        Kind::Other(reason) => reason.kind(),
    }
}

/// Describes what went wrong, and where.
fn title(run: &Run, cause: &Cause) -> String {
    let (names, place) = (run.names(&cause.workers), place(run, cause));
    let first = cause.steps.first().copied();
    match &cause.kind {
        Kind::Step(outcome) => {
            let how = first.and_then(|step| run.finished(step)).map(|finished| how(finished.result()));
            format!("{} on {names}{place}: {}", step(run, first), how.unwrap_or_else(|| outcome.in_detail()))
        }
        Kind::Unfinished(barrier) => {
            let steps = steps(run, &cause.steps);
            format!("{steps}{place} had not ended when the time limit of barrier `{barrier}` expired")
        }
        Kind::Deadlock => format!("workers waited for each other{place}: {}", waiting(run, &cause.steps)),
        Kind::Check(outcome) => {
            let trial = cause.trial.and_then(|trial| run.trials.get(trial));
            let place = cause.trial.map_or(String::new(), |_| format!(" of {}", trials(run, cause.trials())));
            let how = trial.and_then(|trial| trial.check.as_deref()).map_or_else(|| outcome.in_detail(), how);
            match outcome {
                Outcome::Lost => format!("the result of `check`{place} is unknown"),
                Outcome::Stopped => format!("`check`{place} was stopped"),
                Outcome::NotStarted(_) => format!("`check`{place} {how}"),
                _ => format!("`check`{place}: {how}"),
            }
        }
        Kind::Metric(metric, what) => {
            let on = if cause.workers.is_empty() { String::new() } else { format!(" on {names}") };
            format!("metric `{metric}`{on} of {}: {what}", trials(run, cause.trials()))
        }
        Kind::Lost(reason) => format!("{names}{place}: {reason}"),
        Kind::LeftOut(reason) => {
            let was = if cause.workers.len() == 1 { "was" } else { "were" };
            format!("{} {was} left out: {reason}", at_players(run, &cause.workers))
        }
        Kind::Unreachable { refused, reason } => unreached(run, &cause.workers, *refused, reason),
        Kind::Skew(skew) => {
            let most = run.plan().and_then(|plan| plan.settings.max_start_skew).map(format_duration);
            let limit = most.map_or(String::new(), |most| format!(", but `max_start_skew` is {most}"));
            match skew.most() {
                Some(_) => format!("the start skew {} is {}{limit}", of_phase(run, cause), words::skew(skew)),
                None => format!("the start skew {} is unknown for {names}{limit}", of_phase(run, cause)),
            }
        }
        Kind::Unwritten(text) if cause.workers.is_empty() => text.clone(),
        Kind::Unwritten(text) => format!("{names}{place}: {text}"),
        Kind::Interrupted(signal) => format!("interrupted by {}{place}", signal_name(*signal)),
        Kind::RecordEnded => words::NO_END.to_owned(),
        Kind::Other(reason) => reason.text(),
    }
}

/// Returns details, one per line: how the attempts of a step ended, and the command of a step that printed nothing.
fn details(run: &Run, cause: &Cause) -> Vec<String> {
    let Kind::Step(_) = &cause.kind else { return Vec::new() };
    let Some((step, finished)) = cause.steps.first().and_then(|step| Some((*step, run.finished(*step)?))) else {
        return Vec::new();
    };
    let result = finished.result();
    let is_listed = result.attempts.len() > 1 && result.attempts_in_vain().is_none();
    let attempts = is_listed.then(|| words::attempts(&result.attempts));
    let command = result.is_silent().then(|| command(run.step(step)?)).flatten();
    attempts.into_iter().chain(command).collect()
}

/// Returns the command of a step, and its position in the configuration.
fn command(step: &Step) -> Option<String> {
    let Action::Command(command) = &step.action else { return None };
    let place = step.origin.as_ref().map_or(String::new(), |origin| format!(" ({origin})"));
    Some(format!("command: `{command}`{place}"))
}

impl Consequence {
    /// Describes the consequence as a message.
    pub(in crate::report) fn text(&self, run: &Run) -> String {
        let count = self.workers.len();
        let who = if count > NAMED { words::counted(count, "worker") } else { run.names(&self.workers) };
        let count = self.steps.len();
        let was = if count == 1 { "was" } else { "were" };
        let steps = || match self.steps[..] {
            [only] => format!("{} on {who}", step(run, Some(only))),
            _ => format!("{} on {who}", words::counted(count, "step")),
        };
        match &self.effect {
            Effect::Barrier(name) => format!("{who} could not pass barrier `{name}`"),
            Effect::Failed => format!("{} failed", steps()),
            Effect::Skipped => format!("{} {was} skipped", steps()),
            Effect::Stopped => format!("{} {was} stopped", steps()),
            Effect::Lost => format!("{} {was} lost", steps()),
            Effect::Unkept => format!("the output of {} is incomplete", steps()),
            Effect::Skew(phase) => {
                format!("the start skew of {phase} in {} is not known", trials(run, self.trials.iter().copied()))
            }
            Effect::Check => self.checks(run),
            Effect::Metrics => self.missing_metrics(run),
            Effect::NotReset => format!("it is unknown whether Reset ended on {who}"),
            Effect::Trials(count, again) => {
                let were = if *count == 1 { "was" } else { "were" };
                let why = again.as_ref().map(|why| format!(", because {who} could not be reached again: {why}"));
                format!("{} {were} not run{}", words::counted(*count as usize, "trial"), why.unwrap_or_default())
            }
        }
    }

    /// Describes the missing metrics.
    fn missing_metrics(&self, run: &Run) -> String {
        let of = trials(run, self.trials.iter().copied());
        match self.metrics.first().filter(|_| self.metrics.len() == 1) {
            Some(only) => format!("metric `{only}` of {of} is missing"),
            None => format!("{} of {of} are missing", words::counted(self.metrics.len(), "metric")),
        }
    }

    /// Describes failed checks. Checks with the same outcome are merged, in the order of the first of each.
    fn checks(&self, run: &Run) -> String {
        let how = |trial: &u32| {
            let check = run.trials.get(*trial).and_then(|trial| trial.check.as_deref());
            check.filter(|check| check.outcome != Outcome::Stopped).map(how)
        };
        let alike = grouped(self.trials.iter().map(|trial| (how(trial), *trial)));
        let text = |(how, numbers): (Option<String>, Vec<u32>)| {
            let of = trials(run, numbers.into_iter());
            how.map_or_else(|| format!("`check` of {of} was stopped"), |how| format!("`check` of {of} failed: {how}"))
        };
        let others: usize = alike.iter().skip(WAYS).map(|(_, trials)| trials.len()).sum();
        let others = (others > 0).then(|| format!("`check` of {} did not pass", words::counted(others, "more trial")));
        alike.into_iter().take(WAYS).map(text).chain(others).collect::<Vec<_>>().join("; ")
    }
}

/// Lists trials, with the number of warm-up trials: `trial 3`, `trials 2-5,7`, `trial 1 (warm-up)`.
fn trials(run: &Run, numbers: impl Iterator<Item = u32>) -> String {
    let numbers: Vec<u32> = numbers.collect();
    let all = if numbers.len() == 1 { "trial" } else { "trials" };
    let told = ranges(&numbers);
    let told = match numbers[..] {
        [first, .., last] if told.split(',').count() > RANGES => {
            format!("{} of trials {first}-{last}", numbers.len())
        }
        _ => format!("{all} {told}"),
    };
    let is_warm_up = |number: &&u32| run.trials.get(**number).is_some_and(|trial| trial.slot.warm_up);
    let warm_up = match numbers.iter().filter(is_warm_up).count() {
        0 => String::new(),
        all if all == numbers.len() => " (warm-up)".to_owned(),
        some => format!(" ({some} of them warm-up)"),
    };
    format!("{told}{warm_up}")
}

/// Describes how a step ended, to be placed after its name and a colon.
fn how(result: &StepResult) -> String {
    let how = match &result.outcome {
        Outcome::TimedOut(limit) => format!("timed out after {}", format_duration(*limit)),
        Outcome::NotStarted(why) => format!("could not be started: {why}"),
        Outcome::Unfulfilled(why) => why.clone(),
        Outcome::Lost => "its result is unknown".to_owned(),
        other => other.in_detail().trim_start_matches("failed: ").to_owned(),
    };
    result.attempts_in_vain().map_or(how.clone(), |attempts| format!("{how}: {attempts}"))
}

/// Returns `of PHASE in TRIAL`, to be placed after what belongs to the phase.
fn of_phase(run: &Run, cause: &Cause) -> String {
    let (phase, trial) = (cause.phase.map_or("?", Phase::word), cause.trial.unwrap_or_default());
    format!("of {phase} in {}", trials(run, std::iter::once(trial)))
}

/// Returns the phase and the trials of a cause, to be placed after the name of what failed.
fn place(run: &Run, cause: &Cause) -> String {
    match (cause.phase, cause.trial) {
        (Some(phase), Some(_)) => format!(" in {phase} of {}", trials(run, cause.trials())),
        (None, Some(_)) => format!(" in {}", trials(run, cause.trials())),
        _ => String::new(),
    }
}

/// Describes workers that could not be reached.
fn unreached(run: &Run, workers: &[WorkerId], refused: bool, reason: &str) -> String {
    let only = workers.first().filter(|_| workers.len() == 1 && !refused).and_then(|worker| run.worker(*worker));
    match only.map(|worker| (&worker.name, &worker.player)) {
        Some((name, PlayerAddress::Transport(transport))) => {
            format!("worker `{name}` could not be reached through `{transport}`: {reason}")
        }
        _ if refused => format!("{}: {reason}", at_players(run, workers)),
        _ => format!("{} could not be reached: {reason}", at_players(run, workers)),
    }
}

/// Lists workers with the addresses of their players, or only the workers if there are many.
fn at_players(run: &Run, workers: &[WorkerId]) -> String {
    let all = if workers.len() == 1 { "worker" } else { "workers" };
    if workers.len() > NAMED {
        return format!("{all} {}", run.names(workers));
    }
    let at = workers.iter().filter_map(|worker| run.worker(*worker));
    let at: Vec<String> = at.map(|worker| format!("`{}` at {}", worker.name, worker.player)).collect();
    format!("{all} {}", at.join(", "))
}

fn step(run: &Run, step: Option<StepReference>) -> String {
    let label = step.and_then(|step| run.step(step)).map_or("?", |step| step.label.as_str());
    format!("`{label}`")
}

/// Lists steps with their workers: `load` on node01, `save` on node02.
fn steps(run: &Run, steps: &[StepReference]) -> String {
    let groups = grouped(steps.iter().map(|reference| (step(run, Some(*reference)), &reference.worker)));
    let texts = groups.into_iter().map(|(label, workers)| format!("{label} on {}", run.names(workers)));
    texts.collect::<Vec<_>>().join(", ")
}

/// Lists workers with the barriers at which they wait.
fn waiting(run: &Run, steps: &[StepReference]) -> String {
    let at = |reference: &StepReference| {
        let barrier = match run.step(*reference).map(|step| &step.action) {
            Some(Action::Barrier(name)) => name,
            _ => "?",
        };
        format!("{} at barrier `{barrier}`", run.name(reference.worker))
    };
    steps.iter().map(at).collect::<Vec<_>>().join(", ")
}
