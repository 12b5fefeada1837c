//! A line of the log, on its way from one process to another.

use serde::{Deserialize, Serialize};

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warning,
    /// What happens.
    Info,
    /// Details, or a level of a later version.
    #[serde(other)]
    Debug,
}

/// A line of the log of a player that serves one session, which its session process sends to the conductor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}
