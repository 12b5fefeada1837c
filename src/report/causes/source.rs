//! What a metric is made of, by what its `from` says, and what kept it from being measured.

use super::super::{Measured, Run, Trial};
use super::root::Key;
use crate::model::{Action, Phase, StepReference, WorkerId};

/// What a metric reads in a trial.
pub(super) enum Reads {
    /// These steps, of one worker each.
    Steps(Vec<StepReference>),
    /// What `check` prints.
    Check,
    /// The starts of all workers in a phase.
    Starts(Phase),
}

/// What a metric reads in this trial.
pub(super) fn reads(run: &Run, trial: &Trial, measured: &Measured) -> Reads {
    let metrics = run.plan().map_or(&[][..], |plan| &plan.metrics);
    let Some(metric) = metrics.iter().find(|metric| metric.name == *measured.metric) else { return Reads::Check };
    let from = metric.from.as_str();
    if from == "check" {
        return Reads::Check;
    }
    let skew = from.strip_prefix("start_skew.").and_then(|word| word.parse().ok());
    let workers: Vec<WorkerId> = match measured.worker {
        Some(worker) => vec![worker],
        None => run.plan().into_iter().flat_map(|plan| plan.workers().map(|(id, _)| id)).collect(),
    };
    let steps: Vec<_> = workers.into_iter().flat_map(|worker| of_worker(run, trial.number, worker, from)).collect();
    match skew.filter(|_| steps.is_empty()) {
        Some(phase) => Reads::Starts(phase),
        None => Reads::Steps(steps),
    }
}

/// The steps of a worker that `from` names: those that fetch files, if it names a file.
fn of_worker(run: &Run, trial: u32, worker: WorkerId, from: &str) -> Vec<StepReference> {
    let (Some(own), name) = (run.worker_in(trial, worker), run.name(worker)) else { return Vec::new() };
    let file = from.strip_prefix("file:").and_then(|place| place.split_once('/'));
    let printed = from.strip_suffix(":stderr").or(from.strip_suffix(":stdout")).unwrap_or(from).to_lowercase();
    let timed = printed.strip_prefix("step.").unwrap_or(&printed);
    // Labels and phases are keys of a configuration: upper and lower case are the same.
    let is_named = |phase: Phase, place: &str| {
        let end = format!(".{phase}.{}", place.to_lowercase());
        [printed.as_str(), timed].iter().any(|text| text.strip_suffix(&end).is_some_and(|names| has(names, name)))
    };
    let all =
        Phase::ALL.into_iter().flat_map(|phase| own.steps[phase].iter().enumerate().map(move |step| (phase, step)));
    let read = all.filter(|(phase, (position, step))| match file {
        Some((names, _)) => matches!(step.action, Action::Fetch(_)) && has(names, name),
        None => is_named(*phase, step.label.as_str()) || is_named(*phase, &format!("#{}", position + 1)),
    });
    read.map(|(phase, (position, _))| StepReference { trial, phase, worker, position }).collect()
}

/// Whether a name or a range has this worker.
fn has(names: &str, worker: &str) -> bool {
    let (names, worker) = (names.to_lowercase(), worker.to_lowercase());
    names == worker || names.split_once('[').is_some_and(|(before, _)| worker.starts_with(before))
}

/// The causes that a worker's absence from a trial may have.
pub(super) fn absent(trial: u32, worker: WorkerId) -> [Key; 3] {
    [Key::Lost(Some(trial), worker), Key::Lost(None, worker), Key::Interrupted]
}
