//! Finds all causes of a run with their consequences.

use std::collections::BTreeMap;

use super::super::{Finished, Remark, Run, Trial};
use super::cause::{Cause, Effect, Kind, Trials, cause};
use super::root::{Key, Roots, is_bad};
use crate::model::{
    Absence, Action, BarrierFailure, Conclusion, ConductorTime, Mode, OnFailure, Outcome, Phase, Reason, StartSkew,
    StepReference, Verdict, WorkerId,
};

/// The causes of a run that have been found so far.
pub(super) struct Finder<'a> {
    pub(super) roots: Roots<'a>,
    pub(super) run: &'a Run,
    pub(super) causes: BTreeMap<Key, Cause>,
    /// When those happened that can leave results incomplete, by the trials whose results these are.
    incomplete: BTreeMap<Trials, Vec<(ConductorTime, Key)>>,
}

/// Returns the causes in order of time.
pub(super) fn found(run: &Run, conclusion: Option<&Conclusion>) -> Vec<Cause> {
    let signal = conclusion.and_then(|conclusion| {
        let signal = |reason: &Reason| if let Reason::Interrupted(signal) = reason { Some(*signal) } else { None };
        conclusion.reasons.iter().find_map(signal)
    });
    let interrupted = run.interrupted.is_some() || signal.is_some();
    let (causes, incomplete) = Default::default();
    let mut finder = Finder { roots: Roots { run, interrupted }, run, causes, incomplete };
    finder.interrupt(signal);
    finder.remarks();
    finder.steps();
    finder.incomplete();
    finder.skews();
    finder.checks();
    finder.metrics();
    finder.trials(conclusion);
    finder.not_reset(conclusion);
    finder.rest(conclusion);
    let mut causes: Vec<Cause> = finder.causes.into_values().collect();
    causes.sort_by_key(|cause| cause.at);
    causes
}

/// Creates a cause from a remark.
fn of_remark(kind: Kind, remark: &Remark) -> Cause {
    let Remark { at, trial, phase, worker, hint, .. } = *remark;
    Cause { trial, phase, workers: worker.into_iter().collect(), hint, ..cause(kind, at) }
}

impl Finder<'_> {
    fn interrupt(&mut self, signal: Option<i32>) {
        if let Some((signal, remark)) = &self.run.interrupted {
            self.causes.insert(Key::Interrupted, of_remark(Kind::Interrupted(*signal), remark));
        } else if let Some(signal) = signal {
            // Records of earlier versions contain no time of the interrupt.
            self.causes.insert(Key::Interrupted, cause(Kind::Interrupted(signal), self.last()));
        }
    }

    /// Returns when the last step ended, or else when the run started.
    fn last(&self) -> ConductorTime {
        let start = self.run.start.unwrap_or(ConductorTime::from_nanoseconds(0));
        self.run.results().map(Finished::at).fold(start, ConductorTime::max)
    }

    fn remarks(&mut self) {
        for lost in &self.run.lost {
            let Some(worker) = lost.worker else { continue };
            let has_begun = self.run.trials.values().any(|trial| trial.start <= lost.at);
            let kind = if has_begun { Kind::Lost } else { Kind::LeftOut };
            let cause = of_remark(kind(lost.text.clone()), lost);
            self.causes.entry(Key::Lost(lost.trial, worker)).or_insert(cause);
        }
        for (refused, unreachable) in &self.run.unreachable {
            let Some(worker) = unreachable.worker else { continue };
            let was_lost = self.run.lost.iter().any(|lost| lost.worker == Some(worker) && lost.trial.is_some());
            if !was_lost {
                let kind = Kind::Unreachable { refused: *refused, reason: unreachable.text.clone() };
                self.causes.insert(Key::Unreachable(worker), of_remark(kind, unreachable));
            }
        }
        for (index, unwritten) in self.run.unwritten.iter().enumerate() {
            self.causes.insert(Key::Unwritten(index), of_remark(Kind::Unwritten(unwritten.text.clone()), unwritten));
        }
        if let Some(at) = self.run.record_ended {
            self.causes.insert(Key::RecordEnded, cause(Kind::RecordEnded, at));
        }
    }

    fn steps(&mut self) {
        for finished in self.run.results() {
            if Self::is_told(finished) {
                let key = self.roots.of(finished);
                self.follows(&key, finished);
            }
            if finished.result().is_unkept() {
                self.unkept(finished.reference);
            }
        }
    }

    /// Whether this step is a cause or a consequence.
    pub(super) fn is_told(finished: Finished<'_>) -> bool {
        let spawned = finished.step.is_some_and(|step| step.mode == Mode::Spawn);
        let result = finished.result();
        let stopped = result.outcome == Outcome::Stopped && finished.reference.phase != Phase::Reset;
        // Spawned steps are always stopped in the end.
        is_bad(finished) || (stopped && (result.because.is_some() || !spawned))
    }

    /// Adds a step to the consequences of its cause.
    fn follows(&mut self, key: &Key, finished: Finished<'_>) {
        let (own, outcome) = (finished.reference, &finished.result().outcome);
        let effect = match (outcome, finished.step.map(|step| &step.action)) {
            (Outcome::Lost, _) => Effect::Lost,
            (Outcome::Skipped(_), _) => Effect::Skipped,
            (Outcome::Stopped, _) => Effect::Stopped,
            (_, Some(Action::Barrier(name))) => Effect::Barrier(name.clone()),
            _ => Effect::Failed,
        };
        // A step that was stopped for an unknown reason is not a failure.
        if *outcome == Outcome::Stopped && *key == Key::Step(own) {
            return;
        }
        if !self.causes.contains_key(key)
            && let Some(fresh) = self.draft(key, finished)
        {
            self.causes.insert(key.clone(), fresh);
        }
        let Some(cause) = self.causes.get_mut(key) else { return };
        // No consequence comes before its cause: a leaving player stops its steps before it is gone.
        cause.at = cause.at.min(finished.at());
        if !cause.steps.contains(&own) {
            cause.add(effect, own);
        }
    }

    /// Creates a cause that was found from a consequence.
    fn draft(&self, key: &Key, finished: Finished<'_>) -> Option<Cause> {
        let own = finished.reference;
        let in_phase = |kind, steps: Vec<StepReference>| Cause {
            trial: Some(own.trial),
            phase: Some(steps.first().map_or(own.phase, |step| step.phase)),
            workers: steps.iter().map(|step| step.worker).collect(),
            steps,
            ..cause(kind, finished.at())
        };
        Some(match key {
            Key::Step(step) => {
                let (outcome, at) = match self.run.finished(*step) {
                    Some(known) => (known.result().outcome.clone(), known.at()),
                    None => (Outcome::Lost, finished.at()),
                };
                Cause { at, ..in_phase(Kind::Step(outcome), vec![*step]) }
            }
            Key::Unfinished(open) => {
                let barrier = self.given_up(own, open).unwrap_or_default();
                in_phase(Kind::Unfinished(barrier.to_owned()), open.clone())
            }
            Key::Deadlock(_, _, barriers) => {
                let mut stuck: Vec<_> = barriers.iter().filter_map(|name| self.stuck(own, name)).collect();
                stuck.sort_unstable();
                in_phase(Kind::Deadlock, stuck)
            }
            Key::Lost(trial, worker) => {
                let lost = cause(Kind::Lost("its player stopped".to_owned()), finished.at());
                Cause { trial: *trial, phase: Some(own.phase), workers: vec![*worker], ..lost }
            }
            _ => return None,
        })
    }

    /// Returns the barrier whose time limit passed while these steps had not ended.
    fn given_up(&self, own: StepReference, steps: &[StepReference]) -> Option<&str> {
        let late = |failure: &BarrierFailure| matches!(failure, BarrierFailure::Missing(_, Absence::StoppedWaiting(open)) if open == steps);
        let barriers = &self.roots.phase(own)?.barriers;
        let barrier = barriers.iter().find(|barrier| barrier.passed.as_ref().is_err_and(late))?;
        Some(&barrier.name)
    }

    /// Returns the step at which the worker that does not reach this barrier is waiting.
    fn stuck(&self, own: StepReference, name: &str) -> Option<StepReference> {
        let BarrierFailure::Missing(worker, Absence::WaitsAt(other)) = self.roots.failure(own, name)? else {
            return None;
        };
        self.roots.member(own, *worker, other)
    }

    /// Adds a step whose output could not be kept to the consequences of the write error of its worker's outputs.
    fn unkept(&mut self, step: StepReference) {
        if let Some(cause) = self.unwritten(step.worker).and_then(|key| self.causes.get_mut(&key)) {
            cause.add(Effect::Unkept, step);
        }
    }

    /// Returns the cause that prevented writing the outputs of a worker.
    pub(super) fn unwritten(&self, worker: WorkerId) -> Option<Key> {
        self.run.unwritten.iter().position(|remark| remark.worker == Some(worker)).map(Key::Unwritten)
    }

    fn skews(&mut self) {
        let Some(limit) = self.run.plan().and_then(|plan| plan.settings.max_start_skew) else { return };
        for (trial, phase) in self.run.phases() {
            let Some(skew) = phase.skew.as_ref().filter(|_| phase.phase != Phase::Reset) else { continue };
            if skew.most().is_some_and(|most| most <= limit) {
                continue;
            }
            let lost = self.first(skew.unknown.iter().map(|worker| Key::Lost(Some(trial), *worker)));
            if let Some(cause) = lost.and_then(|key| self.causes.get_mut(&key)) {
                cause.follow(Effect::Skew(phase.phase)).trials.insert(trial);
            } else {
                let at = phase.end.unwrap_or(phase.start);
                let fresh = cause(Kind::Skew(StartSkew::clone(skew)), at);
                let fresh =
                    Cause { trial: Some(trial), phase: Some(phase.phase), workers: skew.unknown.clone(), ..fresh };
                self.causes.insert(Key::Skew(trial, phase.phase), fresh);
            }
        }
    }

    /// Returns the first of these keys for which there is a cause.
    pub(super) fn first(&self, keys: impl IntoIterator<Item = Key>) -> Option<Key> {
        keys.into_iter().find(|key| self.causes.contains_key(key))
    }

    /// Finds the causes that can leave results incomplete, by the trials that they affect.
    fn incomplete(&mut self) {
        for (key, cause) in &self.causes {
            if let Some(trials) = cause.can_leave_incomplete() {
                self.incomplete.entry(trials).or_default().push((cause.at, key.clone()));
            }
        }
    }

    /// Returns the first cause that left the results of the trial incomplete.
    pub(super) fn first_of_trial(&self, trial: &Trial) -> Option<Key> {
        let of_trials = [Trials::All, Trials::One(trial.number)];
        let causes = of_trials.iter().filter_map(|trials| self.incomplete.get(trials)).flatten();
        // A later cause, such as the loss of a worker while the check runs, explains nothing.
        let before = causes.filter(|(at, _)| trial.check_began.is_none_or(|began| *at <= began));
        before.min().map(|(_, key)| key.clone())
    }

    fn checks(&mut self) {
        for trial in self.run.trials.values() {
            let (Some(check), number) = (&trial.check, trial.number) else { continue };
            let first = match &check.outcome {
                Outcome::Passed => continue,
                Outcome::Stopped => Some(Key::Interrupted),
                Outcome::NotStarted(_) | Outcome::Lost => None,
                _ => self.first_of_trial(trial),
            };
            if let Some(cause) = first.and_then(|key| self.causes.get_mut(&key)) {
                cause.follow(Effect::Check).trials.insert(number);
            } else {
                let at = trial.check_ended.or(trial.end).unwrap_or(trial.start);
                let fresh = Cause { trial: Some(number), ..cause(Kind::Check(check.outcome.clone()), at) };
                self.causes.insert(Key::Check(number), fresh);
            }
        }
    }

    /// Adds the trials that were not run to the consequences of their cause.
    fn trials(&mut self, conclusion: Option<&Conclusion>) {
        let Some(plan) = self.run.plan().filter(|_| conclusion.is_some()) else { return };
        let missing = plan.trials.saturating_sub(u32::try_from(self.run.trials.len()).unwrap_or(u32::MAX));
        let (stops, began) = (plan.settings.on_failure == OnFailure::Stop, !self.run.trials.is_empty());
        if missing == 0 || !began || self.run.record_ended.is_some() {
            return;
        }
        let gone = self.run.unreachable.first().and_then(|(_, remark)| Some((remark.worker?, remark)));
        let lost = |cause: &Cause| match cause.kind {
            Kind::Interrupted(_) => true,
            Kind::Lost(..) | Kind::Unreachable { .. } => gone.is_some_and(|(gone, _)| cause.workers.contains(&gone)),
            _ => false,
        };
        let failed = |cause: &Cause| {
            matches!(
                cause.kind,
                Kind::Step(_) | Kind::Unfinished(_) | Kind::Deadlock | Kind::Check(_) | Kind::Metric(..)
            ) && stops
        };
        let key = self.causes.iter().filter(|(_, cause)| lost(cause)).max_by_key(|(_, cause)| cause.at);
        let key =
            key.or_else(|| self.causes.iter().filter(|(_, cause)| failed(cause)).min_by_key(|(_, cause)| cause.at));
        let key = key.map(|(key, _)| key.clone());
        if let Some(cause) = key.and_then(|key| self.causes.get_mut(&key)) {
            let again = gone.filter(|(worker, _)| cause.workers.contains(worker));
            let told = cause.follow(Effect::Trials(missing, again.map(|(_, remark)| remark.text.clone())));
            told.workers.extend(again.map(|(worker, _)| worker));
            if let (Kind::Lost(_), Some((_, remark))) = (&cause.kind, again) {
                cause.hint = cause.hint.or(remark.hint);
            }
        }
    }

    /// Adds workers whose Reset may not have run to its end to the consequences of their loss or of the interrupt.
    fn not_reset(&mut self, conclusion: Option<&Conclusion>) {
        if conclusion.is_none() || self.run.record_ended.is_some() {
            return;
        }
        for (trial, worker) in self.run.not_reset() {
            let key = self.first([Key::Lost(Some(trial), worker), Key::Interrupted]);
            if let Some(cause) = key.and_then(|key| self.causes.get_mut(&key)) {
                cause.follow(Effect::NotReset).workers.insert(worker);
            }
        }
    }

    /// Adds causes from the conclusion: a run that did not pass has at least one cause, and a run that did not begin
    /// has no other source of causes.
    fn rest(&mut self, conclusion: Option<&Conclusion>) {
        let Some(conclusion) = conclusion.filter(|conclusion| conclusion.verdict != Verdict::Passed) else { return };
        if self.causes.is_empty() || self.run.plan().is_none() {
            let at = self.last();
            let is_told = |reason: &Reason| matches!(reason, Reason::Interrupted(_)) && !self.causes.is_empty();
            let untold: Vec<_> = conclusion.reasons.iter().filter(|reason| !is_told(reason)).collect();
            for (index, reason) in untold.into_iter().enumerate() {
                self.causes.insert(Key::Other(index), cause(Kind::Other(reason.clone()), at));
            }
        }
    }
}
