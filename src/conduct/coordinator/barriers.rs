//! The barriers of a phase, pure: who has to come, who waits, who cannot come any more.
//!
//! A barrier is passed when every worker that has it is there. One that cannot be is failed at once, so that nobody waits
//! for ever: because a member cannot come any more, or because its members wait for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Action, BarrierResult, ConductorTime, Phase, Plan, Start, StartSkew, Step, WorkerId};

/// The barriers of one phase, by their names.
#[derive(Debug, Default)]
pub(super) struct Barriers(BTreeMap<String, Barrier>);

/// One barrier.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    /// The workers that have it, and its place in their phase.
    members: BTreeMap<WorkerId, Place>,
    /// Those that arrived, when, and when they were let go.
    arrived: BTreeMap<WorkerId, (ConductorTime, Option<ConductorTime>)>,
    /// Those that cannot come any more, and why.
    gone: BTreeMap<WorkerId, String>,
    /// The first process that each started behind it.
    next: BTreeMap<WorkerId, Start>,
    /// Why it will never be passed, or that it was.
    over: Option<Result<(), String>>,
}

/// Where a worker has a barrier in its phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    position: usize,
    /// The first of the neighbours that run together with it, or its own position.
    neighbours: usize,
}

/// What has become certain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Everybody is there.
    Pass(String),
    /// This member cannot come, for this reason.
    Fail {
        /// The barrier.
        name: String,
        /// Who is missing.
        missing: WorkerId,
        /// Why, to follow its name.
        why: String,
    },
}

/// What an arrival means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The worker waits.
    Waits,
    /// It waits for nothing: the barrier was failed before, for this reason.
    TooLate(String),
    /// Nothing.
    Nothing,
}

impl Barriers {
    /// Those of a phase; `takes_part` says which workers the run has.
    pub(super) fn of(plan: &Plan, phase: Phase, takes_part: impl Fn(WorkerId) -> bool) -> Self {
        let mut all: BTreeMap<String, Barrier> = BTreeMap::new();
        for (id, worker) in plan.workers().filter(|(id, _)| takes_part(*id)) {
            let steps = &worker.steps[phase];
            for (position, step) in steps.iter().enumerate() {
                if let Action::Barrier(name) = &step.action {
                    let place = Place { position, neighbours: Step::first_together(steps, position) };
                    all.entry(name.clone()).or_default().members.insert(id, place);
                }
            }
        }
        Self(all)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Barrier> {
        self.0.get_mut(name)
    }

    /// The barrier that this worker has at this position, unless it is over.
    fn open(&mut self, worker: WorkerId, position: usize) -> Option<&mut Barrier> {
        self.0.values_mut().find(|barrier| barrier.over.is_none() && barrier.is_at(worker, position))
    }

    /// A worker is at the barrier at this position.
    pub(super) fn reached(&mut self, worker: WorkerId, position: usize, now: ConductorTime) -> Arrival {
        let here = |barrier: &&mut Barrier| barrier.is_at(worker, position);
        let Some(barrier) = self.0.values_mut().find(here) else { return Arrival::Nothing };
        match &barrier.over {
            None => {
                barrier.arrived.entry(worker).or_insert((now, None));
                Arrival::Waits
            }
            Some(Err(why)) => {
                barrier.arrived.entry(worker).or_insert((now, Some(now)));
                Arrival::TooLate(why.clone())
            }
            Some(Ok(())) => Arrival::Nothing,
        }
    }

    /// A worker is past the barrier at this position, or waits there no more, for this reason; whether that was open.
    pub(super) fn left(&mut self, worker: WorkerId, position: usize, why: &str, now: ConductorTime) -> bool {
        let Some(barrier) = self.open(worker, position) else { return false };
        barrier.leave(worker, why, now);
        true
    }

    /// A worker cannot come to any barrier any more, for this reason.
    pub(super) fn gone(&mut self, worker: WorkerId, why: &str, now: ConductorTime) {
        let open = self.0.values_mut().filter(|barrier| barrier.over.is_none());
        open.filter(|barrier| barrier.members.contains_key(&worker))
            .for_each(|barrier| barrier.leave(worker, why, now));
    }

    /// A worker started a process: the first behind the last barrier that it passed tells when it went on from there.
    pub(super) fn started(&mut self, worker: WorkerId, position: usize, start: Start) {
        let passed = self.0.values_mut().filter(|barrier| barrier.over == Some(Ok(())));
        let before = passed.filter_map(|barrier| Some((barrier.members.get(&worker)?.position, barrier)));
        let last = before.filter(|(at, _)| *at < position).max_by_key(|(at, _)| *at);
        if let Some((_, barrier)) = last {
            barrier.next.entry(worker).or_insert(start);
        }
    }

    /// What became of each barrier at which somebody arrived.
    pub(super) fn results(&self) -> Vec<BarrierResult> {
        let visited = self.0.iter().filter(|(_, barrier)| !barrier.arrived.is_empty());
        visited.map(|(name, barrier)| barrier.result(name)).collect()
    }

    /// What is certain by now; each barrier is decided once somebody waits at it.
    pub(super) fn decide(&self) -> Vec<Decision> {
        let possible = self.possible();
        let awaited = self.0.iter().filter(|(_, barrier)| barrier.over.is_none() && barrier.waiting().next().is_some());
        let decided = awaited.filter_map(|(name, barrier)| {
            let missing = || barrier.missing();
            if missing().next().is_none() {
                return Some(Decision::Pass(name.clone()));
            }
            let gone = missing().find_map(|id| Some((id, barrier.gone.get(&id)?.clone())));
            let stuck = || {
                let (id, at) = missing().find_map(|id| Some((id, self.blocked_at(id, barrier, &possible)?)))?;
                Some((id, format!("waits at barrier `{at}`")))
            };
            let (missing, why) = gone.or_else(stuck)?;
            Some(Decision::Fail { name: name.clone(), missing, why })
        });
        decided.collect()
    }

    /// The barriers that can still be passed: the least set in which each barrier's missing members wait at none, or only
    /// at barriers of the set.
    fn possible(&self) -> BTreeSet<&str> {
        let mut possible = BTreeSet::new();
        loop {
            let more = self.0.iter().filter(|(name, barrier)| {
                let comes = |id| !barrier.gone.contains_key(&id) && self.blocked_at(id, barrier, &possible).is_none();
                !possible.contains(name.as_str()) && barrier.over.is_none() && barrier.missing().all(comes)
            });
            let more: Vec<_> = more.map(|(name, _)| name.as_str()).collect();
            if more.is_empty() {
                return possible;
            }
            possible.extend(more);
        }
    }

    /// A barrier at which this worker waits before it comes to that one, and which is not in the set.
    fn blocked_at(&self, worker: WorkerId, to: &Barrier, possible: &BTreeSet<&str>) -> Option<&str> {
        let place = to.members.get(&worker);
        let waits = self.0.iter().filter(|(_, barrier)| barrier.over.is_none() && barrier.is_waiting(worker));
        // Of neighbours that run together none waits for the other.
        let waits = waits.filter(|(_, barrier)| {
            let own = barrier.members.get(&worker);
            own.zip(place).is_none_or(|(own, place)| own.neighbours != place.neighbours)
        });
        waits.map(|(name, _)| name.as_str()).find(|name| !possible.contains(name))
    }
}

impl Barrier {
    /// Whether it is this one that the worker has at this position.
    fn is_at(&self, worker: WorkerId, position: usize) -> bool {
        self.members.get(&worker).is_some_and(|place| place.position == position)
    }

    /// Those that wait.
    fn waiting(&self) -> impl Iterator<Item = WorkerId> {
        self.arrived.iter().filter(|(_, (_, until))| until.is_none()).map(|(id, _)| *id)
    }

    fn is_waiting(&self, worker: WorkerId) -> bool {
        self.arrived.get(&worker).is_some_and(|(_, until)| until.is_none())
    }

    fn missing(&self) -> impl Iterator<Item = WorkerId> {
        self.members.keys().copied().filter(|id| !self.is_waiting(*id))
    }

    fn leave(&mut self, worker: WorkerId, why: &str, now: ConductorTime) {
        self.gone.entry(worker).or_insert_with(|| why.to_owned());
        if let Some((_, until)) = self.arrived.get_mut(&worker) {
            until.get_or_insert(now);
        }
    }

    fn result(&self, name: &str) -> BarrierResult {
        let waited = |(id, (from, until)): (&WorkerId, &(ConductorTime, Option<ConductorTime>))| {
            (*id, until.map_or(Duration::ZERO, |until| until.since(*from)))
        };
        let starts: Vec<_> = self.next.values().copied().collect();
        let passed = match &self.over {
            Some(Ok(())) => Ok(StartSkew::of(&starts, Vec::new())),
            Some(Err(why)) => Err(why.clone()),
            None => Err("the phase was stopped before all workers had reached the barrier".to_owned()),
        };
        BarrierResult { name: name.to_owned(), waited: self.arrived.iter().map(waited).collect(), passed }
    }

    /// How many workers have it.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// Lets everybody go; who waited, each with the barrier's position.
    pub(super) fn close(&mut self, result: Result<(), String>, now: ConductorTime) -> Vec<(WorkerId, usize)> {
        let waiting: Vec<_> = self.waiting().collect();
        self.over = Some(result);
        self.arrived.values_mut().for_each(|(_, until)| *until = Some(until.unwrap_or(now)));
        waiting.into_iter().filter_map(|id| Some((id, self.members.get(&id)?.position))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::testing::plan;
    use crate::model::Mode;

    const NOW: ConductorTime = ConductorTime::from_nanoseconds(5);
    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);
    const C: WorkerId = WorkerId(2);

    /// Three workers with these barriers in Run, one letter each.
    fn barriers(of: [&str; 3]) -> Barriers {
        let mut plan = plan(3, 0, 1, &[Phase::Run]);
        for (worker, names) in plan.workers.iter_mut().zip(of) {
            let step = |name: char| Step { action: Action::Barrier(name.to_string()), ..Step::plain("wait", "") };
            worker.steps[Phase::Run] = names.chars().map(step).collect();
        }
        Barriers::of(&plan, Phase::Run, |_| true)
    }

    fn fail(name: &str, missing: WorkerId, why: &str) -> Decision {
        Decision::Fail { name: name.to_owned(), missing, why: why.to_owned() }
    }

    #[test]
    fn a_barrier_is_passed_when_every_worker_that_has_it_is_there() {
        let mut barriers = barriers(["x", "x", ""]);
        assert_eq!(barriers.reached(A, 0, NOW), Arrival::Waits);
        assert_eq!(barriers.decide(), []);
        assert_eq!(barriers.reached(B, 0, NOW), Arrival::Waits);
        assert_eq!(barriers.decide(), [Decision::Pass("x".to_owned())]);
        let told = barriers.get_mut("x").unwrap().close(Ok(()), NOW);
        assert_eq!(told, [(A, 0), (B, 0)]);
        assert_eq!(barriers.decide(), []);
        assert_eq!(barriers.reached(A, 0, NOW), Arrival::Nothing, "it is over");
        assert!(!barriers.left(A, 0, "left", NOW), "a release that was sent wins");
    }

    #[test]
    fn a_member_that_can_not_come_fails_the_barrier_as_soon_as_somebody_waits() {
        let mut barriers = barriers(["x", "x", "x"]);
        barriers.gone(B, "is lost", NOW);
        assert_eq!(barriers.decide(), [], "nobody waits yet");
        barriers.reached(C, 0, NOW);
        assert_eq!(barriers.decide(), [fail("x", B, "is lost")]);
        assert_eq!(barriers.get_mut("x").unwrap().close(Err("no".to_owned()), NOW), [(C, 0)]);
        assert_eq!(barriers.reached(A, 0, NOW), Arrival::TooLate("no".to_owned()));
    }

    #[test]
    fn one_that_withdraws_is_not_there() {
        let mut barriers = barriers(["x", "x", "x"]);
        barriers.reached(A, 0, NOW);
        barriers.reached(B, 0, NOW);
        assert!(barriers.left(A, 0, "left", NOW));
        barriers.reached(C, 0, NOW);
        assert_eq!(barriers.decide(), [fail("x", A, "left")]);
    }

    #[test]
    fn members_that_wait_for_each_other_are_found_at_once() {
        let mut two = barriers(["xy", "yx", ""]);
        two.reached(A, 0, NOW);
        assert_eq!(two.decide(), [], "the other may still come by here first, for all that is known");
        two.reached(B, 0, NOW);
        assert_eq!(two.decide(), [fail("x", B, "waits at barrier `y`"), fail("y", A, "waits at barrier `x`")]);
        let mut three = barriers(["xz", "yx", "zy"]);
        for worker in [A, B, C] {
            three.reached(worker, 0, NOW);
        }
        assert_eq!(three.decide().len(), 3);
    }

    #[test]
    fn neighbours_that_run_together_do_not_wait_for_each_other() {
        let mut plan = plan(2, 0, 1, &[Phase::Run]);
        for (worker, (names, mode)) in plan.workers.iter_mut().zip([("xy", Mode::Parallel), ("yx", Mode::Wait)]) {
            let step = |name: char| Step { action: Action::Barrier(name.to_string()), mode, ..Step::plain("wait", "") };
            worker.steps[Phase::Run] = names.chars().map(step).collect();
        }
        let mut barriers = Barriers::of(&plan, Phase::Run, |_| true);
        barriers.reached(A, 0, NOW);
        barriers.reached(B, 0, NOW);
        assert_eq!(barriers.decide(), [], "the first comes to the other at the same time");
        barriers.reached(A, 1, NOW);
        assert_eq!(barriers.decide(), [Decision::Pass("y".to_owned())]);
    }

    #[test]
    fn a_wait_for_one_who_waits_elsewhere_and_will_go_on_is_no_deadlock() {
        let mut barriers = barriers(["y", "xy", "x"]);
        barriers.reached(A, 0, NOW);
        barriers.reached(B, 0, NOW);
        assert_eq!(barriers.decide(), [], "the third comes yet");
        barriers.gone(C, "is lost", NOW);
        assert_eq!(barriers.decide(), [fail("x", C, "is lost"), fail("y", B, "waits at barrier `x`")]);
    }
}
