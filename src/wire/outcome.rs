//! The outcome of a step and of each of its attempts, as sent on the wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::peer;
use crate::model::{Ending, Outcome};

/// One attempt of an `until:` step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptMessage {
    /// How long after the first start of the step the attempt was started, in nanoseconds.
    pub after: u64,
    /// How long it took, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How many bytes of standard output the earlier attempts had printed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stdout: u64,
    /// How many bytes of standard error the earlier attempts had printed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stderr: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OutcomeMessage {
    /// It exited by itself.
    Exit {
        /// Its exit status.
        status: i32,
    },
    /// It was ended by a signal that was not ours.
    Signal {
        /// The number of the signal.
        signal: i32,
    },
    /// It took too long and was stopped.
    TimedOut {
        /// The limit in nanoseconds.
        after: u64,
    },
    /// It has run for the required time (`for:`) and was then stopped, so it passed.
    Elapsed {
        /// The time in nanoseconds.
        after: u64,
    },
    /// It continues in the background.
    Spawned,
    /// It was stopped.
    Stopped,
    /// It was never run.
    Skipped {
        /// The reason, if it was not the conductor's decision.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
        why: Option<String>,
    },
    /// Its process could not be created.
    NotStarted {
        /// The reason.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
    /// It was not a command, and its action could not be carried out.
    Unfulfilled {
        /// The reason.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
}

impl OutcomeMessage {
    /// Whether it is a failure, which makes a `must:` step skip the rest of its phase.
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
