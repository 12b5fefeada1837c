//! The record of a run: what happened, in small values and references to outputs, for the formats that are written when
//! the run is over. `take` has how it grows.

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

/// What is known of the run so far.
#[derive(Clone, Default)]
pub(super) struct Run {
    pub(super) plan: Option<(Arc<Plan>, ClockAnchor)>,
    pub(super) start: Option<ConductorTime>,
    /// When the last event happened, and for how long no conductor carried the run out before that.
    pub(super) last: ConductorTime,
    pub(super) idle: Duration,
    /// Which configuration it has; none before it has begun.
    pub(super) generation: u32,
    /// The plans of earlier configurations.
    pub(super) earlier: BTreeMap<u32, Arc<Plan>>,
    pub(super) players: BTreeMap<WorkerId, PlayerDescription>,
    /// What the commands of `versions` printed on their machines.
    pub(super) versions: BTreeMap<WorkerId, Vec<PrintedVersion>>,
    /// Trials by their numbers.
    pub(super) trials: SortedMap<u32, Trial>,
    /// The trial that began last: one that is run again can have a lower number than others.
    pub(super) latest: Option<u32>,
    pub(super) lost: Vec<Remark>,
    /// Workers for which the run did not begin, or did not go on; whether their players answered and refused.
    pub(super) unreachable: Vec<(bool, Remark)>,
    /// What could not be written.
    pub(super) unwritten: Vec<Remark>,
    pub(super) warnings: Vec<Remark>,
    /// The first signal that interrupted it.
    pub(super) interrupted: Option<(i32, Remark)>,
    /// The values of its metrics.
    pub(super) values: Collector,
    /// Whether its medians are precise enough, as it was found last.
    pub(super) precision: Option<PrecisionJudgement>,
    /// When its record ended, if that was before the run.
    pub(super) record_ended: Option<ConductorTime>,
    /// The names and units of metrics, each once.
    pub(super) metric_names: BTreeSet<Arc<MetricName>>,
    pub(super) units: BTreeSet<Arc<str>>,
}

/// A run that is over, for the formats that are written then.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) run: &'a Run,
    pub(super) at: ConductorTime,
    pub(super) conclusion: &'a Conclusion,
    /// The zone of the dates that people read.
    pub(super) time_zone: &'a TimeZone,
    /// The URL of the results folder, relative to the report, where there is one.
    pub(super) folder: Option<&'a str>,
}

/// The error in which a library wrapped it: the library says only that it could not write, this one says why.
pub(super) fn innermost(error: &dyn std::error::Error) -> io::Error {
    match error.source() {
        Some(source) => innermost(source),
        None => io::Error::other(error.to_string()),
    }
}

/// A text about a worker, or about none.
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
    /// The plan, once the run has begun.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(|(plan, _)| &**plan)
    }

    /// What a worker does in a trial.
    pub(super) fn worker_in(&self, trial: u32, worker: WorkerId) -> Option<&WorkerPlan> {
        self.worker(worker)?;
        Some(self.plan_in(trial)?.worker_in(trial, worker))
    }

    /// A worker of the plan.
    pub(super) fn worker(&self, worker: WorkerId) -> Option<&WorkerPlan> {
        self.plan()?.workers.get(worker.0)
    }

    /// The name of a worker, or `?` if the plan does not have it.
    pub(super) fn name(&self, worker: WorkerId) -> &str {
        self.plan().map_or("?", |plan| plan.name(worker))
    }

    /// The names of workers, in few words.
    pub(super) fn names<'a>(&self, workers: impl IntoIterator<Item = &'a WorkerId>) -> String {
        compact(&workers.into_iter().map(|worker| self.name(*worker)).collect::<Vec<_>>())
    }

    /// The name of a worker before a text about it, and nothing before one about none.
    pub(super) fn prefix(&self, worker: Option<WorkerId>) -> String {
        worker.map_or(String::new(), |worker| format!("{}: ", self.name(worker)))
    }

    /// A step of the plan.
    pub(super) fn step(&self, step: StepReference) -> Option<&Step> {
        self.plan_in(step.trial)?.step(step)
    }

    /// The plan with which a trial was run.
    pub(super) fn plan_in(&self, trial: u32) -> Option<&Plan> {
        let generation = self.trials.get(trial).map(|trial| trial.generation);
        let earlier = generation.and_then(|generation| self.earlier.get(&generation));
        earlier.map(|plan| &**plan).or(self.plan())
    }

    /// What came of a metric in a trial, for people, and which values were expected if this one was not.
    pub(super) fn measured(&self, trial: u32, measured: &Measured) -> String {
        let expected = self.expected(trial, measured).map(|expected| format!(", expected {expected}"));
        measured.measurement.text(measured.unit.as_deref()) + &expected.unwrap_or_default()
    }

    /// Which values of a metric were expected in a trial, if this one was not.
    pub(super) fn expected(&self, trial: u32, measured: &Measured) -> Option<&Expectation> {
        let is_outside = matches!(measured.measurement, Measurement::Value { outside: true, .. });
        let metric = self.plan_in(trial)?.metrics.iter().find(|metric| metric.name == *measured.metric)?;
        metric.expect.as_ref().filter(|_| is_outside)
    }

    /// The trials that statistics put together: those with the latest configuration, without warm-up.
    pub(super) fn together(&self) -> impl Iterator<Item = &Trial> {
        self.trials.values().filter(|trial| trial.generation == self.generation && !trial.slot.warm_up)
    }

    /// How many bytes of each output the reports keep.
    pub(super) fn limit(&self) -> u64 {
        self.plan().map_or(u64::MAX, |plan| plan.settings.max_message_size)
    }

    /// A moment in UTC, to the millisecond.
    pub(super) fn utc(&self, at: ConductorTime) -> Option<String> {
        let (_, anchor) = self.plan.as_ref()?;
        jiff::Timestamp::try_from(anchor.date(at)).ok().map(|date| format!("{date:.3}"))
    }

    /// A step, if it is over.
    pub(super) fn finished(&self, reference: StepReference) -> Option<Finished<'_>> {
        let phase = self.trials.get(reference.trial)?.phases.get(reference.phase)?;
        let recorded = phase.workers.get(reference.worker)?.results.get(reference.position)?;
        Some(Finished { reference, step: self.step(reference), recorded })
    }

    /// The last step with this label that the worker of this step spawns before it.
    pub(super) fn spawned_before(&self, own: StepReference, label: &str) -> Option<StepReference> {
        let steps = &self.worker_in(own.trial, own.worker)?.steps;
        // Labels are keys of a configuration: upper and lower case are the same.
        let is_meant =
            |step: &Step| step.mode == Mode::Spawn && step.label.as_str().to_lowercase() == label.to_lowercase();
        Phase::ALL.into_iter().rev().filter(|phase| *phase <= own.phase).find_map(|phase| {
            let count = if phase == own.phase { own.position } else { steps[phase].len() };
            let position = steps[phase].iter().take(count).rposition(is_meant)?;
            Some(StepReference { phase, position, ..own })
        })
    }

    /// The phases of all trials, behind the numbers of these.
    pub(super) fn phases(&self) -> impl Iterator<Item = (u32, &PhaseOfTrial)> {
        self.trials.values().flat_map(|trial| trial.phases.values().map(|phase| (trial.number, phase)))
    }

    /// Every step that is over, in the order of the run.
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

    /// How long it was carried out until this moment, without the time between its conductors.
    pub(super) fn took(&self, end: ConductorTime) -> Option<Duration> {
        Some(end.since(self.start?).saturating_sub(self.idle))
    }

    /// How many trials are over, of how many.
    pub(super) fn ended_trials(&self) -> usize {
        self.trials.values().filter(|trial| trial.end.is_some()).count()
    }

    /// Workers of which it is not known that their Reset ran to its end, in trials in which they ran something and were
    /// to be reset.
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

    /// Everything that was printed, a stream each.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.results().map(Finished::result).flat_map(StepResult::outputs)
    }
}
