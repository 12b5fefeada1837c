//! Reads the state of an earlier part of a run from its events: which trials are done, and what failed in them. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::coordinator::{Judge, Past, Todo, how};
use crate::model::{
    ClockAnchor, ConductorTime, Event, Plan, PointId, PrintedVersion, Reason, Schedule, Slot, Stamped, Verdict,
    WorkerId,
};
use crate::values::Collector;

/// The state of a run, according to its events.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The latest plan, and the run's own clock.
    pub(crate) plan: Option<(Arc<Plan>, ClockAnchor)>,
    /// The generation of its configuration, counted from 1.
    pub(crate) generation: u32,
    /// The time of the last event.
    last: ConductorTime,
    /// The last attempt at each trial that has begun.
    trials: BTreeMap<u32, Attempt>,
    /// The planned number of trials after some were added; 0 if none were.
    planned: u32,
    /// The values of the metrics.
    values: Collector,
    /// What the commands of `versions` printed last.
    versions: BTreeMap<WorkerId, Vec<PrintedVersion>>,
    /// The trial that has not ended yet, with its judge.
    open: Option<(u32, Judge)>,
    /// The verdict on that trial before it was measured.
    unmeasured: Option<Verdict>,
}

/// The last attempt at a trial.
#[derive(Debug)]
struct Attempt {
    number: u32,
    /// The name of its point. Another configuration may number the points differently.
    point: String,
    round: u32,
    warm_up: bool,
    /// Its result, if it has ended.
    end: Option<Past>,
}

impl History {
    /// Processes an event.
    pub(crate) fn take(&mut self, Stamped { at, event }: &Stamped) {
        self.last = self.last.max(*at);
        self.values.take(event);
        match event {
            Event::RunStarted { plan, anchor } => {
                (self.plan, self.generation) = (Some((Arc::clone(plan), *anchor)), 1);
            }
            Event::RunResumed { plan, generation, .. } => {
                self.open = None;
                self.generation = *generation;
                if let Some((known, _)) = &mut self.plan {
                    *known = Arc::clone(plan);
                }
            }
            Event::TrialStarted { trial, slot, attempt } => {
                let point = self.plan.as_ref().map_or("", |(plan, _)| plan.point_name(slot.point)).to_owned();
                let (number, round, warm_up) = (*attempt, slot.round, slot.warm_up);
                self.trials.insert(*trial, Attempt { number, point, round, warm_up, end: None });
                self.open = Some((*trial, Judge::default()));
                self.unmeasured = None;
            }
            Event::TrialEnded { trial, verdict } => {
                let judge = self.open.take().filter(|(open, _)| open == trial).map(|(_, judge)| judge);
                if let (Some(attempt), Some(judge)) = (self.trials.get_mut(trial), judge) {
                    attempt.end = Some(judge.past(*trial, *verdict));
                }
            }
            Event::VersionsPrinted { worker, versions } => _ = self.versions.insert(*worker, versions.clone()),
            Event::PrecisionJudged { judgement } => self.planned = judgement.trials,
            other => self.judge(other),
        }
    }

    fn judge(&mut self, event: &Event) {
        let (Some((plan, _)), Some((trial, judge))) = (&self.plan, &mut self.open) else { return };
        match event {
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result }
                if step.trial == *trial && result.outcome.fails(plan.step(*step), step.phase) =>
            {
                judge.failed(plan, *step, &how(result));
            }
            Event::CheckEnded { trial: of, result } if of == trial => judge.check(plan, *of, &result.outcome),
            Event::OutputFailed { text, .. } => judge.not_carried_out(text.clone()),
            Event::MeasuringStarted { verdict, .. } => self.unmeasured = Some(*verdict),
            Event::Measured { trial: of, measured } if of == trial => {
                let had_passed = self.unmeasured == Some(Verdict::Passed);
                if let Some(text) = measured.failure(plan, *trial, had_passed) {
                    judge.fails(text);
                }
            }
            _ => {}
        }
    }

    /// The reason for the verdict of the run that follows from failures in its trials.
    pub(crate) fn failed(&self) -> Option<Reason> {
        let mut judge = Judge::default();
        self.trials.values().filter_map(|attempt| attempt.end.clone()).for_each(|past| judge.recall(past));
        judge.conclude(None, true).reasons.into_iter().find(|reason| matches!(reason, Reason::Failed(_)))
    }

    /// The trials that need not be run again: those that passed or failed; if `failed` is set, only those that passed.
    pub(crate) fn done(&self, failed: bool) -> BTreeSet<u32> {
        let is_done = |past: &Past| match past.verdict {
            Verdict::Passed => true,
            Verdict::Failed => !failed,
            Verdict::Incomplete => false,
        };
        let ended = self.trials.iter().filter(|(_, attempt)| attempt.end.as_ref().is_some_and(is_done));
        ended.map(|(trial, _)| *trial).collect()
    }

    /// Returns the order of the trials when the run continues with this plan. Each trial that has begun keeps its point
    /// and its round if the plan contains them.
    ///
    /// # Errors
    ///
    /// Returns the number, round and point of a trial in `done` that cannot keep them.
    pub(crate) fn placed(&self, plan: &Plan, done: &BTreeSet<u32>) -> Result<Schedule, (u32, u32, &str)> {
        let points: HashMap<&str, PointId> =
            plan.points.iter().zip((0..).map(PointId)).map(|(point, id)| (point.name.as_str(), id)).collect();
        let slot = |attempt: &Attempt| {
            let &Attempt { ref point, round, warm_up, .. } = attempt;
            points.get(point.as_str()).map(|point| Slot { point: *point, round, warm_up })
        };
        let begun = |is_done| self.trials.iter().filter(move |(trial, _)| done.contains(trial) == is_done);
        let places = begun(true).chain(begun(false)).filter_map(|(trial, attempt)| Some((*trial, slot(attempt)?)));
        let schedule = plan.schedule.clone().keeping(places);
        match begun(true).find(|(trial, attempt)| slot(attempt) != Some(schedule.slot(**trial))) {
            Some((trial, attempt)) => Err((*trial, attempt.round, &attempt.point)),
            None => Ok(schedule),
        }
    }

    /// The last attempt at each trial that has begun.
    pub(crate) fn attempts(&self) -> BTreeMap<u32, u32> {
        self.trials.iter().map(|(trial, attempt)| (*trial, attempt.number)).collect()
    }

    /// Returns what is left of the plan after the trials in `done`, and what is known of those. The run's clock
    /// continues from here. `attempts` contains the number of the next attempt at each trial.
    pub(crate) fn resume(self, plan: &Plan, done: BTreeSet<u32>, attempts: BTreeMap<u32, u32>) -> Option<Resumption> {
        let (_, anchor) = self.plan?;
        let trials = plan.trials.max(self.planned).min(plan.most_trials());
        let mut past = self.trials;
        past.retain(|trial, _| done.contains(trial));
        let past = past.into_values().filter_map(|attempt| attempt.end).collect();
        let Self { generation, last, values, versions, .. } = self;
        Some(Resumption { todo: Todo::new(trials, done, attempts), past, values, versions, anchor, last, generation })
    }
}

/// What is needed to resume a run.
#[derive(Debug, Clone)]
pub(crate) struct Resumption {
    pub(super) todo: Todo,
    /// The results of the trials that are done.
    pub(super) past: Vec<Past>,
    /// The measured values.
    pub(super) values: Collector,
    /// What the commands of `versions` printed last.
    pub(super) versions: BTreeMap<WorkerId, Vec<PrintedVersion>>,
    /// The run's clock, and the last recorded time on it.
    pub(super) anchor: ClockAnchor,
    pub(super) last: ConductorTime,
    /// The generation of its configuration, counted from 1.
    pub(crate) generation: u32,
}

impl Resumption {
    /// The number of planned trials, including those that were added.
    pub(crate) const fn trials(&self) -> u32 {
        self.todo.last()
    }

    /// Returns this resumption with a configuration of this generation.
    pub(crate) fn of_generation(self, generation: u32) -> Self {
        Self { generation, ..self }
    }
}
