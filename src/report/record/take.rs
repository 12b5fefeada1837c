//! Adds events to the record of a run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Remark, Run};
use crate::model::{
    self, ConductorTime, Event, Hint, Phase, Plan, Schedule, Slot, StepReference, StepResult, WorkerId,
};
use crate::report::sorted_map::SortedMap;
use crate::report::trial::{Measured, PhaseOfTrial, Recorded, Trial, WorkerOfPhase};

/// Returns the shared copy of `value`, adding one if there is none.
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

impl Run {
    /// Adds an event.
    pub(in crate::report) fn take(&mut self, at: ConductorTime, event: &Event) {
        self.values.take(event);
        self.record(at, event);
    }

    /// Adds an event, except the values of metrics.
    pub(in crate::report) fn record(&mut self, at: ConductorTime, event: &Event) {
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
            Event::TrialStarted { trial, slot, attempt } => self.trial_started(*trial, *attempt, *slot, at),
            // The Reset of a worker that left may have begun before that of all others.
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

    /// Adds an event about a trial as a whole.
    fn take_of_trial(&mut self, at: ConductorTime, event: &Event) {
        match event {
            Event::VersionsPrinted { worker, versions } => _ = self.versions.insert(*worker, versions.clone()),
            Event::CheckStarted { trial } => self.trial(*trial, at).check_began = Some(at),
            Event::CheckEnded { trial, result } => {
                let own = self.trial(*trial, at);
                (own.check, own.check_ended) = (Some(Box::new(result.clone())), Some(at));
            }
            Event::Measured { trial, measured: model::Measured { metric, worker, unit, measurement } } => {
                let unit = unit.as_deref().map(|unit| shared(&mut self.units, unit));
                let metric = shared(&mut self.metric_names, metric);
                let measured = Measured { at, metric, worker: *worker, unit, measurement: measurement.clone() };
                let metrics = &mut self.trial(*trial, at).metrics;
                // Most trials have few metrics.
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
            // Only reports that are written during the run need the other events.
            _ => {}
        }
    }

    /// Begins a trial. An earlier attempt at it no longer counts.
    fn trial_started(&mut self, trial: u32, attempt: u32, slot: Slot, at: ConductorTime) {
        self.trials.remove(trial);
        self.latest = Some(trial);
        let started = self.trial(trial, at);
        (started.attempt, started.slot) = (attempt, slot);
    }

    /// Resumes the run. The reasons why it did not continue no longer apply.
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
        // Warnings before the next trial belong to no trial.
        self.latest = None;
    }

    fn spawned_ended(&mut self, at: ConductorTime, step: StepReference, result: &StepResult) {
        let results = &mut self.in_phase(step.trial, step.phase, step.worker, at).results;
        // The start may be missing if a connection broke in between. The end is recorded nevertheless.
        let recorded = results.or_insert(step.position, || Recorded::new(at, result));
        recorded.end = Some(Box::new((at, result.clone())));
    }

    /// Returns the recorded result of a step, if there is one.
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

    /// Returns the trial, adding it if there is none.
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
