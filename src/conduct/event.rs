//! The messages between the coordinator and the connection actors.

use std::io;
use std::time::Duration;

use crate::model::{
    ConductorTime, Hint, Outcome, Output, PhaseId, PlayerDescription, PointId, Process, Start, StepId, StepResult,
    Stream,
};
use crate::wire::SupervisorMessage;

/// A command of the coordinator to a worker's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Send the plan of this point, replacing an earlier one.
    Plan(PointId),
    /// Prepare the worker for a phase.
    Arm(PhaseId),
    /// Start the phase at this time, or immediately if that has passed.
    Go(PhaseId, ConductorTime),
    /// Stop the running steps of the phase and skip the rest.
    Stop(PhaseId),
    /// Let the worker pass this barrier. The steps after it start at this time.
    Release(StepId, ConductorTime),
    /// Tell the worker that it waits at this barrier in vain, for this reason.
    FailBarrier(StepId, String),
    /// Stop the spawned steps of the trial.
    EndTrial(u32),
    /// Send `bye`: the run has ended.
    Bye,
    /// Close the connection without `bye`.
    Abandon,
}

/// An event on a worker's connection.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionEvent {
    /// The player answered.
    Connected(PlayerDescription),
    /// The player accepted the plan.
    PlanTaken,
    /// The outputs of the commands of `versions`, in order.
    Versions(Vec<String>),
    /// The worker is ready for a phase. The duration is that of a message to it and its answer.
    Armed(PhaseId, Duration),
    /// The worker waits at this barrier. The duration is that of a message to it and its answer.
    BarrierReached(StepId, Duration),
    /// The worker's time limit at this barrier has passed.
    Withdraw(StepId),
    /// The process of a step was started.
    StepStarted(StepId, Start),
    /// A step printed something. Contains everything received on the stream so far.
    Output(StepId, Stream, Output),
    /// No more output of a leaky step is accepted. Contains everything received on a stream that grew after the step's
    /// end.
    OutputEnded(StepId, Stream, Output),
    /// A step has ended, or continues in the background.
    StepEnded(StepId, StepResult),
    /// A spawned step has ended.
    SpawnedEnded(StepId, StepResult),
    /// The connection was lost while a step was open. Contains what is known of it. The end of the connection follows.
    StepLost(StepId, StepResult),
    /// The worker has finished a phase, and everything from it was passed on.
    PhaseEnded(PhaseId),
    /// The worker has finished a phase, but some of its output is still on its way.
    Delivering(PhaseId),
    /// Nothing that was spawned in the trial is left.
    TrialEnded(u32),
    /// The player leaves by itself, for this reason. It stops its steps and runs its Reset by itself, reports both, and
    /// closes the connection.
    Leaving(String),
    /// A human-readable warning.
    Warning(String),
    /// Output of a step cannot be kept.
    OutputFailed(String),
    /// The worker's own attempt to reach its machine has begun or makes progress. From now on, it may take this long.
    /// Others may have to wait for it.
    Reaching(Duration),
    /// The connection is broken, and is being restored.
    Broken(String),
    /// The connection is restored. For this long, nothing was received from the player.
    Resumed(Duration),
    /// The connection has ended. No event follows.
    Ended(End),
}

/// Why a connection has ended, as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) kind: EndKind,
    pub(crate) reason: String,
    /// What the user can do about it, if known.
    pub(crate) hint: Option<Hint>,
}

/// How far a connection had come when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndKind {
    /// The coordinator requested its end.
    Closed,
    /// The player was never reached.
    Unreachable,
    /// The player was reached, but is gone, or cannot do what the plan says, or refuses to.
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

    /// Adds what the user can do about it.
    pub(crate) fn with(self, hint: Hint) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Adds the hint for an error of a connection attempt.
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

/// The result of a check.
#[derive(Debug, Clone)]
pub(crate) struct CheckEnd {
    /// The result, in the form of a step's result.
    pub(crate) result: StepResult,
    /// The processes that the check left running when it ended by itself. They were ended then.
    pub(crate) left: Vec<Process>,
    /// Why some of its output could not be kept.
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
