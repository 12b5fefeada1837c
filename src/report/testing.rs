//! Helpers for tests of other modules: the causes that are found in the events of a run, as plain values, and the
//! reports of a run.

use super::causes::causes as found;
use super::record::Run;
pub(crate) use super::recorded::{failed, lost, measured, passed, plain, snapshot, told};

use crate::model::{Event, Phase, Stamped, StepReference, WorkerId};

/// A cause.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) trial: Option<u32>,
    /// All trials in which this went wrong.
    pub(crate) trials: Vec<u32>,
    pub(crate) phase: Option<Phase>,
    pub(crate) workers: Vec<WorkerId>,
    pub(crate) steps: Vec<StepReference>,
    /// The steps among the consequences.
    pub(crate) consequences: Vec<StepReference>,
}

/// Returns the causes of a run that has ended.
pub(crate) fn causes(events: &[Stamped]) -> Vec<Told> {
    let mut run = Run::default();
    let mut conclusion = None;
    for Stamped { at, event } in events {
        match event {
            Event::RunEnded { conclusion: end } => conclusion = Some(end),
            other => run.take(*at, other),
        }
    }
    let told = found(&run, conclusion).into_iter().map(|cause| Told {
        kind: cause.kind.word(),
        trial: cause.trial,
        trials: cause.trials().collect(),
        phase: cause.phase,
        workers: cause.workers,
        steps: cause.steps,
        consequences: cause.consequences.into_iter().filter(is_of_steps).flat_map(|one| one.steps).collect(),
    });
    told.collect()
}

/// Whether the consequence affects the steps themselves, and not only their output.
fn is_of_steps(consequence: &super::causes::Consequence) -> bool {
    consequence.effect != super::causes::Effect::Unkept
}
