//! The record of a run: what happened, in small values and references to outputs, for the formats that are written when
//! the run is over.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::names::compact;
use super::sorted_map::SortedMap;
use super::trial::{Finished, Measured, PhaseOfTrial, Recorded, Trial, WorkerOfPhase};
use crate::model::{
    ClockAnchor, Conclusion, ConductorTime, Event, Expectation, Hint, Measurement, MetricName, Mode, Output, Phase,
    Plan, PlayerDescription, PrecisionJudgement, PrintedVersion, Schedule, Slot, Step, StepReference, StepResult,
    WorkerId, WorkerPlan,
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

/// The one of the known ones that is equal to this.
fn shared<T: Ord + ToOwned + ?Sized>(known: &mut BTreeSet<Arc<T>>, value: &T) -> Arc<T>
where
    Arc<T>: From<T::Owned>,
{
    let found = known.get(value).cloned();
    found.unwrap_or_else(|| {
        let fresh: Arc<T> = value.to_owned().into();
        known.insert(Arc::clone(&fresh));
        fresh
    })
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

    /// Takes one event.
    pub(super) fn take(&mut self, at: ConductorTime, event: &Event) {
        self.values.take(event);
        self.record(at, event);
    }

    /// Takes one event without the values of metrics.
    pub(super) fn record(&mut self, at: ConductorTime, event: &Event) {
        if let Event::RunResumed { .. } = event {
            self.idle += at.since(self.last);
        }
        self.last = self.last.max(at);
        match event {
            Event::RunStarted { plan, anchor } => {
                self.plan = Some((Arc::clone(plan), *anchor));
                (self.start, self.generation) = (Some(at), 1);
            }
            Event::RunResumed { plan, generation, .. } => self.resumed(plan, *generation),
            Event::WorkerConnected { worker, player } => {
                self.players.insert(*worker, player.clone());
            }
            Event::TrialStarted { trial, point, round, attempt, warm_up } => {
                let slot = Slot { point: *point, round: *round, warm_up: *warm_up };
                self.trial_started(*trial, *attempt, slot, at);
            }
            // A worker that left may have been in its Reset before all others.
            Event::PhaseStarted { trial, phase } => self.phase(*trial, *phase, at).start = at,
            Event::PhaseReceived { trial, phase, worker } => {
                self.in_phase(*trial, *phase, *worker, at);
            }
            Event::StepEnded { step, result } => {
                let own = self.in_phase(step.trial, step.phase, step.worker, at);
                own.results.insert(step.position, Recorded::new(at, result));
            }
            Event::SpawnedEnded { step, result } => self.spawned_ended(at, *step, result),
            Event::OutputReceived { step, stream, output } | Event::OutputEnded { step, stream, output } => {
                if let Some(recorded) = self.recorded(*step) {
                    recorded.grow(*stream, output);
                }
            }
            Event::WorkerPhaseEnded { trial, phase, worker } => {
                self.in_phase(*trial, *phase, *worker, at).end = Some(at);
            }
            Event::BarrierEnded { trial, phase, barrier } => {
                self.phase(*trial, *phase, at).barriers.push(barrier.clone());
            }
            Event::PhaseEnded { trial, phase, skew } => {
                let ended = self.phase(*trial, *phase, at);
                (ended.end, ended.skew) = (Some(at), skew.clone().map(Box::new));
            }
            Event::WorkerLost { worker, reason, hint } => {
                self.lost.push(self.remark(at, Some(*worker), reason, *hint));
            }
            Event::WorkerUnreachable { worker, refused, reason, hint } => {
                self.unreachable.push((*refused, self.remark(at, Some(*worker), reason, *hint)));
            }
            Event::OutputFailed { worker, text } => self.unwritten.push(self.remark(at, *worker, text, None)),
            Event::Interrupted { signal } => {
                let remark = self.remark(at, None, "", None);
                self.interrupted.get_or_insert((*signal, remark));
            }
            Event::RecordEnded => self.record_ended = Some(at),
            Event::Warning { worker, text } => self.warnings.push(self.remark(at, *worker, text, None)),
            _ => self.take_of_trial(at, event),
        }
    }

    /// Takes an event that is about a trial as a whole.
    fn take_of_trial(&mut self, at: ConductorTime, event: &Event) {
        match event {
            Event::VersionsPrinted { worker, versions } => _ = self.versions.insert(*worker, versions.clone()),
            Event::CheckStarted { trial } => self.trial(*trial, at).check_began = Some(at),
            Event::CheckEnded { trial, result } => {
                let own = self.trial(*trial, at);
                (own.check, own.check_ended) = (Some(Box::new(result.clone())), Some(at));
            }
            Event::Measured { trial, metric, worker, unit, measurement } => {
                let unit = unit.as_deref().map(|unit| shared(&mut self.units, unit));
                let metric = shared(&mut self.metric_names, metric);
                let measured = Measured { at, metric, worker: *worker, unit, measurement: measurement.clone() };
                let metrics = &mut self.trial(*trial, at).metrics;
                // Most trials have few.
                metrics.reserve_exact(1);
                metrics.push(measured);
            }
            Event::TrialEnded { trial, verdict } => {
                let ended = self.trial(*trial, at);
                (ended.end, ended.verdict) = (Some(at), Some(*verdict));
            }
            Event::PrecisionJudged { judgement } => {
                if let Some((plan, _)) = &mut self.plan {
                    Plan::extend(plan, judgement.trials);
                }
                self.precision = Some(judgement.clone());
            }
            // The other events are only for reports that are written during the run.
            _ => {}
        }
    }

    /// A trial begins. An earlier attempt at it counts no more.
    fn trial_started(&mut self, trial: u32, attempt: u32, slot: Slot, at: ConductorTime) {
        self.trials.remove(trial);
        self.latest = Some(trial);
        let started = self.trial(trial, at);
        (started.attempt, started.slot) = (attempt, slot);
    }

    /// What kept the run from going on is over.
    fn resumed(&mut self, plan: &Arc<Plan>, generation: u32) {
        if let Some((known, _)) = &mut self.plan {
            let before = std::mem::replace(known, Arc::clone(plan));
            if generation != self.generation {
                self.earlier.insert(self.generation, before);
            }
        }
        self.generation = generation;
        self.lost.clear();
        self.unreachable.clear();
        self.unwritten.clear();
        (self.interrupted, self.record_ended) = (None, None);
        // What comes before the next trial is about none.
        self.latest = None;
    }

    fn spawned_ended(&mut self, at: ConductorTime, step: StepReference, result: &StepResult) {
        let results = &mut self.in_phase(step.trial, step.phase, step.worker, at).results;
        // Its start may be missing when a connection broke in between; its end is recorded all the same.
        let recorded = results.or_insert(step.position, || Recorded::new(at, result));
        recorded.end = Some(Box::new((at, result.clone())));
    }

    /// What is recorded of a step, if anything is.
    fn recorded(&mut self, step: StepReference) -> Option<&mut Recorded> {
        let phase = self.trials.get_mut(step.trial)?.phases.get_mut(step.phase)?;
        phase.workers.get_mut(step.worker)?.results.get_mut(step.position).map(Box::as_mut)
    }

    fn remark(&self, at: ConductorTime, worker: Option<WorkerId>, text: &str, hint: Option<Hint>) -> Remark {
        let latest = self.latest.and_then(|trial| self.trials.get(trial));
        let open = latest.filter(|trial| trial.end.is_none());
        // A worker that leaves is in its Reset before the others.
        let phase = open.and_then(|trial| trial.phases.values().find(|phase| phase.end.is_none()));
        let (trial, phase) = (open.map(|trial| trial.number), phase.map(|phase| phase.phase));
        Remark { at, trial, phase, worker, text: text.to_owned(), hint }
    }

    /// The trial, which is made when nothing was said of it before.
    fn trial(&mut self, number: u32, at: ConductorTime) -> &mut Trial {
        let generation = self.generation;
        let slot = self.plan().map_or_else(|| Schedule::default().slot(number), |plan| plan.schedule.slot(number));
        let fresh = || Trial { number, slot, attempt: 1, generation, start: at, ..Trial::default() };
        self.trials.or_insert(number, fresh)
    }

    fn phase(&mut self, trial: u32, phase: Phase, at: ConductorTime) -> &mut PhaseOfTrial {
        let (end, skew, barriers, workers) = Default::default();
        let fresh = || PhaseOfTrial { phase, start: at, end, skew, barriers, workers };
        self.trial(trial, at).phases.or_insert(phase, fresh)
    }

    fn in_phase(&mut self, trial: u32, phase: Phase, worker: WorkerId, at: ConductorTime) -> &mut WorkerOfPhase {
        let workers = &mut self.phase(trial, phase, at).workers;
        workers.or_insert(worker, || WorkerOfPhase { start: at, end: None, results: SortedMap::default() })
    }
}
