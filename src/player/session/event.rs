//! What a session is told, and what it wants done.

use std::time::Duration;

use crate::model::{PlayerTime, StepId, nanoseconds};
use crate::wire::{AttemptMessage, ConductorMessage, LeftMessage, OutcomeMessage, PlayerMessage, StepEndedMessage};

/// With which signal a stop begins. Each signal has its grace before the next; the last is always `SIGKILL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopWith {
    /// `SIGINT`, then `SIGTERM`: for a measurement that has run for as long as it was to, and has something to say yet.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// The two streams of a step: their numbers, and how much they have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streams {
    /// Of standard output and standard error.
    pub numbers: [u32; 2],
    /// The same, in bytes.
    pub lengths: [u64; 2],
}

/// How a step ended, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepEnd {
    pub(super) outcome: OutcomeMessage,
    pub(super) duration: Option<Duration>,
    pub(super) lengths: [u64; 2],
    pub(super) left: LeftMessage,
    pub(super) attempts: Vec<AttemptMessage>,
}

impl StepEnd {
    /// The end of a step that left nothing.
    pub(super) fn of(outcome: OutcomeMessage) -> Self {
        Self { outcome, duration: None, lengths: [0; 2], left: LeftMessage::default(), attempts: Vec::new() }
    }

    /// As the conductor is told it.
    fn of_step(self, step: StepId) -> StepEndedMessage {
        let Self { outcome, duration, lengths: [stdout, stderr], left, attempts } = self;
        let duration = duration.map(nanoseconds);
        StepEndedMessage { step, outcome, duration, stdout, stderr, left, attempts }
    }
}

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

    /// Tells the conductor.
    pub(super) fn send(&mut self, message: PlayerMessage) {
        self.push(SessionAction::Send(message));
    }

    /// Tells the end of a step that its phase waited for.
    pub(super) fn step_ended(&mut self, key: StepId, end: StepEnd) {
        self.send(PlayerMessage::StepEnded(end.of_step(key)));
    }

    /// Tells the end of a spawned step.
    pub(super) fn spawned_ended(&mut self, key: StepId, end: StepEnd) {
        self.send(PlayerMessage::SpawnedEnded(end.of_step(key)));
    }
}

/// Why a step's process did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStarted {
    /// A sentence for people.
    pub why: String,
    /// Whether that was for lack of something that may be there later: processes, memory, descriptors.
    pub may_work_later: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The conductor said something.
    Message(ConductorMessage),
    /// A step's process runs.
    Started {
        /// Which.
        key: StepId,
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
    NotStarted(StepId, NotStarted),
    /// A step's process is over.
    Ended {
        /// Which.
        key: StepId,
        /// How.
        outcome: OutcomeMessage,
        /// When.
        at: PlayerTime,
        /// How much the streams had.
        lengths: [u64; 2],
        /// What of it is still there.
        left: LeftMessage,
    },
    /// The files of a step are transferred, or can't be.
    TransferEnded {
        /// Which step.
        key: StepId,
        /// How that went.
        outcome: OutcomeMessage,
        /// When it was over.
        at: PlayerTime,
    },
    /// Nothing that was started is left, but for what could not be stopped.
    Swept {
        /// What is to be said of what was found, one sentence each.
        warnings: Vec<String>,
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
        key: StepId,
        /// When it is to start; at once when there is no such instant.
        at: Option<PlayerTime>,
        /// The streams that it goes on with, when it is another attempt.
        behind: Option<Streams>,
    },
    /// A spawned step is at work from now on: later steps are to know its process, which is that of its last attempt.
    Spawned {
        /// Which.
        key: StepId,
        /// The number of its process.
        pid: u32,
    },
    /// Stop a step's process; its end comes as an event.
    Stop(StepId, StopWith),
    /// Transfer the files of a step; the end of it comes as an event.
    Transfer(StepId),
    /// Transfer no more of them; nothing more is to be said of it.
    CancelTransfer(StepId),
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
