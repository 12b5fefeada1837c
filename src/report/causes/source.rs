//! What a metric is made of, and what kept it from being measured.

use super::super::{Measured, Run, Trial};
use super::root::Key;
use crate::model::{Action, Phase, PlannedStep, Source, StepReference, WorkerId};

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
    // One that only `check` printed has no section.
    let Some(metric) = metrics.iter().find(|metric| metric.name == *measured.metric) else { return Reads::Check };
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

/// The steps of a worker that fetch files.
fn fetches(run: &Run, trial: u32, worker: WorkerId) -> Vec<StepReference> {
    let Some(own) = run.worker_in(trial, worker) else { return Vec::new() };
    let all =
        Phase::ALL.into_iter().flat_map(|phase| own.steps[phase].iter().enumerate().map(move |step| (phase, step)));
    let fetches = all.filter(|(_, (_, step))| matches!(step.action, Action::Fetch(_)));
    fetches.map(|(phase, (position, _))| StepReference { trial, phase, worker, position }).collect()
}

/// The causes that a worker's absence from a trial may have.
pub(super) fn absent(trial: u32, worker: WorkerId) -> [Key; 3] {
    [Key::Lost(Some(trial), worker), Key::Lost(None, worker), Key::Interrupted]
}
