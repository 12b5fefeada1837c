//! The numbered messages of a session.

use serde::{Deserialize, Serialize};

use super::outcome::{AttemptMessage, OutcomeMessage};
use super::peer;
use super::plan::PlanMessage;
use super::{FileEndedMessage, FileMessage};
use crate::model::{LogLevel, PhaseId, Process, StepId};

/// What the conductor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConductorMessage {
    /// All that the worker will do.
    Plan(Box<PlanMessage>),
    /// Get ready for a phase.
    Arm(PhaseId),
    /// Start the phase.
    Go {
        /// The phase.
        #[serde(flatten)]
        phase: PhaseId,
        /// When, on the player's `CLOCK_BOOTTIME` in nanoseconds; absent means at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// Stop what runs in the phase, skip the rest, end the phase.
    Stop(PhaseId),
    /// Every worker that has this barrier is there: its step has passed, and the next one starts.
    Release {
        /// The barrier.
        #[serde(flatten)]
        step: StepId,
        /// When, as in `go`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// The barrier will never be passed: its step has failed, and the rest of the worker's phase is skipped.
    FailBarrier {
        /// The barrier.
        #[serde(flatten)]
        step: StepId,
        /// Why, for people.
        #[serde(deserialize_with = "peer::reason")]
        why: String,
    },
    /// The file of a `put:` comes.
    File(FileMessage),
    /// All of it was sent, or no more will be.
    FileEnded(FileEndedMessage),
    /// A fetched file needs no more.
    FileTaken {
        /// Its stream.
        stream: u32,
        /// Why it is not in the results folder, if it is not.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
        error: Option<String>,
    },
    /// Stop what was spawned in the trial.
    EndTrial {
        /// The trial.
        trial: u32,
    },
    /// The run is over.
    Bye,
    /// A message of a later version, which is ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// What the player says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlayerMessage {
    /// The plan was taken: from now on the player looks after its Reset.
    PlanTaken,
    /// What the plan's commands for versions printed, a line each, in their order.
    Versions {
        /// The lines.
        #[serde(deserialize_with = "peer::sentences")]
        printed: Vec<String>,
    },
    /// Ready for the phase.
    Armed(PhaseId),
    /// A step's process was started.
    StepStarted(StepStartedMessage),
    /// A step is over, or goes on in the background.
    StepEnded(StepEndedMessage),
    /// A spawned step is over.
    SpawnedEnded(StepEndedMessage),
    /// What came of an end that was not settled.
    StepSettled(StepSettledMessage),
    /// A worker waits at a barrier.
    BarrierReached(StepId),
    /// The time limit of a barrier has passed: the worker wants to stop waiting. A release that is on its way wins.
    Withdraw(StepId),
    /// A fetched file follows.
    File(FileMessage),
    /// All of it was sent, or no more will be.
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
        /// Why, for people.
        #[serde(deserialize_with = "peer::reason")]
        reason: String,
    },
    /// The last message of such a session. Only announced data follows.
    Left {
        /// Why it ended, and what happened to its steps and its Reset, for people.
        #[serde(deserialize_with = "peer::reason")]
        summary: String,
    },
    /// What the steps print cannot be kept any more until some of it was taken: steps that print are paused.
    Stalled {
        /// How many bytes wait on the player's disk.
        kept: u64,
    },
    /// A sentence for people.
    Warning {
        /// The sentence.
        #[serde(deserialize_with = "peer::text")]
        text: String,
    },
    /// A line of the log of a player that serves only this session.
    Log {
        /// How important it is.
        level: LogLevel,
        /// The line.
        #[serde(deserialize_with = "peer::text")]
        text: String,
    },
    /// A message of a later version, which is ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// A step's process was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStartedMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// When, on the player's `CLOCK_BOOTTIME` in nanoseconds.
    pub at: u64,
    /// How long after the instant that `go` named, in nanoseconds; zero when it came in time for it.
    #[serde(default)]
    pub late: u64,
    /// The process.
    pub pid: u32,
    /// The number of the stream of its standard output.
    pub stdout: u32,
    /// The same of its standard error.
    pub stderr: u32,
}

/// A step is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEndedMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How long its process ran, in nanoseconds; absent when it never did, or still runs.
    pub duration: Option<u64>,
    /// How many bytes its standard output had by now.
    #[serde(default)]
    pub stdout: u64,
    /// The same for its standard error.
    #[serde(default)]
    pub stderr: u64,
    /// What of it was still there.
    #[serde(flatten)]
    pub left: LeftMessage,
    /// The attempts of a step that was repeated until it succeeds, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::attempts")]
    pub attempts: Vec<AttemptMessage>,
}

impl StepEndedMessage {
    /// A step that has printed nothing and left nothing.
    pub fn new(step: StepId, outcome: OutcomeMessage) -> Self {
        let (left, attempts) = (LeftMessage::default(), Vec::new());
        Self { step, outcome, duration: None, stdout: 0, stderr: 0, left, attempts }
    }
}

/// The result of a step whose output was still held by others at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSettledMessage {
    /// The step.
    #[serde(flatten)]
    pub step: StepId,
    /// How many bytes its standard output has had by now.
    pub stdout: u64,
    /// The same for its standard error.
    pub stderr: u64,
    /// Whether somebody still holds them.
    pub leaky: bool,
    /// Who that is, as far as it can be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub holders: Vec<Process>,
}

/// What of a step was still there when it was over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftMessage {
    /// Whether somebody held its streams who may be about to let go of them: `step_settled` tells what came of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Whether somebody still held its streams.
    #[serde(default)]
    pub leaky: bool,
    /// Who that was, as far as it could be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub holders: Vec<Process>,
    /// What could not be stopped, when it was to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::processes")]
    pub not_stopped: Vec<Process>,
    /// What it took to stop it, when that was to be and the first signal did not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedMessage>,
}

/// What it took to stop a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedMessage {
    /// The number of the last signal that was sent.
    pub signal: i32,
    /// How long after the first one all was over, in nanoseconds.
    pub after: u64,
}
