//! The report of a command's supervisor to the process that started it. It is the only message.

use serde::{Deserialize, Serialize};

use super::{OutcomeMessage, peer};
use crate::model::Process;

/// The result of a supervised command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorMessage {
    /// How the command ended.
    pub outcome: OutcomeMessage,
    /// How long its own process ran, in nanoseconds; absent if it did not start, or has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// The processes that were still running after the command had ended by itself. They were stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Process>,
    /// The processes that could not be stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub not_stopped: Vec<Process>,
}

impl From<OutcomeMessage> for SupervisorMessage {
    fn from(outcome: OutcomeMessage) -> Self {
        Self { outcome, duration: None, left: Vec::new(), not_stopped: Vec::new() }
    }
}
