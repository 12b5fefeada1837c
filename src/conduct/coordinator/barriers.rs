//! The barriers of a phase: which workers must arrive, which wait, and which cannot arrive any more. Pure.
//!
//! A barrier is passed when every worker that has it has arrived. A barrier that cannot be passed fails immediately, so
//! that no worker waits in vain: because a member cannot arrive any more, or because its members wait for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{
    Absence, Action, BarrierFailure, BarrierResult, ConductorTime, PhaseId, Plan, Start, StartSkew, Step, WorkerId,
};

/// The barriers of one phase, by their names.
#[derive(Debug, Default)]
pub(super) struct Barriers(BTreeMap<String, Barrier>);

/// One barrier.
#[derive(Debug, Default)]
struct Barrier {
    members: BTreeMap<WorkerId, Member>,
    /// Whether it was passed, or why it never will be; `None` while it is open.
    over: Option<Result<(), BarrierFailure>>,
}

/// A worker that has a barrier in its phase.
#[derive(Debug)]
struct Member {
    /// The position of the barrier in the worker's phase.
    position: usize,
    /// The position of the first of the neighbours that run together with the barrier, or of the barrier itself.
    neighbours: usize,
    /// When it arrived, and when it was released.
    visit: Option<(ConductorTime, Option<ConductorTime>)>,
    /// Why it cannot arrive any more, and since when.
    gone: Option<(ConductorTime, Absence)>,
    /// The start of the process directly after the barrier.
    next: Option<Start>,
}

/// A decision about the barrier of this name: all its members have arrived, or it cannot be passed.
pub(super) type Decision = (String, Result<(), BarrierFailure>);

impl Barriers {
    /// Returns the barriers of a phase. `takes_part` returns whether a worker is in the run.
    pub(super) fn of(plan: &Plan, phase: PhaseId, takes_part: impl Fn(WorkerId) -> bool) -> Self {
        let mut all: BTreeMap<String, Barrier> = BTreeMap::new();
        for (id, _) in plan.workers().filter(|(id, _)| takes_part(*id)) {
            let steps = &plan.worker_in(phase.trial, id).steps[phase.phase];
            for (position, step) in steps.iter().enumerate() {
                if let Action::Barrier(name) = &step.action {
                    let neighbours = Step::first_together(steps, position);
                    let member = Member { position, neighbours, visit: None, gone: None, next: None };
                    all.entry(name.clone()).or_default().members.insert(id, member);
                }
            }
        }
        Self(all)
    }

    /// How many workers have the barrier of this name.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, |barrier| barrier.members.len())
    }

    /// Releases all workers that wait at this barrier. Returns each of them with the barrier's position in its phase.
    pub(super) fn close(
        &mut self,
        name: &str,
        result: Result<(), BarrierFailure>,
        now: ConductorTime,
    ) -> Vec<(WorkerId, usize)> {
        let Some(barrier) = self.0.get_mut(name) else { return Vec::new() };
        barrier.over = Some(result);
        let waiting = barrier.members.iter_mut().filter(|(_, member)| member.is_waiting());
        let let_go = waiting.map(|(id, member)| {
            member.let_go(now);
            (*id, member.position)
        });
        let_go.collect()
    }

    /// The barriers that are neither passed nor failed.
    fn open(&self) -> impl Iterator<Item = (&str, &Barrier)> {
        self.0.iter().filter(|(_, barrier)| barrier.over.is_none()).map(|(name, barrier)| (name.as_str(), barrier))
    }

    /// The memberships of this worker, each with the result of the barrier.
    fn memberships(
        &mut self,
        worker: WorkerId,
    ) -> impl Iterator<Item = (&Option<Result<(), BarrierFailure>>, &mut Member)> {
        self.0.values_mut().filter_map(move |barrier| Some((&barrier.over, barrier.members.get_mut(&worker)?)))
    }

    /// Records that a worker is at the barrier at this position. Returns why it waits there in vain if the barrier has
    /// failed.
    pub(super) fn reached(&mut self, worker: WorkerId, position: usize, now: ConductorTime) -> Option<BarrierFailure> {
        let (over, member) = self.memberships(worker).find(|(_, member)| member.position == position)?;
        let failed = over.as_ref().and_then(|over| over.as_ref().err());
        if over.is_none() || failed.is_some() {
            member.visit.get_or_insert((now, failed.map(|_| now)));
        }
        failed.cloned()
    }

    /// Records that a worker is past the barrier at this position, or no longer waits there, for this reason. Returns
    /// whether the barrier was open.
    pub(super) fn left(&mut self, worker: WorkerId, position: usize, why: &Absence, now: ConductorTime) -> bool {
        let here = self.memberships(worker).find(|(over, member)| over.is_none() && member.position == position);
        here.map(|(_, member)| member.leave(why, now)).is_some()
    }

    /// Records that a worker cannot arrive at any barrier any more, for this reason.
    pub(super) fn gone(&mut self, worker: WorkerId, why: &Absence, now: ConductorTime) {
        self.memberships(worker).filter(|(over, _)| over.is_none()).for_each(|(_, member)| member.leave(why, now));
    }

    /// Records that a worker started a process. If that is the step directly after a barrier that was passed, its start
    /// shows when the worker continued. Before any other step, it may have waited for something else.
    pub(super) fn started(&mut self, worker: WorkerId, position: usize, start: Start) {
        let passed = self.memberships(worker).filter(|(over, _)| **over == Some(Ok(()))).map(|(_, member)| member);
        for member in passed.filter(|member| member.position + 1 == position) {
            member.next.get_or_insert(start);
        }
    }

    /// Returns the results of all barriers at which a worker arrived.
    pub(super) fn results(&self) -> Vec<BarrierResult> {
        self.0.iter().filter_map(|(name, barrier)| barrier.result(name)).collect()
    }

    /// Returns the workers for which this one waits at the barrier at this position: those that have not arrived, or
    /// for one that waits at another barrier, those that have not arrived there.
    pub(super) fn awaited(&self, worker: WorkerId, position: usize) -> BTreeSet<WorkerId> {
        let is_here = |barrier: &Barrier| barrier.members.get(&worker).is_some_and(|own| own.position == position);
        let mut open: Vec<&str> = self.open().filter(|(_, barrier)| is_here(barrier)).map(|(name, _)| name).collect();
        let (mut seen, mut awaited) = (BTreeSet::new(), BTreeSet::new());
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            let missing = self.0[name].missing().filter(|(_, member)| member.gone.is_none());
            for (id, _) in missing {
                let waits = |barrier: &Barrier| barrier.members.get(&id).is_some_and(Member::is_waiting);
                let others: Vec<_> = self.open().filter(|(_, barrier)| waits(barrier)).map(|(name, _)| name).collect();
                if others.is_empty() {
                    awaited.insert(id);
                }
                open.extend(others);
            }
        }
        awaited
    }

    /// Returns the decisions that are certain now. A barrier is decided only once a worker waits at it.
    pub(super) fn decide(&self) -> Vec<Decision> {
        let possible = self.possible();
        let awaited = self.open().filter(|(_, barrier)| barrier.members.values().any(Member::is_waiting));
        let decided = awaited.filter_map(|(name, barrier)| {
            let missing = || barrier.missing();
            if missing().next().is_none() {
                return Some((name.to_owned(), Ok(())));
            }
            let gone = first_gone(missing(), |_| true);
            let stuck = || {
                let (id, at) = missing().find_map(|(id, to)| Some((id, self.blocked_at(id, to, &possible)?)))?;
                Some((id, Absence::WaitsAt(at.to_owned())))
            };
            let (worker, why) = gone.or_else(stuck)?;
            Some((name.to_owned(), Err(BarrierFailure::Missing(worker, why))))
        });
        decided.collect()
    }

    /// Returns the barriers that can still be passed: the smallest set in which each barrier's missing members wait at
    /// no barrier, or only at barriers of the set.
    fn possible(&self) -> BTreeSet<&str> {
        let mut possible = BTreeSet::new();
        loop {
            let more = self.open().filter(|(name, barrier)| {
                let comes =
                    |(id, to): (WorkerId, &Member)| to.gone.is_none() && self.blocked_at(id, to, &possible).is_none();
                !possible.contains(name) && barrier.missing().all(comes)
            });
            let more: Vec<_> = more.map(|(name, _)| name).collect();
            if more.is_empty() {
                return possible;
            }
            possible.extend(more);
        }
    }

    /// Returns a barrier at which this worker waits before it reaches that of `to`, and which is not in the set.
    fn blocked_at(&self, worker: WorkerId, to: &Member, possible: &BTreeSet<&str>) -> Option<&str> {
        let waits = self.open().filter(|(_, barrier)| {
            // Neighbours that run together do not wait for each other.
            let is_before = |at: &Member| at.is_waiting() && at.neighbours != to.neighbours;
            barrier.members.get(&worker).is_some_and(is_before)
        });
        waits.map(|(name, _)| name).find(|name| !possible.contains(name))
    }
}

/// Returns the first member, in time, that cannot arrive any more for such a reason.
fn first_gone<'a>(
    members: impl Iterator<Item = (WorkerId, &'a Member)>,
    is_such: impl Fn(&Absence) -> bool,
) -> Option<(WorkerId, Absence)> {
    let gone = members.filter_map(|(id, member)| Some((id, member.gone.as_ref()?)));
    let first = gone.filter(|(_, (_, why))| is_such(why)).min_by_key(|(_, (at, _))| *at);
    first.map(|(id, (_, why))| (id, why.clone()))
}

impl Member {
    fn is_waiting(&self) -> bool {
        self.visit.is_some_and(|(_, until)| until.is_none())
    }

    fn let_go(&mut self, at: ConductorTime) {
        if let Some((_, until)) = &mut self.visit {
            until.get_or_insert(at);
        }
    }

    fn leave(&mut self, why: &Absence, now: ConductorTime) {
        self.gone.get_or_insert_with(|| (now, why.clone()));
        self.let_go(now);
    }
}

impl Barrier {
    fn missing(&self) -> impl Iterator<Item = (WorkerId, &Member)> {
        self.members.iter().filter(|(_, member)| !member.is_waiting()).map(|(id, member)| (*id, member))
    }

    /// Returns the result, if any worker arrived.
    fn result(&self, name: &str) -> Option<BarrierResult> {
        let waited = self.members.iter().filter_map(|(id, member)| {
            let (from, until) = member.visit?;
            Some((*id, until.map_or(Duration::ZERO, |until| until.since(from))))
        });
        let waited: Vec<_> = waited.collect();
        let starts: Vec<_> = self.members.values().filter_map(|member| member.next).collect();
        let passed = match &self.over {
            Some(Ok(())) => Ok(StartSkew::of(&starts, Vec::new())),
            Some(Err(why)) => Err(why.clone()),
            None => Err(self.given_up().unwrap_or(BarrierFailure::Stopped)),
        };
        (!waited.is_empty()).then(|| BarrierResult { name: name.to_owned(), waited, passed })
    }

    /// Returns the failure caused by the first worker that waited for too long, if any.
    fn given_up(&self) -> Option<BarrierFailure> {
        let members = self.members.iter().map(|(id, member)| (*id, member));
        let late = first_gone(members, |why| matches!(why, Absence::StoppedWaiting(_)));
        late.map(|(worker, why)| BarrierFailure::Missing(worker, why))
    }
}

#[cfg(test)]
mod tests;
