//! Workers whose connections are broken, in virtual time: they are not blamed for what is not their fault.

use std::time::Duration;

use super::world::World;
use crate::conduct::coordinator::Input;
use crate::conduct::event::ConnectionEvent;
use crate::conduct::testing::plan;
use crate::model::{Event, Phase, Reason, Verdict, WorkerId};
use crate::wait::Wait;

const HOUR: Duration = Duration::from_hours(1);

fn lost(world: &World) -> usize {
    world.reports.iter().filter(|event| matches!(event, Event::WorkerLost { .. })).count()
}

/// A world with two workers in Run, of which the second is cut off.
fn cut_off_in_run() -> World {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.set_broken(1, true);
    world
}

#[test]
fn who_waits_for_a_turn_to_connect_is_not_given_up_while_others_connect() {
    let plan = plan(2, 1, 1, &Phase::ALL);
    let own = plan.settings.connect_timeout;
    let limit = Wait::Connection.given(own);
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    for worker in [0, 0, 0, 1] {
        world.now = world.now.plus(own + Wait::Connection.time() / 2);
        world.give(Input::Connection(WorkerId(worker), ConnectionEvent::Reaching(own)));
        assert_eq!(world.coordinator.next_deadline(), Some(world.now.plus(limit)));
    }
    assert!(world.conclusion.is_none());
    world.wait();
    assert_eq!(world.finish().verdict, Verdict::Incomplete, "nobody connects any more");
}

#[test]
fn a_worker_that_is_back_has_the_whole_time_that_it_could_not_use() {
    let mut world = cut_off_in_run();
    world.give(Input::Interrupt(2));
    while world.speak(0) {}
    world.now = world.now.plus(Wait::PhaseStop.time() + Duration::from_secs(30));
    world.give(Input::Tick);
    assert_eq!(lost(&world), 0);
    world.players[1].mute = true;
    world.set_broken(1, false);
    assert_eq!(world.coordinator.next_deadline(), Some(world.now.plus(Wait::PhaseStop.time())));
    world.wait();
    assert_eq!(lost(&world), 1, "now it is its fault");
}

#[test]
fn a_worker_that_is_back_before_its_limit_keeps_that_and_later_it_has_a_whole_one() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Reset, .. }));
    while world.speak(0) {}
    let (began, second) = (world.now, Duration::from_secs(1));
    let reset = world.plan.settings.reset_timeout;
    let limit = reset + Wait::ResetEnd.time();
    let cases = [
        (10 * second, limit),
        // A second before its limit.
        (reset + 14 * second, reset + 14 * second + Wait::PhaseStop.time()),
        (limit + second, 2 * limit + second),
    ];
    for (back, expected) in cases {
        world.set_broken(1, true);
        world.now = began.plus(back);
        world.set_broken(1, false);
        assert_eq!(world.coordinator.next_deadline(), Some(began.plus(expected)));
    }
    assert_eq!(lost(&world), 0);
}

#[test]
fn a_break_from_the_phase_before_does_not_count_in_the_next() {
    let mut world = cut_off_in_run();
    for _ in 0..11 {
        world.set_broken(1, false);
        while world.speak(1) {}
        world.set_broken(1, true);
    }
    let told = |world: &World| {
        let count = |is: fn(&Event) -> bool| world.reports.iter().filter(|event| is(event)).count();
        (
            count(|event| matches!(event, Event::WorkerBroken { .. })),
            count(|event| matches!(event, Event::WorkerResumed { .. })),
        )
    };
    assert_eq!(told(&world), (10, 10));
    while world.speak(0) {}
    assert!(matches!(world.reports.last(), Some(Event::PhaseReceived { phase: Phase::Collect, .. })));
    world.set_broken(1, false);
    assert_eq!(told(&world), (10, 10), "a break that was not reported has no end either");
    world.set_broken(1, true);
    assert_eq!(told(&world), (11, 10));
}

#[test]
fn an_interrupt_waits_for_a_worker_that_is_cut_off_and_its_reset_runs() {
    let mut world = cut_off_in_run();
    world.give(Input::Interrupt(2));
    while world.speak(0) {}
    world.now = world.now.plus(Wait::PhaseStop.time() + Duration::from_secs(1));
    world.give(Input::Tick);
    while world.speak(0) {}
    world.set_broken(1, false);
    let conclusion = world.finish();
    assert_eq!(conclusion.reasons, [Reason::Interrupted(2)]);
    assert_eq!(world.players.iter().map(|player| player.resets).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn leave_is_taken_of_a_worker_that_is_cut_off_without_waiting_for_it() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    world.set_broken(1, true);
    while world.speak(0) {}
    let before = world.now;
    assert_eq!(world.finish().verdict, Verdict::Passed);
    assert!(world.now.since(before) <= Wait::Leave.time() + Duration::from_secs(1));
    assert_eq!(lost(&world), 0);
}

#[test]
fn a_break_that_is_told_twice_is_reported_once_and_so_is_its_end() {
    let mut world = cut_off_in_run();
    for broken in [true, true, false, false] {
        world.players[1].broken = !broken;
        world.set_broken(1, broken);
    }
    let told =
        world.reports.iter().filter(|event| matches!(event, Event::WorkerBroken { .. } | Event::WorkerResumed { .. }));
    assert_eq!(told.count(), 2);
    assert_eq!(world.finish().verdict, Verdict::Passed);
}

#[test]
fn a_worker_that_lives_on_beyond_what_the_plan_gives_its_steps_is_lost_and_the_others_go_on() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.players[1].mute = true;
    let began = world.now;
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    let text = "worker `w1` was lost: its steps took longer than the plan allows";
    assert!(conclusion.reasons.contains(&Reason::Incomplete(text.to_owned())), "{conclusion:?}");
    assert!(world.now.since(began) < Duration::from_mins(62), "an hour for the step, and the margins");
    assert_eq!(world.players[0].resets, 1);
}

#[test]
fn a_connection_that_breaks_again_and_again_excuses_a_worker_no_longer_than_its_lease() {
    for interrupted in [false, true] {
        let mut world = cut_off_in_run();
        let began = world.now;
        if interrupted {
            world.give(Input::Interrupt(2));
        }
        world.players[1].says.clear();
        while lost(&world) == 0 {
            while world.speak(0) {}
            world.set_broken(1, false);
            world.now = world.now.plus(Duration::from_secs(10));
            world.set_broken(1, true);
            assert!(world.now.since(began) < Duration::from_mins(70));
        }
        let broken = world.reports.iter().filter(|event| matches!(event, Event::WorkerBroken { .. })).count();
        assert!(broken < 25, "{broken} breaks are reported");
        assert!(!interrupted || world.now.since(began) < Duration::from_mins(3));
    }
}

#[test]
fn a_conductor_that_was_stopped_past_any_limit_first_takes_what_has_come() {
    let mut plan = plan(2, 2, 2, &Phase::ALL);
    plan.settings.step_timeout = Some(Duration::from_secs(1));
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    let mut pauses = 0;
    while world.conclusion.is_none() {
        // The deadline of each stage passes meanwhile.
        world.now = world.now.plus(HOUR);
        world.give(Input::HeldUp(HOUR));
        world.give(Input::Tick);
        pauses += 1;
        let spoke = (0..2).any(|worker| world.speak(worker));
        assert!(spoke || world.conclusion.is_some() || world.wait());
    }
    assert_eq!((lost(&world), world.conclusion.map(|end| end.verdict)), (0, Some(Verdict::Passed)), "{pauses} pauses");
}

#[test]
fn a_worker_that_says_nothing_is_lost_also_when_the_conductor_is_stopped_again_and_again() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.players[1].mute = true;
    world.give(Input::Interrupt(2));
    let second = Duration::from_secs(1);
    let mut ran = Duration::ZERO;
    while lost(&world) == 0 {
        assert!(ran < 3 * Wait::PhaseStop.time(), "it is never given up");
        world.now = world.now.plus(2 * second);
        world.give(Input::HeldUp(second));
        ran += second;
        while world.speak(0) {}
    }
    assert!(ran >= Wait::PhaseStop.time(), "{ran:?}");
}
