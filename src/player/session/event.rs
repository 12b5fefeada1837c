//! What a session is told, and what it wants done.

use std::time::Duration;

use crate::model::{Phase, PlayerTime};
use crate::wire::{ConductorMessage, OutcomeMessage, PlayerMessage};

/// Which step of which trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    /// The trial, from 1.
    pub trial: u32,
    /// The phase.
    pub phase: Phase,
    /// The position in the phase, from 0.
    pub position: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The conductor said something.
    Message(ConductorMessage),
    /// A step's process runs.
    Started {
        /// Which.
        key: StepKey,
        /// Since when.
        at: PlayerTime,
        /// How long after the instant that was named, when the order came too late for it.
        late: Duration,
        /// Its number.
        pid: u32,
        /// The streams' numbers.
        streams: [u32; 2],
    },
    /// A step's process could not be made.
    NotStarted {
        /// Which.
        key: StepKey,
        /// Why.
        why: String,
    },
    /// A step's process is over.
    Ended {
        /// Which.
        key: StepKey,
        /// How.
        outcome: OutcomeMessage,
        /// When.
        at: PlayerTime,
        /// How much the streams had.
        lengths: [u64; 2],
        /// Whether somebody still holds its streams.
        leaky: bool,
    },
    /// Nothing that was started is left, but for what could not be stopped.
    Swept {
        /// What could not be stopped, one sentence each.
        remaining: Vec<String>,
    },
    /// The conductor is gone, or the player is told to stop: from now on the session is on its own.
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
    /// Tell the conductor.
    Send(PlayerMessage),
    /// Make a step's process.
    Start {
        /// Which.
        key: StepKey,
        /// When it is to start; at once when there is no such instant.
        at: Option<PlayerTime>,
    },
    /// Stop a step's process; its end comes as an event.
    Stop(StepKey),
    /// Stop everything that was started; the end of it comes as an event.
    Sweep,
    /// Somebody has to run Reset if this session dies.
    ResetNeeded {
        /// In which trial.
        trial: u32,
    },
    /// Reset has been begun; nobody else is to run it.
    ResetBegun,
    /// From now on the session is on its own.
    Orphaned {
        /// Why.
        reason: String,
    },
    /// The session is over.
    Finish,
}
