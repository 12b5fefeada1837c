//! What the coordinator and the connection actors say to each other.

use std::time::Duration;

use crate::model::{
    ConductorTime, Outcome, Output, Phase, PlayerDescription, Process, Start, StepResult, Stream, WorkerPlan,
};
use crate::wire::KeeperMessage;

/// What the coordinator wants of a worker's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Send the plan.
    Plan,
    /// Have the worker get ready for a phase.
    Arm {
        /// The trial, from 1.
        trial: u32,
        /// The phase.
        phase: Phase,
    },
    /// Start the phase.
    Go {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// When; if that has passed, at once.
        at: ConductorTime,
    },
    /// Stop what runs in the phase and skip the rest of it.
    Stop {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
    },
    /// The worker may pass this barrier; what comes behind it starts then.
    Release(StepPlace, ConductorTime),
    /// The worker waits at this barrier for nothing, for this reason.
    FailBarrier(StepPlace, String),
    /// Stop what was spawned in the trial.
    EndTrial {
        /// The trial.
        trial: u32,
    },
    /// Take leave: the run is over.
    Bye,
    /// Close the connection without a word.
    Abandon,
}

/// Which step of the worker that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepPlace {
    /// The trial.
    pub(crate) trial: u32,
    /// The phase.
    pub(crate) phase: Phase,
    /// The position in the phase, from 0.
    pub(crate) position: usize,
}

impl StepPlace {
    /// Says that not all output of a step of this worker can be saved.
    pub(crate) fn unkept(self, worker: &WorkerPlan, why: &str) -> ConnectionEvent {
        let Self { trial, phase, position } = self;
        let label = worker.steps[phase].get(position).map_or("?", |step| step.label.as_str());
        ConnectionEvent::Warning(format!("can't save all output of step `{label}` in {phase} of trial {trial}: {why}"))
    }
}

/// What a worker's connection has to say.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionEvent {
    /// The player answered.
    Connected(PlayerDescription),
    /// The player took the plan.
    PlanTaken,
    /// The worker is ready for a phase.
    Armed {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// How long a message to the worker and its answer take.
        round_trip: Duration,
    },
    /// The worker waits at this barrier; a message to it and its answer take so long.
    BarrierReached(StepPlace, Duration),
    /// The worker has waited at this barrier for long enough.
    Withdraw(StepPlace),
    /// A step's process was started.
    StepStarted(StepPlace, Start),
    /// A step printed something: all that came of the stream so far.
    Output(StepPlace, Stream, Output),
    /// Nothing more is taken of what a leaky step prints: all that came of a stream that grew behind the step's end.
    OutputEnded(StepPlace, Stream, Output),
    /// A step is over, or goes on in the background.
    StepEnded(StepPlace, StepResult),
    /// A spawned step is over at last.
    SpawnedEnded(StepPlace, StepResult),
    /// The connection is lost, and a step was open: what is known of it. The end of the connection follows.
    StepLost(StepPlace, StepResult),
    /// The worker is through with a phase, and everything of it was passed on.
    PhaseEnded {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
    },
    /// The worker is through with a phase, and not everything of it is here yet: its output is on its way.
    Delivering {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
    },
    /// Nothing that was spawned is left.
    TrialEnded {
        /// The trial.
        trial: u32,
    },
    /// The player leaves on its own account, for this reason: it stops its steps and runs its Reset by itself, tells of
    /// that, and closes the connection.
    Leaving(String),
    /// A sentence for people.
    Warning(String),
    /// What a step printed can't be kept.
    OutputFailed(String),
    /// The player is held by somebody else whose conductor is gone: it is waited for, so long at most.
    Held(String, Duration),
    /// The connection is broken, and is being made again.
    Broken(String),
    /// It is there again; so long nothing was heard of the player.
    Resumed(Duration),
    /// The connection is over; nothing follows.
    Ended(End),
}

impl End {
    /// The reason, for people.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Closed => "its connection was closed",
            Self::Unreachable(reason) | Self::Refused(reason) | Self::Lost(reason) => reason,
        }
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The coordinator wanted it.
    Closed,
    /// The player was never reached.
    Unreachable(String),
    /// The player was reached, and can't or won't do what the plan says.
    Refused(String),
    /// It was there and is not any more.
    Lost(String),
}

/// What came of a check.
#[derive(Debug, Clone)]
pub(crate) struct CheckEnd {
    /// As of a step.
    pub(crate) result: StepResult,
    /// What it left running when it ended by itself; it was ended then.
    pub(crate) left: Vec<Process>,
    /// Why not all that it printed could be kept.
    pub(crate) unkept: Option<String>,
}

impl From<Outcome> for CheckEnd {
    fn from(outcome: Outcome) -> Self {
        Self { result: StepResult::without_output(outcome), left: Vec::new(), unkept: None }
    }
}

impl From<KeeperMessage> for CheckEnd {
    fn from(KeeperMessage { outcome, duration, left, not_stopped }: KeeperMessage) -> Self {
        let [left, not_stopped] =
            [left, not_stopped].map(|list| list.into_iter().map(Process::from).collect::<Vec<_>>());
        let result = StepResult::without_output(outcome.into());
        let duration = duration.map(Duration::from_nanos);
        Self { result: StepResult { duration, not_stopped: not_stopped.into(), ..result }, left, unkept: None }
    }
}
