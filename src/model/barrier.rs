//! What became of a barrier.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::recorded::RecordedBarrier;
use super::{StartSkew, WorkerId};

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
