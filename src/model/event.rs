//! Events: what happened. Every output is a fold over them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::blame::known;
use super::recorded_result::{check_ended, step_ended};
use super::time::in_nanoseconds;
use super::trial_started;
use super::{
    BarrierResult, ClockAnchor, Conclusion, ConductorTime, Hint, Measurement, MetricName, Output, Phase, Plan,
    PlayerDescription, PointId, PrecisionJudgement, PrintedVersion, Slot, Start, StartSkew, StepReference, StepResult,
    Stream, Verdict, WorkerId,
};

/// An event and when it was seen on the conductor's clock.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// When the conductor saw it.
    pub at: ConductorTime,
    /// What happened.
    pub event: Event,
}

/// One thing that happened.
///
/// The record of a run has each as serde writes it; what is skipped has lines of its own there (`report/jsonl`).
///
/// For each run: `RunStarted`, then `WorkerConnected` for each worker, then trials, then `RunEnded`, which is the last
/// event of every run whatever happened. In a trial each phase has `PhaseStarted`; for each worker that is not lost
/// `PhaseReceived`, a `StepStarted` and a `StepEnded` for each step that ran (a `StepEnded` alone for one that did not),
/// and `WorkerPhaseEnded`; then `PhaseEnded`. A worker whose player leaves runs its Reset by itself: what it tells of that
/// comes while the others are in another phase, and also where there is no Reset any more for them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins; nothing was connected yet.
    #[serde(skip)]
    RunStarted {
        /// What will be done.
        plan: Arc<Plan>,
        /// When it is.
        anchor: ClockAnchor,
    },
    /// A run goes on that had been interrupted. What was lost, and could not be reached or written before, is over.
    #[serde(skip)]
    RunResumed {
        /// What will be done, as a whole.
        plan: Arc<Plan>,
        /// How many of its trials are done.
        done: u32,
        /// Which configuration this is, counted from 1.
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
    /// What the commands of `versions` printed on a worker's machine.
    VersionsPrinted {
        /// The worker.
        worker: WorkerId,
        /// What they printed, in the order of the commands.
        versions: Vec<PrintedVersion>,
    },
    /// A trial begins, counted from 1. If its number has begun before, the earlier attempt counts no more.
    #[serde(with = "trial_started")]
    TrialStarted {
        /// Which.
        trial: u32,
        /// The point of the series.
        point: PointId,
        /// The round, counted from 1: each point has one trial in it.
        round: u32,
        /// Which attempt at it this is, counted from 1: a run that is resumed repeats a trial that had no end.
        attempt: u32,
        /// It prepares the machines, and is not counted.
        warm_up: bool,
    },
    /// A phase begins: the workers prepare for it.
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
    /// All workers that are not lost were told to go.
    PhaseGo {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// How far ahead the instant is at which they start together.
        #[serde(rename = "lead_ns", with = "in_nanoseconds")]
        lead: Duration,
    },
    /// A step's process started.
    StepStarted {
        /// Which step.
        #[serde(flatten)]
        step: StepReference,
        /// When.
        #[serde(flatten)]
        started: Start,
    },
    /// A step printed something. Where much comes at once, one event can stand for several; what none has told of is in
    /// the step's result. It can come before the step's `StepStarted`, and, of a leaky step, after its end.
    #[serde(skip)]
    OutputReceived {
        /// Which step.
        step: StepReference,
        /// On which stream.
        stream: Stream,
        /// All that came of the stream so far.
        output: Output,
    },
    /// Ends the output of a leaky step: no more of it is taken. Reports the streams that grew after the step ended.
    #[serde(skip)]
    OutputEnded {
        /// Which step.
        step: StepReference,
        /// On which stream.
        stream: Stream,
        /// All that came of the stream.
        output: Output,
    },
    /// A step is over. A spawned step has this when it is started, with the outcome `Spawned`.
    #[serde(with = "step_ended")]
    StepEnded {
        /// Which step.
        step: StepReference,
        /// What it left.
        result: StepResult,
    },
    /// A spawned step is over at last.
    #[serde(with = "step_ended")]
    SpawnedEnded {
        /// Which step.
        step: StepReference,
        /// What it left.
        result: StepResult,
    },
    /// Everybody is at this barrier, and was told to go on.
    BarrierReleased {
        /// The trial.
        trial: u32,
        /// The phase.
        phase: Phase,
        /// The barrier's name.
        name: String,
        /// How far ahead the instant is at which they go on together.
        #[serde(rename = "lead_ns", with = "in_nanoseconds")]
        lead: Duration,
    },
    /// A barrier of the phase that is over, at which somebody arrived.
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
        /// How far apart the workers started; `None` when none is known to have started a process.
        #[serde(rename = "start_skew")]
        skew: Option<StartSkew>,
    },
    /// A worker's connection is broken; it is tried again until the worker's lease is over.
    WorkerBroken {
        /// The worker.
        worker: WorkerId,
        /// Why, for people.
        reason: String,
    },
    /// The connection is there again, and nothing was lost.
    WorkerResumed {
        /// The worker.
        worker: WorkerId,
        /// How long nothing was received from it.
        #[serde(rename = "silent_ns", with = "in_nanoseconds")]
        silent: Duration,
    },
    /// A worker cannot be heard of any more.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
        /// Why, for people.
        reason: String,
        /// What the user can do about it.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        hint: Option<Hint>,
    },
    /// A worker cannot be reached, so that the run does not begin, or does not go on.
    WorkerUnreachable {
        /// The worker.
        worker: WorkerId,
        /// Its player answered, but does not serve the run.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
        /// Why, for people.
        reason: String,
        /// What the user can do about it.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        hint: Option<Hint>,
    },
    /// A signal told the conductor to stop.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// Something that was printed, or a report, cannot be written.
    OutputFailed {
        /// The worker that printed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<WorkerId>,
        /// What and why, for people.
        text: String,
    },
    /// The record of the run ends before the run. It is in no record.
    #[serde(skip)]
    RecordEnded,
    /// Something that people should know, and that changes no verdict.
    Warning {
        /// The worker that it is about, when it is about one.
        worker: Option<WorkerId>,
        /// The text, without the worker's name.
        text: String,
    },
    /// The test's own judgement of a trial, `check`, begins; it runs on the conductor.
    CheckStarted {
        /// The trial.
        trial: u32,
    },
    /// The check is over.
    #[serde(with = "check_ended")]
    CheckEnded {
        /// The trial.
        trial: u32,
        /// What it left.
        result: StepResult,
    },
    /// The metrics of a trial are being read from what it left.
    MeasuringStarted {
        /// The trial.
        trial: u32,
        /// How the trial went until then.
        verdict: Verdict,
    },
    /// A metric was measured.
    Measured {
        /// The trial.
        trial: u32,
        /// The name of the metric.
        metric: MetricName,
        /// The worker whose value it is. None where it is made of the values of several workers, or comes from `check`.
        worker: Option<WorkerId>,
        /// The unit of the value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        /// What came of it.
        #[serde(flatten)]
        measurement: Measurement,
    },
    /// A trial is over.
    TrialEnded {
        /// Which.
        trial: u32,
        /// How it went.
        verdict: Verdict,
    },
    /// All planned trials of a series are over whose medians are to be known precisely: whether they are, and how many
    /// trials there are now.
    PrecisionJudged {
        /// What was found.
        #[serde(flatten)]
        judgement: PrecisionJudgement,
    },
    /// The run is over.
    #[serde(skip)]
    RunEnded {
        /// How it went.
        conclusion: Conclusion,
    },
}

impl Event {
    /// The start of a trial of this plan, at this attempt.
    pub fn trial_started(plan: &Plan, trial: u32, attempt: u32) -> Self {
        let Slot { point, round, warm_up } = plan.schedule.slot(trial);
        Self::TrialStarted { trial, point, round, attempt, warm_up }
    }
}

/// A report: it receives every event of a run, in order.
pub trait Reporter: Send {
    /// Takes one event. [`Event::RunEnded`] is the last: the output is complete after it.
    ///
    /// # Errors
    ///
    /// Says why the output cannot be written. It is not called again after an error.
    fn report(&mut self, stamped: &Stamped) -> io::Result<()>;
}
