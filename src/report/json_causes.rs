//! The causes of a run that did not pass, in the `json` report.

use serde::Serialize;

use super::causes::{self, Cause, Consequence};
use super::{Ended, Run};
use crate::model::{ConductorTime, StepReference, WorkerId, object};

/// Returns the causes in order of time. `date` formats times.
pub(super) fn entries<D: Serialize>(ended: Ended<'_>, date: impl Fn(ConductorTime) -> D) -> Vec<impl Serialize> {
    let run = ended.run;
    let all = causes::causes(run, Some(ended.conclusion));
    all.iter().map(|cause| entry(run, cause, date(cause.at))).collect()
}

fn entry<D: Serialize>(run: &Run, cause: &Cause, timestamp: D) -> impl Serialize + use<D> {
    let shown = causes::shown(run, cause);
    object! {
        timestamp: timestamp,
        kind: cause.kind.word(),
        verdict: shown.word,
        trial: cause.trial,
        // All trials, if there are several.
        trials: @optional (!cause.more_trials.is_empty()).then(|| cause.trials().collect::<Vec<_>>()),
        phase: cause.phase,
        workers: names(run, cause.workers.iter().copied()),
        steps: steps(run, &cause.steps),
        // The same text as in the other reports.
        text: shown.title,
        hint: @optional shown.hint,
        consequences: cause.consequences.iter().map(|one| consequence(run, one)).collect::<Vec<_>>(),
    }
}

fn consequence(run: &Run, consequence: &Consequence) -> impl Serialize + use<> {
    object! {
        kind: consequence.effect.word(),
        text: consequence.text(run),
        // The trials whose start skews, checks or metrics are affected.
        trials: @optional (!consequence.trials.is_empty()).then(|| consequence.trials.clone()),
        workers: names(run, consequence.workers.iter().copied()),
        steps: steps(run, &consequence.steps),
    }
}

fn names(run: &Run, workers: impl Iterator<Item = WorkerId>) -> Vec<String> {
    workers.map(|worker| run.name(worker).to_owned()).collect()
}

fn steps(run: &Run, steps: &[StepReference]) -> Vec<impl Serialize + use<>> {
    let entry = |reference: &StepReference| {
        let StepReference { trial, phase, worker, position } = *reference;
        let step = run.step(*reference).map(|step| step.label.as_str().to_owned());
        object! { trial: trial, phase: phase, worker: run.name(worker).to_owned(), position: position, step: step }
    };
    steps.iter().map(entry).collect()
}
