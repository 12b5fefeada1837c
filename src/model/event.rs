//! Events: what happened in a run. Every output is a fold over them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::blame::known;
use super::recorded_result::{check_ended, step_ended};
use super::time::in_nanoseconds;
use super::trial_started;
use super::{
    BarrierResult, ClockAnchor, Conclusion, ConductorTime, Hint, Measured, Output, Phase, Plan, PlayerDescription,
    PrecisionJudgement, PrintedVersion, Slot, Start, StartSkew, StepReference, StepResult, Stream, Verdict, WorkerId,
};

/// An event with the time at which the conductor saw it.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// The time on the conductor's clock.
    pub at: ConductorTime,
    /// What happened.
    pub event: Event,
}

/// Something that happened in a run.
///
/// The record of a run contains each event as serde writes it. Events that are skipped have lines of their own there
/// (`report/jsonl`).
///
/// A run has `RunStarted`, then `WorkerConnected` for each worker, then trials, then `RunEnded`, which is the last
/// event of every run, whatever happened. In a trial, each phase has `PhaseStarted`; for each worker that is not lost
/// `PhaseReceived`, a `StepStarted` and a `StepEnded` for each step that ran (only a `StepEnded` for one that did not),
/// and `WorkerPhaseEnded`; then `PhaseEnded`. A worker whose player leaves runs its Reset alone: its events arrive
/// during another phase of the other workers, or when these no longer run a Reset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run starts; nothing is connected yet.
    #[serde(skip)]
    RunStarted {
        /// The plan of the run.
        plan: Arc<Plan>,
        /// The time of the start on the conductor's clock and in UTC.
        anchor: ClockAnchor,
    },
    /// An interrupted run continues. Earlier losses and connection or output errors no longer count.
    #[serde(skip)]
    RunResumed {
        /// The plan of the whole run.
        plan: Arc<Plan>,
        /// The number of trials that are done.
        done: u32,
        /// The generation of the configuration, from 1.
        generation: u32,
    },
    /// A worker's player answered.
    WorkerConnected {
        /// The worker.
        worker: WorkerId,
        /// Its player.
        #[serde(flatten)]
        player: PlayerDescription,
    },
    /// The commands of `versions` printed this on a worker's machine.
    VersionsPrinted {
        /// The worker.
        worker: WorkerId,
        /// The output, in the order of the commands.
        versions: Vec<PrintedVersion>,
    },
    /// A trial starts. If this trial was started before, the earlier attempt no longer counts.
    #[serde(with = "trial_started")]
    TrialStarted {
        /// The number of the trial, from 1.
        trial: u32,
        /// Its place in the series.
        slot: Slot,
        /// The attempt, from 1: a resumed run repeats a trial that did not end.
        attempt: u32,
    },
    /// A phase starts: the workers prepare for it.
    PhaseStarted {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
    },
    /// A worker is ready for the phase.
    PhaseReceived {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The worker.
        worker: WorkerId,
    },
    /// All workers that are not lost were sent `go`.
    PhaseGo {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The time until the moment at which they start together.
        #[serde(rename = "lead_ns", with = "in_nanoseconds")]
        lead: Duration,
    },
    /// A step's process started.
    StepStarted {
        /// The step.
        #[serde(flatten)]
        step: StepReference,
        /// The time of the start.
        #[serde(flatten)]
        started: Start,
    },
    /// A step printed something. If output arrives fast, one event can cover several pieces; the rest is in the step's
    /// result. The event can precede the step's `StepStarted`; for a leaky step, it can follow the step's end.
    #[serde(skip)]
    OutputReceived {
        /// The step.
        step: StepReference,
        /// The stream.
        stream: Stream,
        /// The whole output on the stream so far.
        output: Output,
    },
    /// The output of a leaky step ended: no more is accepted. Only streams that grew after the step have this event.
    #[serde(skip)]
    OutputEnded {
        /// The step.
        step: StepReference,
        /// The stream.
        stream: Stream,
        /// The whole output on the stream.
        output: Output,
    },
    /// A step ended. A spawned step has this event when it starts, with the outcome `Spawned`.
    #[serde(with = "step_ended")]
    StepEnded {
        /// The step.
        step: StepReference,
        /// The result of the step.
        result: StepResult,
    },
    /// A spawned step ended.
    #[serde(with = "step_ended")]
    SpawnedEnded {
        /// The step.
        step: StepReference,
        /// The result of the step.
        result: StepResult,
    },
    /// All workers of this barrier arrived and were released.
    BarrierReleased {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The barrier's name.
        name: String,
        /// The time until the moment at which they continue together.
        #[serde(rename = "lead_ns", with = "in_nanoseconds")]
        lead: Duration,
    },
    /// A phase ended in which some worker arrived at this barrier.
    BarrierEnded {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The barrier.
        #[serde(flatten)]
        barrier: BarrierResult,
    },
    /// A worker has finished its phase.
    WorkerPhaseEnded {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The worker.
        worker: WorkerId,
    },
    /// All workers that are not lost have finished the phase.
    PhaseEnded {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// How far apart the workers started; `None` if no process is known to have started.
        #[serde(rename = "start_skew")]
        skew: Option<StartSkew>,
    },
    /// The connection to a worker broke. The conductor tries to reconnect until the worker's lease expires.
    WorkerBroken {
        /// The worker.
        worker: WorkerId,
        /// The reason, as a message.
        reason: String,
    },
    /// The connection to a worker was restored, and nothing was lost.
    WorkerResumed {
        /// The worker.
        worker: WorkerId,
        /// The time in which nothing was received from the worker.
        #[serde(rename = "silent_ns", with = "in_nanoseconds")]
        silent: Duration,
    },
    /// A worker was lost: the conductor can no longer receive anything from it.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
        /// The reason, as a message.
        reason: String,
        /// What the user can do about it.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        hint: Option<Hint>,
    },
    /// A worker cannot be reached, so the run does not start or does not continue.
    WorkerUnreachable {
        /// The worker.
        worker: WorkerId,
        /// Whether its player answered but refused to serve the run.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
        /// The reason, as a message.
        reason: String,
        /// What the user can do about it.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        hint: Option<Hint>,
    },
    /// A signal interrupted the conductor.
    Interrupted {
        /// The number of the signal.
        signal: i32,
    },
    /// The output of a step, or a report, cannot be written.
    OutputFailed {
        /// The worker whose output it was, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<WorkerId>,
        /// What cannot be written, and the reason, as a message.
        text: String,
    },
    /// The record of the run ends before the run does. No record contains this event.
    #[serde(skip)]
    RecordEnded,
    /// Something that the user should know but that changes no verdict.
    Warning {
        /// The worker that the warning is about, if any.
        worker: Option<WorkerId>,
        /// The text, without the worker's name.
        text: String,
    },
    /// The test's `check` of a trial starts, on the conductor.
    CheckStarted {
        /// The trial.
        trial: u32,
    },
    /// The check ended.
    #[serde(with = "check_ended")]
    CheckEnded {
        /// The trial.
        trial: u32,
        /// The result of the check.
        result: StepResult,
    },
    /// The metrics of a trial are being measured.
    MeasuringStarted {
        /// The trial.
        trial: u32,
        /// The verdict of the trial so far.
        verdict: Verdict,
    },
    /// A metric was measured.
    Measured {
        /// The trial.
        trial: u32,
        /// The result of the measurement.
        #[serde(flatten)]
        measured: Measured,
    },
    /// A trial ended.
    TrialEnded {
        /// The number of the trial.
        trial: u32,
        /// The verdict of the trial.
        verdict: Verdict,
    },
    /// All planned trials of a series that has `precision` ended: whether its medians are precise enough, and how many
    /// trials are planned now.
    PrecisionJudged {
        /// The result.
        #[serde(flatten)]
        judgement: PrecisionJudgement,
    },
    /// The run ended.
    #[serde(skip)]
    RunEnded {
        /// The result of the run.
        conclusion: Conclusion,
    },
}

impl Event {
    /// Creates the start of a trial of this plan, for this attempt.
    pub fn trial_started(plan: &Plan, trial: u32, attempt: u32) -> Self {
        Self::TrialStarted { trial, slot: plan.schedule.slot(trial), attempt }
    }
}

/// The writer of a report. It receives every event of a run, in order.
pub trait Reporter: Send {
    /// Handles an event. [`Event::RunEnded`] is the last one: after it, the output is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the output cannot be written. The reporter is not called again after an error.
    fn report(&mut self, stamped: &Stamped) -> io::Result<()>;
}
