//! Why a step was not carried out or a barrier was not passed, if the cause lies elsewhere.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Phase, Plan, StepReference, WorkerId, signal_name};

/// Why a step was skipped or stopped, or why its result is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// This step failed: a `must:` step of the same phase, or any step with `on_failure = stop`.
    Step(StepReference),
    /// The worker of the step was lost, or its player leaves.
    Worker(WorkerId),
    /// This signal interrupted the run.
    Signal(i32),
}

/// For serde: reads a recorded value. A value that only a later version knows becomes `None`.
pub(super) fn known<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Recorded<T> {
        Known(T),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Recorded::deserialize(deserializer)? {
        Recorded::Known(known) => Some(known),
        Recorded::Other(_) => None,
    })
}

impl Blame {
    /// Describes why a phase was stopped, as a message.
    pub fn why_stopped(self, plan: &Plan) -> String {
        match self {
            Self::Step(step) => {
                let (label, name) = (plan.label(step), plan.name(step.worker));
                format!("`on_failure = stop`: step `{label}` failed on worker `{name}`")
            }
            Self::Worker(worker) => format!("worker `{}` was lost", plan.name(worker)),
            Self::Signal(signal) => format!("interrupted by {}", signal_name(signal)),
        }
    }
}

/// Why a barrier was not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BarrierFailure {
    /// The phase was stopped before all workers had arrived.
    Stopped,
    /// This worker did not arrive.
    Missing(WorkerId, Absence),
    /// The text that an earlier version recorded.
    Told(String),
}

/// Why a worker did not arrive at a barrier, or did not stay there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// It was lost, at this step.
    Lost(Option<StepReference>),
    /// Its player leaves, for this reason.
    Leaves(String),
    /// It has finished the phase.
    Finished(Phase),
    /// It skipped the barrier.
    Skipped,
    /// The time limit of its barrier expired before these steps of other workers had ended.
    StoppedWaiting(Vec<StepReference>),
    /// It reached the barrier but did not wait there.
    DidNotWait,
    /// It waits at this barrier, which cannot be passed either.
    WaitsAt(String),
}

impl BarrierFailure {
    /// Describes the failure as a message.
    pub fn text(&self, plan: Option<&Plan>) -> String {
        match self {
            Self::Stopped => "the phase was stopped before all workers had reached the barrier".to_owned(),
            Self::Missing(worker, why) => {
                format!("worker `{}` {}", plan.map_or("?", |plan| plan.name(*worker)), why.text(plan))
            }
            Self::Told(text) => text.clone(),
        }
    }
}

impl Absence {
    /// Describes the absence as a message that follows the worker's name.
    fn text(&self, plan: Option<&Plan>) -> String {
        match self {
            Self::Lost(Some(step)) => {
                format!("is lost, last seen at `{}`", plan.map_or("?", |plan| plan.label(*step)))
            }
            Self::Lost(None) => "is lost".to_owned(),
            Self::Leaves(reason) => format!("leaves: {reason}"),
            Self::Finished(phase) => format!("has finished its {phase}"),
            Self::Skipped => "skipped it".to_owned(),
            Self::StoppedWaiting(_) => "stopped waiting".to_owned(),
            Self::DidNotWait => "did not wait for it".to_owned(),
            Self::WaitsAt(barrier) => format!("waits at barrier `{barrier}`"),
        }
    }
}
