//! The verdict of a trial and of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::signal_name;

/// How a trial, or a run as a whole, went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step that counts passed, on every worker.
    Passed,
    /// A step that counts failed.
    Failed,
    /// Not everything that was asked for was seen: a worker was lost or left out, or the run was ended early.
    Incomplete,
}

impl Verdict {
    /// The word for it in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// What is in the reason of a worker whose player could not be reached any more.
pub const NOT_REACHED_AGAIN: &str = "it could not be reached again within its lease of";

/// Why a run is not simply passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It could not be carried out: a player can't be reached, is busy, or an output can't be written.
    NotCarriedOut(String),
    /// A signal of this number told the conductor to stop.
    Interrupted(i32),
    /// Something was not seen to its end.
    Incomplete(String),
    /// A step failed.
    Failed(String),
}

impl Reason {
    /// The sentence for people.
    pub fn text(&self) -> String {
        match self {
            Self::NotCarriedOut(text) | Self::Incomplete(text) | Self::Failed(text) => text.clone(),
            Self::Interrupted(signal) => format!("interrupted by {}", signal_name(*signal)),
        }
    }
}

/// How a run as a whole went, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// How it went.
    pub verdict: Verdict,
    /// Why; empty when it passed.
    pub reasons: Vec<Reason>,
}
