//! The result of a barrier.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::blame::known;
use super::{Absence, BarrierFailure, Names, Nanoseconds, StartSkew, WorkerId};

/// The result of a barrier in one phase of one trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RecordedBarrier", from = "RecordedBarrier")]
pub struct BarrierResult {
    /// Its name.
    pub name: String,
    /// The workers that arrived, and how long each waited.
    pub waited: Vec<(WorkerId, Duration)>,
    /// The release skew of the workers whose next step starts a process, or why the barrier was not passed.
    pub passed: Result<Option<StartSkew>, BarrierFailure>,
}

/// The result of a barrier, as the record of a run stores it.
#[derive(Serialize, Deserialize)]
struct RecordedBarrier {
    name: String,
    passed: bool,
    reason: Option<String>,
    /// The worker that did not arrive, and the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<WorkerId>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    absence: Option<Absence>,
    /// Whether the phase was stopped before all workers had arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    waited: Vec<Waited>,
    waited_workers: usize,
    release_skew: Option<StartSkew>,
}

/// How long a worker waited at a barrier.
#[derive(Serialize, Deserialize)]
struct Waited {
    worker: WorkerId,
    waited_ns: Nanoseconds,
}

impl From<BarrierResult> for RecordedBarrier {
    fn from(BarrierResult { name, waited, passed }: BarrierResult) -> Self {
        let waited = waited.into_iter().map(|(worker, time)| Waited { worker, waited_ns: time.into() });
        let waited: Vec<_> = waited.collect();
        let (passed, release_skew, failure) = match passed {
            Ok(skew) => (true, skew, None),
            Err(failure) => (false, None, Some(failure)),
        };
        let reason = failure.as_ref().map(|failure| failure.text(Names::plan().as_deref()));
        let stopped = failure == Some(BarrierFailure::Stopped);
        let (missing, absence) = match failure {
            Some(BarrierFailure::Missing(worker, why)) => (Some(worker), Some(why)),
            _ => (None, None),
        };
        Self { name, passed, reason, missing, absence, stopped, waited_workers: waited.len(), waited, release_skew }
    }
}

impl From<RecordedBarrier> for BarrierResult {
    fn from(recorded: RecordedBarrier) -> Self {
        let RecordedBarrier { name, passed, reason, missing, absence, stopped, waited, release_skew, .. } = recorded;
        let failure = match (missing.zip(absence), stopped) {
            (Some((worker, why)), _) => BarrierFailure::Missing(worker, why),
            (None, true) => BarrierFailure::Stopped,
            (None, false) => BarrierFailure::Told(reason.unwrap_or_default()),
        };
        let passed = if passed { Ok(release_skew) } else { Err(failure) };
        let waited = waited.into_iter().map(|Waited { worker, waited_ns }| (worker, waited_ns.into()));
        Self { name, waited: waited.collect(), passed }
    }
}
