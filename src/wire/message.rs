//! The numbered messages of a session.

use serde::{Deserialize, Serialize};

use super::outcome::{AttemptMessage, OutcomeMessage};
use super::peer;
use super::plan::PlanMessage;
use super::{FileEndedMessage, FileMessage};
use crate::model::{LogLevel, PhaseId, Process, StepId};

/// A message of the conductor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConductorMessage {
    /// The plan of the worker.
    Plan(Box<PlanMessage>),
    /// Get ready for a phase.
    Arm(PhaseId),
    /// Start the phase.
    Go {
        /// The phase.
        #[serde(flatten)]
        phase: PhaseId,
        /// When to start, on the player's `CLOCK_BOOTTIME` in nanoseconds; absent means immediately.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// Stop the steps of the phase, skip the rest, and end the phase.
    Stop(PhaseId),
    /// All workers with this barrier have reached it: its step has passed, and the next one starts.
    Release {
        /// The barrier.
        #[serde(flatten)]
        step: StepId,
        /// When to start the next step, as in `go`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// The barrier cannot be passed: its step has failed, and the rest of the worker's phase is skipped.
    FailBarrier {
        /// The barrier.
        #[serde(flatten)]
        step: StepId,
        /// The reason as a message.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
    /// The file of a `put:` step follows.
    File(FileMessage),
    /// All of the file was sent, or no more of it will be.
    FileEnded(FileEndedMessage),
    /// No more of a fetched file is needed.
    FileTaken {
        /// The stream of the file.
        stream: u32,
        /// Why the file is not in the results folder, if it is not.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
        error: Option<String>,
    },
    /// Stop the spawned steps of the trial.
    EndTrial {
        /// The trial.
        trial: u32,
    },
    /// The run has ended.
    Bye,
    /// A message of a later version, which is ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// A message of the player.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlayerMessage {
    /// The plan was accepted: the player will run its Reset even without its conductor.
    PlanTaken,
    /// The output of the plan's commands for versions, in order, one line each.
    Versions {
        /// The lines.
        #[serde(deserialize_with = "peer::sentences")]
        printed: Vec<String>,
    },
    /// The player is ready for the phase.
    Armed(PhaseId),
    /// The process of a step was started.
    StepStarted(StepStartedMessage),
    /// A step has ended, or continues in the background.
    StepEnded(StepEndedMessage),
    /// A spawned step has ended.
    SpawnedEnded(StepEndedMessage),
    /// The final state of a step that was not settled when it ended.
    StepSettled(StepSettledMessage),
    /// A worker waits at a barrier.
    BarrierReached(StepId),
    /// The time limit of a barrier has passed: the worker stops waiting, unless a release is already on its way.
    Withdraw(StepId),
    /// A fetched file follows.
    File(FileMessage),
    /// All of the file was sent, or no more of it will be.
    FileEnded(FileEndedMessage),
    /// Requests the file of this `put:` step.
    PutWanted(StepId),
    /// No more of the file of this `put:` step is needed.
    PutOver(StepId),
    /// The phase has ended. Only announced data follows.
    PhaseEnded(PhaseId),
    /// All spawned steps have ended.
    TrialEnded {
        /// The trial.
        trial: u32,
    },
    /// The player ends the session by itself: it runs Reset, sends the results and closes the connection.
    Leaving {
        /// The reason as a message.
        #[serde(deserialize_with = "peer::reason")]
        reason: String,
    },
    /// The last message of such a session. Only announced data follows.
    Left {
        /// Why it ended, and what happened to its steps and its Reset, as a message.
        #[serde(deserialize_with = "peer::reason")]
        summary: String,
    },
    /// No more output can be stored until some of it was received, so steps that print are paused.
    Stalled {
        /// How many bytes are waiting on the player's disk.
        kept: u64,
    },
    /// A warning as a message.
    Warning {
        /// The text of the warning.
        #[serde(deserialize_with = "peer::text")]
        text: String,
    },
    /// A line of the log of a player that serves only this session.
    Log {
        /// The level of the line.
        level: LogLevel,
        /// The line.
        #[serde(deserialize_with = "peer::text")]
        text: String,
    },
    /// A message of a later version, which is ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Reports that the process of a step was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStartedMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// The time of the start, on the player's `CLOCK_BOOTTIME` in nanoseconds.
    pub at: u64,
    /// How long after the time in `go` the process was ready, in nanoseconds; zero if it was in time.
    #[serde(default)]
    pub late: u64,
    /// The process ID.
    pub pid: u32,
    /// The number of the stream of its standard output.
    pub stdout: u32,
    /// The number of the stream of its standard error.
    pub stderr: u32,
}

/// Reports that a step has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEndedMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How long its process ran, in nanoseconds; absent if it never did, or is still running.
    pub duration: Option<u64>,
    /// How many bytes it has printed on standard output so far.
    #[serde(default)]
    pub stdout: u64,
    /// How many bytes it has printed on standard error so far.
    #[serde(default)]
    pub stderr: u64,
    /// What was left of the step.
    #[serde(flatten)]
    pub left: LeftMessage,
    /// The attempts of an `until:` step, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::attempts")]
    pub attempts: Vec<AttemptMessage>,
}

impl StepEndedMessage {
    /// Creates the end of a step that has printed nothing and left nothing.
    pub fn new(step: StepId, outcome: OutcomeMessage) -> Self {
        let (left, attempts) = (LeftMessage::default(), Vec::new());
        Self { step, outcome, duration: None, stdout: 0, stderr: 0, left, attempts }
    }
}

/// The final state of a step whose output was still held by other processes when it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSettledMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// How many bytes have been printed on its standard output.
    pub stdout: u64,
    /// How many bytes have been printed on its standard error.
    pub stderr: u64,
    /// Whether other processes still hold its output.
    pub leaky: bool,
    /// The processes that hold its output, as far as they can be determined.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub holders: Vec<Process>,
}

/// What was left of a step when it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftMessage {
    /// Whether other processes held its streams and may be about to close them. The result follows in `step_settled`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Whether other processes still held its streams.
    #[serde(default)]
    pub leaky: bool,
    /// The processes that held its streams, as far as they could be determined.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub holders: Vec<Process>,
    /// The processes that could not be stopped, if the step was to be stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub not_stopped: Vec<Process>,
    /// The last signal and its delay, if the step was to be stopped and the first signal was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedMessage>,
}

/// What was necessary to stop a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedMessage {
    /// The number of the last signal that was sent.
    pub signal: i32,
    /// How long after the first signal all processes had ended, in nanoseconds.
    pub after: u64,
}
