//! The record of a trial: its phases, its workers, the results of their steps, and its metrics.

use std::sync::Arc;

use super::sorted_map::SortedMap;
use crate::model::{
    BarrierResult, ConductorTime, Excuse, Measurement, MetricName, Outcome, Output, Phase, Slot, StartSkew, Step,
    StepReference, StepResult, Stream, Verdict, WorkerId,
};

/// A trial.
#[derive(Clone, Default)]
pub(super) struct Trial {
    pub(super) number: u32,
    /// The point and the round.
    pub(super) slot: Slot,
    /// The number of the attempt, counted from 1.
    pub(super) attempt: u32,
    /// The generation of the configuration, counted from 1.
    pub(super) generation: u32,
    pub(super) start: ConductorTime,
    pub(super) end: Option<ConductorTime>,
    pub(super) verdict: Option<Verdict>,
    pub(super) check_began: Option<ConductorTime>,
    pub(super) check: Option<Box<StepResult>>,
    pub(super) check_ended: Option<ConductorTime>,
    pub(super) phases: SortedMap<Phase, PhaseOfTrial>,
    /// The metrics in the order of their measurement.
    pub(super) metrics: Vec<Measured>,
}

/// The measurement of a metric in a trial.
#[derive(Clone)]
pub(super) struct Measured {
    pub(super) at: ConductorTime,
    pub(super) metric: Arc<MetricName>,
    /// The worker, if the value belongs to one worker.
    pub(super) worker: Option<WorkerId>,
    pub(super) unit: Option<Arc<str>>,
    pub(super) measurement: Measurement,
}

impl Trial {
    /// Whether this metric makes the trial fail. In a warm-up trial, no metric does.
    pub(super) const fn is_failed_by(&self, measured: &Measured) -> bool {
        !self.slot.warm_up && measured.measurement.is_failure()
    }
}

/// A phase of a trial.
#[derive(Clone)]
pub(super) struct PhaseOfTrial {
    pub(super) phase: Phase,
    pub(super) start: ConductorTime,
    pub(super) end: Option<ConductorTime>,
    pub(super) skew: Option<Box<StartSkew>>,
    pub(super) barriers: Vec<BarrierResult>,
    pub(super) workers: SortedMap<WorkerId, WorkerOfPhase>,
}

/// A worker in a phase.
#[derive(Clone)]
pub(super) struct WorkerOfPhase {
    pub(super) start: ConductorTime,
    pub(super) end: Option<ConductorTime>,
    /// The results by position of their steps.
    pub(super) results: SortedMap<usize, Box<Recorded>>,
}

/// A result, and when it was received.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) at: ConductorTime,
    pub(super) result: StepResult,
    /// The final result of a spawned step.
    pub(super) end: Option<Box<(ConductorTime, StepResult)>>,
    /// The outputs of a leaky step at its end, if it has printed more since.
    pub(super) printed_in_time: Option<Box<[Output; 2]>>,
}

impl Recorded {
    pub(super) fn new(at: ConductorTime, result: &StepResult) -> Box<Self> {
        Box::new(Self { at, result: result.clone(), end: None, printed_in_time: None })
    }

    /// Returns the final result of the step. For a spawned step, this is its end, if it is known.
    pub(super) fn last(&self) -> &StepResult {
        self.end.as_ref().map_or(&self.result, |end| &end.1)
    }

    /// Returns both outputs as they were when the step ended.
    pub(super) fn in_time(&self) -> [&Output; 2] {
        self.printed_in_time.as_deref().map_or(self.last().outputs(), <[Output; 2]>::each_ref)
    }

    /// Returns what was printed on both streams since the step ended.
    pub(super) fn late(&self) -> [Output; 2] {
        let (early, [stdout, stderr]) = (self.in_time(), self.last().outputs());
        [stdout.since(early[0]), stderr.since(early[1])]
    }

    /// Whether the result is a failure or a loss.
    pub(super) fn is_bad(&self) -> bool {
        let outcome = &self.last().outcome;
        outcome.is_failure() || *outcome == Outcome::Lost
    }

    /// Adds what a leaky step has printed since it ended. `output` is the whole output of the stream so far.
    pub(super) fn grow(&mut self, stream: Stream, output: &Output) {
        let result = self.end.as_mut().map_or(&mut self.result, |end| &mut end.1);
        let in_time = result.leaky.then(|| Box::new(result.outputs().map(Output::clone)));
        if result.grow(stream, output) && self.printed_in_time.is_none() {
            self.printed_in_time = in_time;
        }
    }
}

/// A step that has ended, with its definition in the plan.
#[derive(Clone, Copy)]
pub(super) struct Finished<'a> {
    pub(super) reference: StepReference,
    pub(super) step: Option<&'a Step>,
    pub(super) recorded: &'a Recorded,
}

impl<'a> Finished<'a> {
    /// Returns the final result of the step.
    pub(super) fn result(self) -> &'a StepResult {
        self.recorded.last()
    }

    /// Returns when the final result was received.
    pub(super) fn at(self) -> ConductorTime {
        self.recorded.end.as_ref().map_or(self.recorded.at, |end| end.0)
    }

    /// Returns the reason why the failure of the step does not count, if there is one.
    pub(super) fn excuse(self) -> Option<&'static str> {
        self.result().outcome.excuse(self.step, self.reference.phase).map(Excuse::word)
    }
}
