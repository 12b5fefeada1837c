//! Barriers that are passed, failed and given up.

use super::*;
use crate::conduct::testing::{plan, start_at};
use crate::model::{Mode, Phase};

const NOW: ConductorTime = ConductorTime::from_nanoseconds(5);
const RUN: PhaseId = PhaseId { trial: 1, phase: Phase::Run };
const A: WorkerId = WorkerId(0);
const B: WorkerId = WorkerId(1);
const C: WorkerId = WorkerId(2);

/// The barriers of three workers that have these in Run, one letter each.
fn barriers(of: [&str; 3]) -> Barriers {
    let mut plan = plan(3, 0, 1, &[Phase::Run]);
    for (worker, names) in plan.workers.iter_mut().zip(of) {
        let step = |name: char| Step { action: Action::Barrier(name.to_string()), ..Step::plain("wait", "") };
        worker.steps[Phase::Run] = names.chars().map(step).collect();
    }
    Barriers::of(&plan, RUN, |_| true)
}

fn fail(name: &str, missing: WorkerId, why: Absence) -> Decision {
    (name.to_owned(), Err(BarrierFailure::Missing(missing, why)))
}

fn waits_at(barrier: &str) -> Absence {
    Absence::WaitsAt(barrier.to_owned())
}

#[test]
fn whoever_waits_is_told_whose_step_that_is_for() {
    let mut barriers = barriers(["x", "yx", "y"]);
    barriers.reached(A, 0, NOW);
    assert_eq!(barriers.awaited(A, 0), [B].into());
    barriers.reached(B, 0, NOW);
    assert_eq!(barriers.awaited(A, 0), [C].into(), "it waits for the third itself");
    barriers.gone(C, &Absence::Lost(None), NOW);
    assert_eq!(barriers.awaited(A, 0), BTreeSet::new());
}

#[test]
fn a_barrier_that_nobody_else_came_to_was_given_up_by_the_first_that_left() {
    let mut barriers = barriers(["x", "x", ""]);
    barriers.reached(A, 0, NOW);
    let late = Absence::StoppedWaiting(Vec::new());
    barriers.left(A, 0, &late, NOW);
    assert_eq!(barriers.results()[0].passed, Err(BarrierFailure::Missing(A, late)));
}

#[test]
fn of_several_that_cannot_come_or_left_the_first_in_time_is_named() {
    let later = ConductorTime::from_nanoseconds(6);
    let late = Absence::StoppedWaiting(Vec::new());
    let mut given_up = barriers(["x", "x", "x"]);
    for (worker, at) in [(B, NOW), (A, later)] {
        given_up.reached(worker, 0, NOW);
        given_up.left(worker, 0, &late, at);
    }
    assert_eq!(given_up.results()[0].passed, Err(BarrierFailure::Missing(B, late)));

    let mut impossible = barriers(["x", "x", "x"]);
    impossible.gone(B, &Absence::Lost(None), NOW);
    impossible.gone(A, &Absence::Skipped, later);
    impossible.reached(C, 0, later);
    let failure = Err(BarrierFailure::Missing(B, Absence::Lost(None)));
    assert_eq!(impossible.decide(), [("x".to_owned(), failure)]);
}

#[test]
fn a_barrier_is_passed_when_every_worker_that_has_it_is_there() {
    let mut barriers = barriers(["x", "x", ""]);
    assert_eq!(barriers.reached(A, 0, NOW), None);
    assert_eq!(barriers.decide(), []);
    assert_eq!(barriers.reached(B, 0, NOW), None);
    assert_eq!(barriers.decide(), [("x".to_owned(), Ok(()))]);
    let told = barriers.close("x", Ok(()), NOW);
    assert_eq!(told, [(A, 0), (B, 0)]);
    assert_eq!(barriers.decide(), []);
    assert_eq!(barriers.reached(A, 0, NOW), None, "it is over");
    assert!(!barriers.left(A, 0, &Absence::Skipped, NOW), "a release that was sent wins");
}

#[test]
fn only_a_step_directly_behind_a_barrier_tells_when_its_worker_went_on() {
    // The others wait for something else before they start a process, such as `await:` or another barrier.
    for (positions, workers) in [([1, 1, 1], Some(3)), ([1, 2, 1], Some(2)), ([2, 2, 3], None)] {
        let mut barriers = barriers(["x", "x", "x"]);
        let _ = [A, B, C].map(|worker| barriers.reached(worker, 0, NOW));
        barriers.close("x", Ok(()), NOW);
        for (worker, position) in [A, B, C].into_iter().zip(positions) {
            barriers.started(worker, position, start_at(NOW));
        }
        let skew = barriers.results()[0].passed.clone().unwrap();
        assert_eq!(skew.map(|skew| skew.workers), workers, "{positions:?}");
    }
}

#[test]
fn a_member_that_can_not_come_fails_the_barrier_as_soon_as_somebody_waits() {
    let mut barriers = barriers(["x", "x", "x"]);
    barriers.gone(B, &Absence::Lost(None), NOW);
    assert_eq!(barriers.decide(), [], "nobody waits yet");
    barriers.reached(C, 0, NOW);
    assert_eq!(barriers.decide(), [fail("x", B, Absence::Lost(None))]);
    assert_eq!(barriers.close("x", Err(BarrierFailure::Stopped), NOW), [(C, 0)]);
    assert_eq!(barriers.reached(A, 0, NOW), Some(BarrierFailure::Stopped));
}

#[test]
fn one_that_withdraws_is_not_there() {
    let mut barriers = barriers(["x", "x", "x"]);
    barriers.reached(A, 0, NOW);
    barriers.reached(B, 0, NOW);
    assert!(barriers.left(A, 0, &Absence::Skipped, NOW));
    barriers.reached(C, 0, NOW);
    assert_eq!(barriers.decide(), [fail("x", A, Absence::Skipped)]);
}

#[test]
fn members_that_wait_for_each_other_are_found_at_once() {
    let mut two = barriers(["xy", "yx", ""]);
    two.reached(A, 0, NOW);
    assert_eq!(two.decide(), [], "the other may still come by here first, for all that is known");
    two.reached(B, 0, NOW);
    assert_eq!(two.decide(), [fail("x", B, waits_at("y")), fail("y", A, waits_at("x"))]);
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
    let mut barriers = Barriers::of(&plan, RUN, |_| true);
    barriers.reached(A, 0, NOW);
    barriers.reached(B, 0, NOW);
    assert_eq!(barriers.decide(), [], "the first comes to the other at the same time");
    barriers.reached(A, 1, NOW);
    assert_eq!(barriers.decide(), [("y".to_owned(), Ok(()))]);
}

#[test]
fn a_wait_for_one_who_waits_elsewhere_and_will_go_on_is_no_deadlock() {
    let mut barriers = barriers(["y", "xy", "x"]);
    barriers.reached(A, 0, NOW);
    barriers.reached(B, 0, NOW);
    assert_eq!(barriers.decide(), [], "the third comes yet");
    barriers.gone(C, &Absence::Lost(None), NOW);
    assert_eq!(barriers.decide(), [fail("x", C, Absence::Lost(None)), fail("y", B, waits_at("x"))]);
}
