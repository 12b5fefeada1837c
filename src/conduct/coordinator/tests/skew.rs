//! How far apart workers started, what the test allows, and the messages about what is waited for.

use std::time::Duration;

use super::world::World;
use crate::conduct::coordinator::Input;
use crate::conduct::event::{Command, ConnectionEvent, End};
use crate::conduct::testing::plan;
use crate::model::{
    Action, Event, Phase, PhaseId, PlayerTime, Reason, Start, StartSkew, Step, StepId, Verdict, WorkerId,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A run of two workers in which the second starts Run 3 ms after the first, each known to half a millisecond.
fn started_apart(limit: Option<Duration>) -> World {
    let mut plan = plan(2, 1, 1, &[Phase::Run, Phase::Reset]);
    plan.settings.max_start_skew = limit;
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    for (worker, after) in [(0, Duration::ZERO), (1, 3 * MILLISECOND)] {
        let place = StepId { trial: 1, phase: Phase::Run, position: 0 };
        let player = PlayerTime::from_nanoseconds(7);
        let start = Start { at: world.now.plus(after), error: MILLISECOND / 2, player, late: Duration::ZERO };
        world.give(Input::Connection(WorkerId(worker), ConnectionEvent::StepStarted(place, start)));
    }
    world
}

fn skew_of(world: &World, of: Phase) -> Option<StartSkew> {
    let ended = world.reports.iter().find_map(|event| match event {
        Event::PhaseEnded { phase, skew, .. } if *phase == of => Some(skew.clone()),
        _ => None,
    });
    ended.expect("the phase ended")
}

#[test]
fn a_phase_says_how_far_apart_its_workers_started_and_how_far_off_that_may_be() {
    let mut world = started_apart(None);
    assert_eq!(world.finish().verdict, Verdict::Passed);
    let expected = StartSkew { spread: 3 * MILLISECOND, bound: MILLISECOND, workers: 2, unknown: Vec::new() };
    assert_eq!(skew_of(&world, Phase::Run), Some(expected));
}

#[test]
fn a_start_skew_over_the_limit_makes_the_trial_incomplete_and_its_bound_counts() {
    assert_eq!(started_apart(Some(4 * MILLISECOND)).finish().verdict, Verdict::Passed);
    let conclusion = started_apart(Some(Duration::from_nanos(3_999_999))).finish();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    let text = "the start skew of run in trial 1 is 3.000ms ± 1.000ms, but `max_start_skew` is 3ms 999us 999ns";
    assert_eq!(conclusion.reasons, [Reason::Incomplete(text.to_owned())]);
}

#[test]
fn a_start_that_is_not_known_is_over_every_limit() {
    let mut plan = plan(2, 1, 1, &[Phase::Run, Phase::Reset]);
    plan.settings.max_start_skew = Some(Duration::from_hours(1));
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.cut(1, End::lost("cut"));
    let conclusion = world.finish();
    let text = "the start skew of run in trial 1 is unknown for `w1`, but `max_start_skew` is 1h";
    assert!(conclusion.reasons.contains(&Reason::Incomplete(text.to_owned())), "{conclusion:?}");
    assert_eq!(skew_of(&world, Phase::Run).map(|skew| skew.unknown), Some(vec![WorkerId(1)]));
}

#[test]
fn a_worker_that_leaves_and_ends_its_reset_before_the_others_end_run_counts_in_the_skew_of_run() {
    let mut world = started_apart(None);
    world.leave(1, true);
    while world.speak(1) {}
    world.finish();
    let expected = StartSkew { spread: 3 * MILLISECOND, bound: MILLISECOND, workers: 2, unknown: Vec::new() };
    assert_eq!(skew_of(&world, Phase::Run), Some(expected));

    let mut world = World::new(plan(2, 1, 1, &[Phase::Run, Phase::Reset]), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.players[1].says.clear();
    world.leave(1, true);
    while world.speak(1) {}
    world.finish();
    assert_eq!(skew_of(&world, Phase::Run).map(|skew| skew.unknown), Some(vec![WorkerId(1)]), "it never started");
}

#[test]
fn everybody_is_told_the_same_instant_and_it_is_far_enough_ahead_for_the_slowest() {
    let mut world = World::new(plan(2, 1, 1, &[Phase::Run]), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseStarted { .. }));
    let mut told = Vec::new();
    for (worker, round_trip) in [(0, MILLISECOND), (1, 80 * MILLISECOND)] {
        let armed = ConnectionEvent::Armed(PhaseId { trial: 1, phase: Phase::Run }, round_trip);
        let actions = world.coordinator.handle(Input::Connection(WorkerId(worker), armed), world.now);
        told.extend(actions.into_iter().filter_map(|action| match action {
            crate::conduct::coordinator::Action::Command(_, Command::Go(_, at)) => Some(at),
            _ => None,
        }));
    }
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert!(told[0].since(world.now) >= 80 * MILLISECOND, "{told:?}");
}

#[test]
fn what_is_waited_for_names_the_workers_and_what_they_are_at() {
    let mut world = World::new(plan(10, 2, 1, &[Phase::Run]), false);
    world.give(Input::Start);
    let names = (0..8).map(|worker| format!("`w{worker}`")).collect::<Vec<_>>().join(", ");
    assert_eq!(world.coordinator.waiting(), format!("connections to {names}, and 2 more"));
    world.until(|event| matches!(event, Event::PhaseGo { .. }));
    for worker in 2..10 {
        while world.speak(worker) {}
    }
    assert_eq!(world.coordinator.waiting(), "`w0` (at `s0`), `w1` (at `s0`) to finish run");
    world.speak(0);
    world.speak(0);
    world.set_broken(1, true);
    assert_eq!(world.coordinator.waiting(), "`w0` (at `s1`), `w1` (its connection is broken) to finish run");
}

#[test]
fn a_barrier_is_released_once_when_the_last_worker_is_there_and_before_anybody_goes_on() {
    let mut plan = plan(3, 1, 1, &[Phase::Run]);
    for worker in &mut plan.workers {
        let barrier = Step { action: Action::Barrier("here".to_owned()), ..Step::plain("wait", "") };
        worker.steps[Phase::Run].insert(0, barrier);
    }
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    assert_eq!(world.finish().verdict, Verdict::Passed);
    let told = world.reports.iter().filter_map(|event| match event {
        Event::BarrierReleased { name, .. } => Some(name.as_str()),
        Event::StepStarted { .. } => Some("a start"),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["here", "a start", "a start", "a start"]);
}

#[test]
fn workers_that_wait_for_each_other_at_barriers_are_let_go_at_once_and_skip_the_rest() {
    let mut plan = plan(2, 1, 1, &[Phase::Run]);
    for (worker, names) in plan.workers.iter_mut().zip([["x", "y"], ["y", "x"]]) {
        let barrier = |name: &str| Step { action: Action::Barrier(name.to_owned()), ..Step::plain("wait", "") };
        worker.steps[Phase::Run].splice(0..0, names.map(barrier));
    }
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    assert_eq!(world.finish().verdict, Verdict::Failed);
    let failed = world.reports.iter().filter_map(|event| match event {
        Event::BarrierEnded { barrier, .. } => barrier.passed.as_ref().err().map(|why| why.text(Some(&world.plan))),
        _ => None,
    });
    assert_eq!(failed.collect::<Vec<_>>(), ["worker `w1` waits at barrier `y`", "worker `w0` waits at barrier `x`"]);
}
