//! What the coordinator and the connection actors say to each other.

use std::io;
use std::time::Duration;

use crate::model::{
    ConductorTime, Hint, Outcome, Output, PhaseId, PlayerDescription, PointId, Process, Start, StepId, StepResult,
    Stream,
};
use crate::wire::SupervisorMessage;

/// What the coordinator wants of a worker's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Send the plan of this point, in place of an earlier one.
    Plan(PointId),
    /// Have the worker get ready for a phase.
    Arm(PhaseId),
    /// Start the phase at this moment; if that has passed, at once.
    Go(PhaseId, ConductorTime),
    /// Stop what runs in the phase and skip the rest of it.
    Stop(PhaseId),
    /// The worker may pass this barrier; what comes behind it starts then.
    Release(StepId, ConductorTime),
    /// The worker waits at this barrier for nothing, for this reason.
    FailBarrier(StepId, String),
    /// Stop what was spawned in the trial.
    EndTrial(u32),
    /// Take leave: the run is over.
    Bye,
    /// Close the connection without a word.
    Abandon,
}

/// What a worker's connection has to say.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionEvent {
    /// The player answered.
    Connected(PlayerDescription),
    /// The player took the plan.
    PlanTaken,
    /// What the commands of `versions` printed, in their order.
    Versions(Vec<String>),
    /// The worker is ready for a phase; a message to it and its answer take so long.
    Armed(PhaseId, Duration),
    /// The worker waits at this barrier; a message to it and its answer take so long.
    BarrierReached(StepId, Duration),
    /// The worker has waited at this barrier for long enough.
    Withdraw(StepId),
    /// A step's process was started.
    StepStarted(StepId, Start),
    /// A step printed something: all that came of the stream so far.
    Output(StepId, Stream, Output),
    /// Nothing more is taken of what a leaky step prints: all that came of a stream that grew behind the step's end.
    OutputEnded(StepId, Stream, Output),
    /// A step is over, or goes on in the background.
    StepEnded(StepId, StepResult),
    /// A spawned step is over at last.
    SpawnedEnded(StepId, StepResult),
    /// The connection is lost, and a step was open: what is known of it. The end of the connection follows.
    StepLost(StepId, StepResult),
    /// The worker has finished a phase, and everything of it was passed on.
    PhaseEnded(PhaseId),
    /// The worker has finished a phase, and not everything of it is here yet: its output is on its way.
    Delivering(PhaseId),
    /// Nothing that was spawned in the trial is left.
    TrialEnded(u32),
    /// The player leaves on its own account, for this reason: it stops its steps and runs its Reset by itself, tells of
    /// that, and closes the connection.
    Leaving(String),
    /// A sentence for people.
    Warning(String),
    /// What a step printed cannot be kept.
    OutputFailed(String),
    /// The worker's own attempt to reach its machine has begun or makes progress: it may take so long from now on. Others may
    /// have to wait for it.
    Reaching(Duration),
    /// The connection is broken, and is being made again.
    Broken(String),
    /// It is there again; so long nothing was received from the player.
    Resumed(Duration),
    /// The connection is over; nothing follows.
    Ended(End),
}

/// Why a connection is over, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) kind: EndKind,
    pub(crate) reason: String,
    /// What the user can do about it, where that is known.
    pub(crate) hint: Option<Hint>,
}

/// How far a connection had come when it was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndKind {
    /// The coordinator wanted its end.
    Closed,
    /// The player was never reached.
    Unreachable,
    /// The player was reached; it is not there any more, or cannot do what the plan says, or refuses to.
    Lost,
}

impl End {
    pub(crate) fn closed() -> Self {
        Self { kind: EndKind::Closed, ..Self::lost("its connection was closed") }
    }

    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self { kind: EndKind::Unreachable, ..Self::lost(reason) }
    }

    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self { kind: EndKind::Lost, reason: reason.into(), hint: None }
    }

    /// With what the user can do about it.
    pub(crate) fn with(self, hint: Hint) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// With the hint that goes with an error of a connection attempt.
    pub(crate) fn because_of(self, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => self.with(Hint::StartPlayer),
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                self.with(Hint::CheckNetwork)
            }
            _ => self,
        }
    }
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

impl From<SupervisorMessage> for CheckEnd {
    fn from(SupervisorMessage { outcome, duration, left, not_stopped }: SupervisorMessage) -> Self {
        let result = StepResult::without_output(outcome.into());
        let duration = duration.map(Duration::from_nanos);
        Self { result: StepResult { duration, not_stopped: not_stopped.into(), ..result }, left, unkept: None }
    }
}
