//! What the keeper of a command tells whoever started it, as its only word.

use serde::{Deserialize, Serialize};

use super::{OutcomeMessage, peer};
use crate::model::Process;

/// What came of a command that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperMessage {
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How long its own process ran, in nanoseconds; nothing when it did not start, or has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// What it left when it ended by itself; it was ended then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Process>,
    /// What could not be ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub not_stopped: Vec<Process>,
}

impl From<OutcomeMessage> for KeeperMessage {
    fn from(outcome: OutcomeMessage) -> Self {
        Self { outcome, duration: None, left: Vec::new(), not_stopped: Vec::new() }
    }
}
