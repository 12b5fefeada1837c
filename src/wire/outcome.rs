//! How a step ended, as the wire has it, and each of its attempts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::peer;
use crate::model::{Ending, Outcome};

/// One attempt of a step that is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptMessage {
    /// How long after the step's first start it was started, in nanoseconds.
    pub after: u64,
    /// How long it took, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How many bytes of standard output the attempts before it had printed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stdout: u64,
    /// The same for standard error.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stderr: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OutcomeMessage {
    /// By itself.
    Exit {
        /// Its exit status.
        status: i32,
    },
    /// By a signal that was not ours.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// It took too long and was stopped.
    TimedOut {
        /// The limit in nanoseconds.
        after: u64,
    },
    /// It was to go on for so long (`for:`), did, and was stopped then: it passed.
    Elapsed {
        /// The time in nanoseconds.
        after: u64,
    },
    /// It goes on in the background.
    Spawned,
    /// It was stopped.
    Stopped,
    /// It was never run.
    Skipped {
        /// Why, where that was not for the conductor to decide.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
        why: Option<String>,
    },
    /// Its process could not be made.
    NotStarted {
        /// Why.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
    /// What it was to do, other than running a command, could not be done.
    Unfulfilled {
        /// Why.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
}

impl OutcomeMessage {
    /// Whether it keeps the steps behind a `must:` from running.
    pub fn is_failure(&self) -> bool {
        Outcome::from(self.clone()).is_failure()
    }
}

impl From<OutcomeMessage> for Outcome {
    fn from(message: OutcomeMessage) -> Self {
        match message {
            OutcomeMessage::Exit { status: 0 } | OutcomeMessage::Elapsed { .. } => Self::Passed,
            OutcomeMessage::Exit { status } => Self::Failed(Ending::Exit(status)),
            OutcomeMessage::Signal { signal } => Self::Failed(Ending::Signal(signal)),
            OutcomeMessage::TimedOut { after } => Self::TimedOut(Duration::from_nanos(after)),
            OutcomeMessage::Spawned => Self::Spawned,
            OutcomeMessage::Stopped => Self::Stopped,
            OutcomeMessage::Skipped { why } => Self::Skipped(why),
            OutcomeMessage::NotStarted { why } => Self::NotStarted(why),
            OutcomeMessage::Unfulfilled { why } => Self::Unfulfilled(why),
        }
    }
}
