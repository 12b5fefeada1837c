//! Finds what a metric is read from, and what can prevent its measurement.

use super::super::{Measured, Run, Trial};
use super::root::Key;
use crate::model::{Action, Phase, PlannedStep, Source, StepReference, WorkerId};

/// The source of a metric in a trial.
pub(super) enum Reads {
    /// These steps, one per worker.
    Steps(Vec<StepReference>),
    /// The output of `check`.
    Check,
    /// The starts of all workers in a phase.
    Starts(Phase),
}

/// Returns the source of a metric in this trial.
pub(super) fn reads(run: &Run, trial: &Trial, measured: &Measured) -> Reads {
    // A metric that only `check` printed has no section in the test file.
    let Some(metric) = run.plan().and_then(|plan| plan.metric(&measured.metric)) else { return Reads::Check };
    let trial = trial.number;
    let steps: Vec<StepReference> = match &metric.source {
        Some(Source::Check) => return Reads::Check,
        Some(Source::StartSkew(phase)) => return Reads::Starts(*phase),
        Some(Source::Output(steps, _) | Source::Duration(steps)) => {
            let step = |PlannedStep { worker, phase, position }| StepReference { trial, phase, worker, position };
            steps.iter().copied().map(step).collect()
        }
        Some(Source::File(workers, _)) => workers.iter().flat_map(|worker| fetches(run, trial, *worker)).collect(),
        None => Vec::new(),
    };
    let is_read = |step: &StepReference| measured.worker.is_none_or(|worker| worker == step.worker);
    Reads::Steps(steps.into_iter().filter(is_read).collect())
}

/// Returns the steps of a worker that fetch files.
fn fetches(run: &Run, trial: u32, worker: WorkerId) -> Vec<StepReference> {
    let Some(own) = run.worker_in(trial, worker) else { return Vec::new() };
    let all = own.steps.iter().flat_map(|(phase, steps)| steps.iter().enumerate().map(move |step| (phase, step)));
    let fetches = all.filter(|(_, (_, step))| matches!(step.action, Action::Fetch(_)));
    fetches.map(|(phase, (position, _))| StepReference { trial, phase, worker, position }).collect()
}

/// Returns the possible causes of a worker's absence from a trial.
pub(super) fn absent(trial: u32, worker: WorkerId) -> [Key; 3] {
    [Key::Lost(Some(trial), worker), Key::Lost(None, worker), Key::Interrupted]
}
