//! Finds the cause of a step that was not carried out.

use std::collections::BTreeSet;

use super::super::{Finished, PhaseOfTrial, Run};
use crate::model::{Absence, Action, BarrierFailure, Blame, OnFailure, Outcome, Phase, StepReference, WorkerId};

/// The identity of a cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Step(StepReference),
    /// The steps that had not ended when the time limit of a barrier passed.
    Unfinished(Vec<StepReference>),
    /// The barriers whose workers wait for each other.
    Deadlock(u32, Phase, Vec<String>),
    Check(u32),
    Metric(u32, usize),
    /// A worker that was lost in this trial, or left out of all trials.
    Lost(Option<u32>, WorkerId),
    Unreachable(WorkerId),
    Skew(u32, Phase),
    Unwritten(usize),
    Interrupted,
    RecordEnded,
    Other(usize),
}

/// Finds the causes of steps.
#[derive(Clone, Copy)]
pub(super) struct Roots<'a> {
    pub(super) run: &'a Run,
    /// Whether the run was interrupted.
    pub(super) interrupted: bool,
}

/// Whether a step failed in a way that counts, or was not carried out.
pub(super) fn is_bad(finished: Finished<'_>) -> bool {
    let outcome = &finished.result().outcome;
    match outcome {
        Outcome::Lost => true,
        _ if finished.reference.phase == Phase::Reset => false,
        Outcome::Skipped(_) => true,
        _ => outcome.fails(finished.step, finished.reference.phase),
    }
}

/// The steps that the current search has visited.
type Seen = BTreeSet<StepReference>;

impl<'a> Roots<'a> {
    /// Returns the cause of the outcome of this step, which may be the step itself.
    pub(super) fn of(self, finished: Finished<'a>) -> Key {
        self.root(finished, &mut Seen::new())
    }

    fn root(self, finished: Finished<'a>, seen: &mut Seen) -> Key {
        let (own, result) = (finished.reference, finished.result());
        if !seen.insert(own) {
            return Key::Step(own);
        }
        if let Some(blame) = result.because {
            return self.blamed(blame, own, seen);
        }
        match (&result.outcome, finished.step.map(|step| &step.action)) {
            (Outcome::Lost | Outcome::Skipped(_) | Outcome::Stopped, _) => self.not_recorded(finished, seen),
            (_, Some(Action::Barrier(name))) => self.barrier(own, name, seen),
            (Outcome::Unfulfilled(_), Some(Action::Await { label, .. } | Action::Stop(label))) => {
                let spawned = self.run.spawned_before(own, label.as_str()).and_then(|step| self.run.finished(step));
                let before = spawned.filter(|spawned| spawned.at() <= finished.at() && is_bad(*spawned));
                before.map_or(Key::Step(own), |spawned| self.root(spawned, seen))
            }
            (Outcome::Unfulfilled(_), Some(Action::Fetch(_))) if own.phase == Phase::Collect => {
                self.not_written(finished, seen).unwrap_or(Key::Step(own))
            }
            _ => Key::Step(own),
        }
    }

    /// Returns the possible cause of a file that a worker did not write: that of the first step in Startup and Run that
    /// was not carried out.
    fn not_written(self, fetch: Finished<'a>, seen: &mut Seen) -> Option<Key> {
        let own = fetch.reference;
        let steps = self.run.worker(own.worker).map(|worker| &worker.steps);
        let of_phase = |phase: Phase| {
            let count = steps.map_or(0, |steps| steps[phase].len());
            (0..count).filter_map(move |position| self.run.finished(StepReference { phase, position, ..own }))
        };
        let before =
            [Phase::Startup, Phase::Run].into_iter().flat_map(of_phase).filter(|other| other.at() <= fetch.at());
        let mut missing: Vec<_> =
            before.filter(|other| is_bad(*other) || other.result().outcome == Outcome::Stopped).collect();
        missing.sort_by_key(|other| other.at());
        missing.into_iter().find_map(|other| {
            let key = self.root(other, seen);
            // A step that was stopped for an unknown reason explains nothing.
            (is_bad(other) || key != Key::Step(other.reference)).then_some(key)
        })
    }

    fn blamed(self, blame: Blame, own: StepReference, seen: &mut Seen) -> Key {
        match blame {
            Blame::Step(other) => self.root_of(other, seen).unwrap_or(Key::Step(other)),
            Blame::Worker(worker) => Key::Lost(Some(own.trial), worker),
            Blame::Signal(_) => Key::Interrupted,
        }
    }

    /// Returns the cause of another step, if that step has ended.
    fn root_of(self, other: StepReference, seen: &mut Seen) -> Option<Key> {
        self.run.finished(other).map(|finished| self.root(finished, seen))
    }

    /// Returns the cause of a step that was not carried out, if the record, such as one of an earlier version, does not
    /// contain it.
    fn not_recorded(self, finished: Finished<'a>, seen: &mut Seen) -> Key {
        let own = finished.reference;
        let is_skipped = matches!(finished.result().outcome, Outcome::Skipped(_));
        if is_skipped && let Some(key) = self.must(own).and_then(|must| self.root_of(must, seen)) {
            return key;
        }
        if self.is_lost(own.trial, own.worker) {
            return Key::Lost(Some(own.trial), own.worker);
        }
        if self.interrupted {
            return Key::Interrupted;
        }
        if finished.result().outcome == Outcome::Lost && self.run.record_ended.is_some() {
            return Key::RecordEnded;
        }
        let stops = self.run.plan().is_some_and(|plan| plan.settings.on_failure == OnFailure::Stop);
        if stops && finished.result().outcome != Outcome::Lost {
            let before = |other: &Finished<'_>| {
                other.reference.trial == own.trial
                    && other.result().outcome.is_failure()
                    && is_bad(*other)
                    && other.at() <= finished.at()
            };
            if let Some(first) = self.run.results().filter(before).min_by_key(|other| other.at()) {
                return self.root(first, seen);
            }
        }
        Key::Step(own)
    }

    /// Returns the `must:` step of the same phase that failed first, before this step.
    fn must(self, own: StepReference) -> Option<StepReference> {
        let before = (0..own.position).map(|position| StepReference { position, ..own });
        let failed = before.filter_map(|reference| self.run.finished(reference)).filter(|finished| {
            let must_pass = finished.step.is_some_and(|step| step.must_pass(own.phase));
            must_pass && finished.result().outcome.is_failure()
        });
        failed.min_by_key(|finished| finished.at()).map(|finished| finished.reference)
    }

    fn is_lost(self, trial: u32, worker: WorkerId) -> bool {
        self.run.lost.iter().any(|lost| lost.worker == Some(worker) && lost.trial == Some(trial))
    }

    /// Returns the cause that prevented the workers from passing the barrier of this step.
    fn barrier(self, own: StepReference, name: &str, seen: &mut Seen) -> Key {
        let mut path: Vec<&str> = vec![name];
        loop {
            let at = path.last().copied().unwrap_or(name);
            match self.failure(own, at) {
                Some(BarrierFailure::Missing(_, Absence::WaitsAt(next))) => {
                    if let Some(start) = path.iter().position(|known| known == next) {
                        let mut cycle: Vec<String> = path[start..].iter().map(|name| (*name).to_owned()).collect();
                        cycle.sort();
                        return Key::Deadlock(own.trial, own.phase, cycle);
                    }
                    path.push(next);
                }
                Some(BarrierFailure::Missing(worker, absence)) => {
                    let member = self.member(own, *worker, at);
                    return self.absent(own, *worker, absence, member, seen);
                }
                Some(BarrierFailure::Stopped) if self.interrupted => return Key::Interrupted,
                Some(BarrierFailure::Stopped | BarrierFailure::Told(_)) | None => {
                    return self.not_told(own, at, seen);
                }
            }
        }
    }

    /// Returns the phase of a step.
    pub(super) fn phase(self, own: StepReference) -> Option<&'a PhaseOfTrial> {
        self.run.trials.get(own.trial)?.phases.get(own.phase)
    }

    /// Returns the reason why the barrier of this name in the step's phase was not passed.
    pub(super) fn failure(self, own: StepReference, name: &str) -> Option<&'a BarrierFailure> {
        self.phase(own)?.barriers.iter().find(|barrier| barrier.name == name)?.passed.as_ref().err()
    }

    /// Returns the step of another worker that is this barrier.
    pub(super) fn member(self, own: StepReference, worker: WorkerId, name: &str) -> Option<StepReference> {
        let steps = &self.run.worker_in(own.trial, worker)?.steps[own.phase];
        let position = steps.iter().position(|step| matches!(&step.action, Action::Barrier(other) if other == name))?;
        Some(StepReference { worker, position, ..own })
    }

    fn absent(
        self,
        own: StepReference,
        worker: WorkerId,
        absence: &Absence,
        member: Option<StepReference>,
        seen: &mut Seen,
    ) -> Key {
        match absence {
            Absence::Lost(_) | Absence::Leaves(_) => Key::Lost(Some(own.trial), worker),
            // If all steps that had not ended failed later, their failure says more. If only some failed, it does not
            // explain all.
            Absence::StoppedWaiting(open) if !open.is_empty() => {
                let bad = open.iter().filter_map(|step| self.run.finished(*step));
                let bad: Vec<_> = bad.filter(|finished| is_bad(*finished)).collect();
                let first = bad.iter().find(|finished| !seen.contains(&finished.reference));
                match first.filter(|_| bad.len() == open.len()) {
                    Some(first) => self.root(*first, seen),
                    None => Key::Unfinished(open.clone()),
                }
            }
            _ => {
                let key = member.filter(|member| !seen.contains(member)).and_then(|member| self.root_of(member, seen));
                key.or(member.map(Key::Step)).unwrap_or(Key::Step(own))
            }
        }
    }

    /// Returns the cause of a barrier that was not passed, if the record contains no reason: that of the first worker
    /// that could not reach it.
    fn not_told(self, own: StepReference, name: &str, seen: &mut Seen) -> Key {
        let workers = self.run.plan().into_iter().flat_map(|plan| plan.workers().map(|(id, _)| id));
        for worker in workers {
            let Some(member) = self.member(own, worker, name) else { continue };
            if self.is_lost(own.trial, worker) {
                return Key::Lost(Some(own.trial), worker);
            }
            let skipped = self.run.finished(member).filter(|finished| {
                matches!(finished.result().outcome, Outcome::Skipped(_) | Outcome::Lost) && !seen.contains(&member)
            });
            if let Some(finished) = skipped {
                return self.root(finished, seen);
            }
        }
        Key::Step(own)
    }
}
