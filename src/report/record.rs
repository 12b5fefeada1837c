//! The record of a run: what happened, as small values and references to outputs. It is used by the formats that are
//! written at the end of the run. `take` adds events.

mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::names::compact;
use super::sorted_map::SortedMap;
use super::trial::{Finished, Measured, PhaseOfTrial, Trial};
use crate::model::{
    ClockAnchor, Conclusion, ConductorTime, Expectation, Hint, Measurement, MetricName, Mode, Output, Phase, Plan,
    PlayerDescription, PrecisionJudgement, PrintedVersion, Step, StepReference, StepResult, WorkerId, WorkerPlan,
};
use crate::values::Collector;

/// What is known of a run so far.
#[derive(Clone, Default)]
pub(super) struct Run {
    pub(super) plan: Option<(Arc<Plan>, ClockAnchor)>,
    pub(super) start: Option<ConductorTime>,
    /// When the last event happened, and the total time during which no conductor carried out the run.
    pub(super) last: ConductorTime,
    pub(super) idle: Duration,
    /// The generation of the current configuration; 0 before the run has begun.
    pub(super) generation: u32,
    /// The plans of earlier generations.
    pub(super) earlier: BTreeMap<u32, Arc<Plan>>,
    pub(super) players: BTreeMap<WorkerId, PlayerDescription>,
    /// The output of the commands of `versions` on the machines.
    pub(super) versions: BTreeMap<WorkerId, Vec<PrintedVersion>>,
    /// The trials by number.
    pub(super) trials: SortedMap<u32, Trial>,
    /// The trial that began last. If it is run again, its number can be lower than others.
    pub(super) latest: Option<u32>,
    pub(super) lost: Vec<Remark>,
    /// The workers because of which the run did not begin or continue, and whether their players refused.
    pub(super) unreachable: Vec<(bool, Remark)>,
    /// What could not be written.
    pub(super) unwritten: Vec<Remark>,
    pub(super) warnings: Vec<Remark>,
    /// The first signal that interrupted the run.
    pub(super) interrupted: Option<(i32, Remark)>,
    /// The values of the metrics.
    pub(super) values: Collector,
    /// The latest judgement whether the medians are precise enough.
    pub(super) precision: Option<PrecisionJudgement>,
    /// When the record ended, if that was before the end of the run.
    pub(super) record_ended: Option<ConductorTime>,
    /// The distinct names and units of metrics.
    pub(super) metric_names: BTreeSet<Arc<MetricName>>,
    pub(super) units: BTreeSet<Arc<str>>,
}

/// A run that has ended, for the formats that are written at that time.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) run: &'a Run,
    pub(super) at: ConductorTime,
    pub(super) conclusion: &'a Conclusion,
    /// The time zone of local dates.
    pub(super) time_zone: &'a TimeZone,
    /// The URL of the results folder relative to the report, if there is a folder.
    pub(super) folder: Option<&'a str>,
}

/// Returns the innermost source of an error. The errors of the libraries only say that they could not write; their
/// source says why.
pub(super) fn innermost(error: &dyn std::error::Error) -> io::Error {
    match error.source() {
        Some(source) => innermost(source),
        None => io::Error::other(error.to_string()),
    }
}

/// A text, possibly about a worker.
#[derive(Clone)]
pub(super) struct Remark {
    pub(super) at: ConductorTime,
    pub(super) trial: Option<u32>,
    pub(super) phase: Option<Phase>,
    pub(super) worker: Option<WorkerId>,
    pub(super) text: String,
    pub(super) hint: Option<Hint>,
}

impl Run {
    /// Returns the plan, once the run has begun.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|(plan, _)| &**plan)
    }

    /// Returns the worker with its steps in a trial.
    pub(super) fn worker_in(&self, trial: u32, worker: WorkerId) -> Option<&WorkerPlan> {
        self.worker(worker)?;
        Some(self.plan_in(trial)?.worker_in(trial, worker))
    }

    /// Returns a worker of the plan.
    pub(super) fn worker(&self, worker: WorkerId) -> Option<&WorkerPlan> {
        self.plan()?.workers.get(worker.0)
    }

    /// Returns the name of a worker, or `?` if it is not in the plan.
    pub(super) fn name(&self, worker: WorkerId) -> &str {
        self.plan().map_or("?", |plan| plan.name(worker))
    }

    /// Lists the names of workers in a short form.
    pub(super) fn names<'a>(&self, workers: impl IntoIterator<Item = &'a WorkerId>) -> String {
        compact(&workers.into_iter().map(|worker| self.name(*worker)).collect::<Vec<_>>())
    }

    /// Returns the name of a worker as a prefix of a text, or nothing without a worker.
    pub(super) fn prefix(&self, worker: Option<WorkerId>) -> String {
        worker.map_or(String::new(), |worker| format!("{}: ", self.name(worker)))
    }

    /// Returns a step of the plan.
    pub(super) fn step(&self, step: StepReference) -> Option<&Step> {
        self.plan_in(step.trial)?.step(step)
    }

    /// Returns the plan with which a trial was run.
    pub(super) fn plan_in(&self, trial: u32) -> Option<&Plan> {
        let generation = self.trials.get(trial).map(|trial| trial.generation);
        let earlier = generation.and_then(|generation| self.earlier.get(&generation));
        earlier.map(|plan| &**plan).or(self.plan())
    }

    /// Describes the measurement of a metric in a trial, with the expected range if the value is outside it.
    pub(super) fn measured(&self, trial: u32, measured: &Measured) -> String {
        let expected = self.expected(trial, measured).map(|expected| format!(", expected {expected}"));
        measured.measurement.text(measured.unit.as_deref()) + &expected.unwrap_or_default()
    }

    /// Returns the expected range of a metric in a trial, if the measured value is outside it.
    pub(super) fn expected(&self, trial: u32, measured: &Measured) -> Option<&Expectation> {
        let is_outside = matches!(measured.measurement, Measurement::Value { outside: true, .. });
        let metric = self.plan_in(trial)?.metric(&measured.metric)?;
        metric.expect.as_ref().filter(|_| is_outside)
    }

    /// Returns the trials that statistics combine: those with the latest configuration, without warm-up.
    pub(super) fn together(&self) -> impl Iterator<Item = &Trial> {
        self.trials.values().filter(|trial| trial.generation == self.generation && !trial.slot.warm_up)
    }

    /// Returns how many bytes of each output the reports keep.
    pub(super) fn limit(&self) -> u64 {
        self.plan().map_or(u64::MAX, |plan| plan.settings.max_message_size)
    }

    /// Formats a time in UTC, with milliseconds.
    pub(super) fn utc(&self, at: ConductorTime) -> Option<String> {
        let (_, anchor) = self.plan.as_ref()?;
        jiff::Timestamp::try_from(anchor.date(at)).ok().map(|date| format!("{date:.3}"))
    }

    /// Returns a step if it has ended.
    pub(super) fn finished(&self, reference: StepReference) -> Option<Finished<'_>> {
        let phase = self.trials.get(reference.trial)?.phases.get(reference.phase)?;
        let recorded = phase.workers.get(reference.worker)?.results.get(reference.position)?;
        Some(Finished { reference, step: self.step(reference), recorded })
    }

    /// Returns the last step with this label that the same worker spawns before this step.
    pub(super) fn spawned_before(&self, own: StepReference, label: &str) -> Option<StepReference> {
        let steps = &self.worker_in(own.trial, own.worker)?.steps;
        // Labels are keys of a configuration, which are case-insensitive.
        let is_meant =
            |step: &Step| step.mode == Mode::Spawn && step.label.as_str().to_lowercase() == label.to_lowercase();
        Phase::ALL.into_iter().rev().filter(|phase| *phase <= own.phase).find_map(|phase| {
            let count = if phase == own.phase { own.position } else { steps[phase].len() };
            let position = steps[phase].iter().take(count).rposition(is_meant)?;
            Some(StepReference { phase, position, ..own })
        })
    }

    /// Returns the phases of all trials, each with the number of its trial.
    pub(super) fn phases(&self) -> impl Iterator<Item = (u32, &PhaseOfTrial)> {
        self.trials.values().flat_map(|trial| trial.phases.values().map(|phase| (trial.number, phase)))
    }

    /// Returns every step that has ended, in the order of the run.
    pub(super) fn results(&self) -> impl Iterator<Item = Finished<'_>> {
        let workers = self
            .phases()
            .flat_map(|(trial, phase)| phase.workers.iter().map(move |(id, worker)| (trial, phase.phase, id, worker)));
        workers.flat_map(move |(trial, phase, worker, own)| {
            own.results.iter().map(move |(position, recorded)| {
                let reference = StepReference { trial, phase, worker, position };
                Finished { reference, step: self.step(reference), recorded }
            })
        })
    }

    /// Returns for how long the run was carried out until `end`, without the time between its conductors.
    pub(super) fn took(&self, end: ConductorTime) -> Option<Duration> {
        Some(end.since(self.start?).saturating_sub(self.idle))
    }

    /// Returns the number of trials that have ended.
    pub(super) fn ended_trials(&self) -> usize {
        self.trials.values().filter(|trial| trial.end.is_some()).count()
    }

    /// Returns the workers whose Reset may not have run to its end, in trials in which they ran something and were to
    /// be reset.
    pub(super) fn not_reset(&self) -> Vec<(u32, WorkerId)> {
        let Some((plan, _)) = self.plan.as_ref().filter(|(plan, _)| plan.has(Phase::Reset)) else { return Vec::new() };
        let open = |trial: &Trial, worker: WorkerId| {
            let phases = || trial.phases.values().filter_map(|phase| Some((phase.phase, phase.workers.get(worker)?)));
            let ran = phases().any(|(_, own)| own.results.values().any(|recorded| recorded.result.started.is_some()));
            ran && !phases().any(|(phase, own)| phase == Phase::Reset && own.end.is_some())
        };
        let workers =
            |trial: &Trial| plan.workers().map(|(id, _)| id).filter(|id| open(trial, *id)).collect::<Vec<_>>();
        self.trials.values().flat_map(|trial| workers(trial).into_iter().map(|id| (trial.number, id))).collect()
    }

    /// Returns the outputs of all steps, one per stream.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.results().map(Finished::result).flat_map(StepResult::outputs)
    }
}
