//! The events that a session handles, and the actions that it returns.

use std::time::Duration;

use rustix::process::Signal;

use crate::model::{PlayerTime, StepId};
use crate::player::note::Note;
use crate::wire::{ConductorMessage, OutcomeMessage, PlayerMessage, StepEndedMessage, StepStartedMessage};

/// What is decided about one event.
#[derive(Debug)]
pub(super) struct Turn {
    /// The time.
    pub(super) now: PlayerTime,
    /// What is to be done.
    pub(super) actions: Vec<SessionAction>,
}

impl Turn {
    pub(super) fn push(&mut self, action: SessionAction) {
        self.actions.push(action);
    }

    /// Sends a message to the conductor.
    pub(super) fn send(&mut self, message: PlayerMessage) {
        self.push(SessionAction::Send(message));
    }
}

/// Why a step's process did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStarted {
    /// A sentence for people.
    pub why: String,
    /// Whether something was lacking that may be there later: processes, memory, descriptors.
    pub may_work_later: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A message of the conductor.
    Message(ConductorMessage),
    /// A step's process runs.
    Started(StepStartedMessage),
    /// A step's process could not be created.
    NotStarted(StepId, NotStarted),
    /// A step's process has ended at this time. If there is another attempt, the step itself goes on.
    Ended(StepEndedMessage, PlayerTime),
    /// A spawned step has printed a line that another step awaits.
    Printed {
        /// The spawned step.
        by: StepId,
        /// The step that waits for the line, or will.
        awaiting: StepId,
        /// When.
        at: PlayerTime,
    },
    /// The files of a step are transferred, or cannot be.
    TransferEnded {
        /// Which step.
        key: StepId,
        /// How that went.
        outcome: OutcomeMessage,
        /// When it was over.
        at: PlayerTime,
    },
    /// Nothing that was started is left, except what could not be stopped; with sentences about what was found.
    Swept(Vec<String>),
    /// The conductor is gone, or the player is to stop: the session is orphaned.
    Orphaned {
        /// Why, for the log.
        reason: String,
        /// How long Reset may take at most, when that is less than the plan allows.
        reset_limit: Option<Duration>,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAction {
    /// Send a message to the conductor.
    Send(PlayerMessage),
    /// Create a step's process.
    Start {
        /// Which.
        key: StepId,
        /// When it is to start; `None` means at once.
        at: Option<PlayerTime>,
        /// Whether it is another attempt.
        again: bool,
    },
    /// A spawned step runs: later steps have to know its process, which is that of its last attempt.
    Spawned {
        /// Which.
        key: StepId,
        /// The number of its process.
        pid: u32,
    },
    /// Stop a step's process, with this signal first; its end comes as an event. Each signal has some time before the next,
    /// stronger one.
    Stop(StepId, Signal),
    /// Transfer the files of a step; the end of it comes as an event.
    Transfer(StepId),
    /// Stop transferring them; no event follows.
    CancelTransfer(StepId),
    /// Stop everything that was started; the end of it comes as an event.
    Sweep,
    /// Report this to the listener, which cleans up if the session dies.
    Report(Note),
    /// The session is over.
    Finish,
}
