//! The events that a session handles, and the actions that it returns.

use std::time::Duration;

use rustix::process::Signal;

use crate::model::{PlayerTime, StepId};
use crate::player::note::Note;
use crate::wire::{ConductorMessage, OutcomeMessage, PlayerMessage, StepEndedMessage, StepStartedMessage};

/// The handling of one event.
#[derive(Debug)]
pub(super) struct Turn {
    /// The current time.
    pub(super) now: PlayerTime,
    /// The resulting actions.
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

/// The reason why the process of a step did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStarted {
    /// The reason as a message.
    pub why: String,
    /// Whether it failed for lack of processes, memory or descriptors, so that a later attempt may succeed.
    pub may_work_later: bool,
}

/// An event for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A message of the conductor has arrived.
    Message(ConductorMessage),
    /// The process of a step has started.
    Started(StepStartedMessage),
    /// The process of a step could not be created.
    NotStarted(StepId, NotStarted),
    /// The process of a step ended at this time. If there is another attempt, the step itself continues.
    Ended(StepEndedMessage, PlayerTime),
    /// A spawned step has printed a line that another step awaits.
    Printed {
        /// The spawned step.
        by: StepId,
        /// The step that waits for the line, or will wait for it.
        awaiting: StepId,
        /// The time at which it was printed.
        at: PlayerTime,
    },
    /// The files of a step have been transferred, or cannot be.
    TransferEnded {
        /// The step.
        key: StepId,
        /// The result of the transfer.
        outcome: OutcomeMessage,
        /// The time at which it ended.
        at: PlayerTime,
    },
    /// No process of the trial is left, except what could not be stopped. Contains messages about what was found.
    Swept(Vec<String>),
    /// The conductor is gone, or the player is to stop, so the session is orphaned.
    Orphaned {
        /// The reason, for the log.
        reason: String,
        /// The maximum duration of Reset, if it is less than the plan allows.
        reset_limit: Option<Duration>,
    },
    /// Time has passed.
    Tick,
}

/// An action that a session requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAction {
    /// Send a message to the conductor.
    Send(PlayerMessage),
    /// Create the process of a step.
    Start {
        /// The step.
        key: StepId,
        /// When to start it; `None` means immediately.
        at: Option<PlayerTime>,
        /// Whether this is another attempt.
        again: bool,
    },
    /// A spawned step is running. Later steps have to know its process, which is that of its last attempt.
    Spawned {
        /// The step.
        key: StepId,
        /// Its process ID.
        pid: u32,
    },
    /// Stop the process of a step, starting with this signal; its end is reported as an event. Each signal is given
    /// some time before the next, stronger one.
    Stop(StepId, Signal),
    /// Transfer the files of a step; the end of the transfer is reported as an event.
    Transfer(StepId),
    /// Cancel the transfer; no event follows.
    CancelTransfer(StepId),
    /// Stop all processes that were started; the end of this is reported as an event.
    Sweep,
    /// Report this to the listener, which cleans up if the session process dies.
    Report(Note),
    /// The session has ended.
    Finish,
}
