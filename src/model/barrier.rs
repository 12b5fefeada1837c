//! What became of a barrier.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Nanoseconds, StartSkew, WorkerId};

/// What became of a barrier in one phase of one trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RecordedBarrier", from = "RecordedBarrier")]
pub struct BarrierResult {
    /// Its name.
    pub name: String,
    /// The workers that arrived, and how long each waited.
    pub waited: Vec<(WorkerId, Duration)>,
    /// How far apart the workers that had another process behind it went on; or why it was never passed.
    pub passed: Result<Option<StartSkew>, String>,
}

/// What became of a barrier, in the record of a run.
#[derive(Serialize, Deserialize)]
struct RecordedBarrier {
    name: String,
    passed: bool,
    reason: Option<String>,
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
        let (passed, release_skew, reason) = match passed {
            Ok(skew) => (true, skew, None),
            Err(why) => (false, None, Some(why)),
        };
        Self { name, passed, reason, waited_workers: waited.len(), waited, release_skew }
    }
}

impl From<RecordedBarrier> for BarrierResult {
    fn from(RecordedBarrier { name, passed, reason, waited, release_skew, .. }: RecordedBarrier) -> Self {
        let passed = if passed { Ok(release_skew) } else { Err(reason.unwrap_or_default()) };
        let waited = waited.into_iter().map(|Waited { worker, waited_ns }| (worker, waited_ns.into()));
        Self { name, waited: waited.collect(), passed }
    }
}
