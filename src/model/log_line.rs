//! A line of the log, on its way from one process to another.

use serde::{Deserialize, Serialize};

/// The level of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warning,
    /// Something happened that is not a problem.
    Info,
    /// Details, or a level of a later version.
    #[serde(other)]
    Debug,
}

/// A line of the log of a session player. Its session process sends it to the conductor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The message.
    pub message: String,
}
