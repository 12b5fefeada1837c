//! How the record of a run has the values that it does not have as they are: workers by their names, results without
//! the bytes of their outputs. All durations are nanoseconds.

mod names;
mod player;
mod result;

pub use names::Names;
pub use player::PlayerEntry;

pub(super) use names::StepName;
pub(super) use result::{check_ended, step_ended};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BarrierResult, Nanoseconds, StartSkew, WorkerId};

/// Workers, and how many they are.
#[derive(Serialize, Deserialize)]
struct Unknown {
    unknown: Vec<WorkerId>,
    unknown_workers: usize,
}

/// For serde: workers whose start is not known.
pub(super) mod unknown {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Unknown, WorkerId};

    pub fn serialize<S: Serializer>(workers: &[WorkerId], serializer: S) -> Result<S::Ok, S::Error> {
        Unknown { unknown: workers.to_vec(), unknown_workers: workers.len() }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WorkerId>, D::Error> {
        Unknown::deserialize(deserializer).map(|recorded| recorded.unknown)
    }
}

/// What became of a barrier.
#[derive(Serialize, Deserialize)]
pub(super) struct RecordedBarrier {
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
