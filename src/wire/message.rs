//! The numbered messages of a session.

use serde::{Deserialize, Serialize};

use crate::model::Phase;

/// What the conductor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConductorMessage {
    /// All that the worker will do.
    Plan(Box<PlanMessage>),
    /// Get ready for a phase.
    Arm {
        /// The trial, from 1.
        trial: u32,
        /// The phase.
        phase: PhaseName,
    },
    /// Start the phase.
    Go {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: PhaseName,
        /// When, on the player's `CLOCK_BOOTTIME` in nanoseconds; absent means at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// Stop what runs in the phase, skip the rest, end the phase.
    Stop {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: PhaseName,
    },
    /// Stop what was spawned in the trial.
    EndTrial {
        /// The trial.
        trial: u32,
    },
    /// The run is over.
    Bye,
}

/// What the player says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlayerMessage {
    /// The plan was taken: from now on the player looks after its Reset.
    PlanTaken,
    /// Ready for the phase.
    Armed {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: PhaseName,
    },
    /// A step's process was started.
    StepStarted(StepStartedMessage),
    /// A step is over, or goes on in the background.
    StepEnded(StepEndedMessage),
    /// A spawned step is over.
    SpawnedEnded(StepEndedMessage),
    /// Nothing more comes for this phase but the data that was announced.
    PhaseEnded {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: PhaseName,
    },
    /// Nothing that was spawned is left.
    TrialEnded {
        /// The trial.
        trial: u32,
    },
    /// The player leaves on its own account: it runs its Reset, delivers what it has, and closes the connection.
    Leaving {
        /// Why, for people.
        reason: String,
    },
    /// What the steps print can't be kept any more until some of it was taken: steps that print stand still.
    Stalled {
        /// How many bytes wait on the player's disk.
        kept: u64,
    },
    /// A sentence for people.
    Warning {
        /// The sentence.
        text: String,
    },
}

/// All that a worker will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanMessage {
    /// The player's incarnation, as its `welcome` named it: a plan that was made for another one is a replay.
    #[serde(default)]
    pub incarnation: Option<String>,
    /// How many trials there will be.
    pub trials: u32,
    /// The chosen phases, in order.
    pub phases: Vec<PhaseName>,
    /// The shell that runs the commands, as `SHELL -c COMMAND`.
    pub shell: String,
    /// The folder in which steps start; absent means the player's own.
    #[serde(default)]
    pub directory: Option<String>,
    /// Variables for every step, in order; a later one wins. `CONDUCTOR_TRIAL`, `CONDUCTOR_PHASE` and `CONDUCTOR_STEP` are
    /// the player's to add.
    pub environment: Vec<(String, String)>,
    /// How long a step may take, in nanoseconds; absent means for ever.
    #[serde(default)]
    pub step_timeout: Option<u64>,
    /// How long the whole Reset may take, in nanoseconds.
    pub reset_timeout: u64,
    /// How long the player goes on without its conductor, in nanoseconds.
    pub lease: u64,
    /// The steps of the phases, in the order of [`Phase::ALL`].
    pub startup: Vec<StepMessage>,
    /// See `startup`.
    pub run: Vec<StepMessage>,
    /// See `startup`.
    pub collect: Vec<StepMessage>,
    /// See `startup`.
    pub reset: Vec<StepMessage>,
}

impl PlanMessage {
    /// The steps of a phase.
    pub fn steps(&self, phase: Phase) -> &[StepMessage] {
        match phase {
            Phase::Startup => &self.startup,
            Phase::Run => &self.run,
            Phase::Collect => &self.collect,
            Phase::Reset => &self.reset,
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMessage {
    /// Its label.
    pub label: String,
    /// The command for the shell.
    pub command: String,
    /// Whether the next step starts at once.
    #[serde(default)]
    pub spawn: bool,
    /// Its own limit in nanoseconds, instead of the plan's.
    #[serde(default)]
    pub timeout: Option<u64>,
}

/// A step's process was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStartedMessage {
    /// The trial.
    pub trial: u32,
    /// The phase.
    pub phase: PhaseName,
    /// The step's position, from 0.
    pub step: usize,
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
    /// The trial.
    pub trial: u32,
    /// The phase.
    pub phase: PhaseName,
    /// The step's position, from 0.
    pub step: usize,
    /// How it ended.
    pub outcome: OutcomeMessage,
    /// How long its process ran, in nanoseconds; absent when it never did, or still runs.
    #[serde(default)]
    pub duration: Option<u64>,
    /// How many bytes its standard output had by now.
    #[serde(default)]
    pub stdout: u64,
    /// The same for its standard error.
    #[serde(default)]
    pub stderr: u64,
    /// Whether processes outside its own group still hold its streams.
    #[serde(default)]
    pub leaky: bool,
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
    /// It goes on in the background.
    Spawned,
    /// It was stopped.
    Stopped,
    /// It was never run.
    Skipped,
    /// Its process could not be made.
    NotStarted {
        /// Why.
        why: String,
    },
}

/// A phase, as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// `startup`
    Startup,
    /// `run`
    Run,
    /// `collect`
    Collect,
    /// `reset`
    Reset,
}

impl From<Phase> for PhaseName {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Startup => Self::Startup,
            Phase::Run => Self::Run,
            Phase::Collect => Self::Collect,
            Phase::Reset => Self::Reset,
        }
    }
}

impl From<PhaseName> for Phase {
    fn from(name: PhaseName) -> Self {
        match name {
            PhaseName::Startup => Self::Startup,
            PhaseName::Run => Self::Run,
            PhaseName::Collect => Self::Collect,
            PhaseName::Reset => Self::Reset,
        }
    }
}
