//! What interrupts do, and what they are said to do: one test for each situation.

use super::tables::{lost_steps, phases_begun, trial_verdicts};
use super::world::World;
use crate::conduct::coordinator::Input;
use crate::conduct::event::End;
use crate::conduct::testing::plan;
use crate::model::{Event, OnInterrupt, Phase, Reason, Verdict, WorkerId};

#[test]
fn an_interrupt_stops_the_phase_and_runs_reset() {
    let mut world = World::new(plan(2, 1, 2, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.give(Input::Interrupt(2));
    let conclusion = world.finish();
    assert_eq!(conclusion.reasons, [Reason::Interrupted(2)]);
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    assert_eq!(phases_begun(&world), [(1, Phase::Startup), (1, Phase::Run), (1, Phase::Reset)]);
    assert!(world.players.iter().all(|player| player.resets == 1));
}

#[test]
fn an_interrupt_before_anything_started_needs_no_reset() {
    let mut world = World::new(plan(1, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseStarted { .. }));
    world.give(Input::Interrupt(15));
    assert_eq!(world.finish().reasons, [Reason::Interrupted(15)]);
    assert_eq!(phases_begun(&world), [(1, Phase::Startup)]);
}

#[test]
fn an_interrupt_does_not_cancel_a_reset() {
    let mut world = World::new(plan(1, 1, 2, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseStarted { phase: Phase::Reset, .. }));
    world.give(Input::Interrupt(2));
    assert_eq!(world.finish().reasons, [Reason::Interrupted(2)]);
    assert_eq!(world.players[0].resets, 1);
    assert_eq!(phases_begun(&world).len(), 4);
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.give(Input::Interrupt(2));
    world.give(Input::Interrupt(2));
    let reset = "this conductor left before the end of Reset on `w0`, `w1`; the players run it by \
                 themselves, at the latest after the lease of 1m";
    let reasons = [Reason::Interrupted(2), Reason::Incomplete(reset.to_owned())];
    assert_eq!(world.conclusion.as_ref().unwrap().reasons, reasons);
    assert_eq!(lost_steps(&world, WorkerId(0)), 2);
    assert!(world.players.iter().all(|player| player.closed == 1));
    assert!(matches!(world.reports.last(), Some(Event::RunEnded { .. })));
}

/// A run of all phases with `on_interrupt = collect`, in which this phase has begun.
fn collecting(workers: usize, phase: Phase) -> World {
    let mut plan = plan(workers, 1, 2, &Phase::ALL);
    plan.settings.on_interrupt = OnInterrupt::Collect;
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: begun, .. } if *begun == phase));
    world
}

#[test]
fn with_on_interrupt_collect_the_first_interrupt_leaves_collect_and_reset() {
    let all = [(1, Phase::Startup), (1, Phase::Run), (1, Phase::Collect), (1, Phase::Reset)];
    for (phase, expected) in
        [(Phase::Startup, vec![all[0], all[2], all[3]]), (Phase::Run, all.to_vec()), (Phase::Collect, all.to_vec())]
    {
        let mut world = collecting(2, phase);
        world.give(Input::Interrupt(2));
        let conclusion = world.finish();
        assert_eq!((conclusion.reasons, conclusion.verdict), (vec![Reason::Interrupted(2)], Verdict::Incomplete));
        assert_eq!(phases_begun(&world), expected);
        assert_eq!(trial_verdicts(&world), [Verdict::Incomplete], "{phase}");
        assert!(world.players.iter().all(|player| player.resets == 1));
    }
    let mut plan = plan(1, 1, 1, &Phase::ALL);
    plan.settings.on_interrupt = OnInterrupt::Collect;
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseStarted { .. }));
    world.give(Input::Interrupt(2));
    world.finish();
    assert_eq!(phases_begun(&world), [(1, Phase::Startup)], "nothing was started, so there is nothing to collect");
}

#[test]
fn with_on_interrupt_collect_the_second_interrupt_skips_to_reset_and_the_third_leaves() {
    for in_collect in [false, true] {
        let mut world = collecting(2, Phase::Run);
        world.give(Input::Interrupt(2));
        if in_collect {
            world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Collect, .. }));
        }
        world.give(Input::Interrupt(2));
        assert!(world.conclusion.is_none(), "Reset is due");
        let mut expected = vec![(1, Phase::Startup), (1, Phase::Run), (1, Phase::Collect), (1, Phase::Reset)];
        if !in_collect {
            expected.remove(2);
        }
        world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Reset, .. }));
        assert_eq!(phases_begun(&world), expected);
        world.give(Input::Interrupt(2));
        let reasons = &world.conclusion.as_ref().unwrap().reasons;
        assert!(matches!(&reasons[..], [Reason::Interrupted(2), Reason::Incomplete(_)]), "{reasons:?}");
    }
    let mut world = collecting(1, Phase::Reset);
    world.give(Input::Interrupt(2));
    world.give(Input::Interrupt(2));
    assert!(world.conclusion.is_some(), "in Reset, the second one leaves");
}

#[test]
fn with_on_interrupt_collect_a_lost_worker_does_not_keep_the_others_from_collecting() {
    let mut world = collecting(2, Phase::Run);
    world.cut(1, End::lost("cut"));
    world.give(Input::Interrupt(2));
    world.finish();
    assert_eq!(phases_begun(&world)[2..], [(1, Phase::Collect), (1, Phase::Reset)]);
    assert_eq!(world.players[0].resets, 1);

    let mut world = collecting(2, Phase::Run);
    world.give(Input::Interrupt(2));
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Collect, .. }));
    world.cut(1, End::lost("cut"));
    world.finish();
    assert_eq!(world.players[0].resets, 1);
}

#[test]
fn an_interrupt_while_connecting_waits_for_nobody() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.give(Input::Interrupt(1));
    assert_eq!(world.conclusion.as_ref().unwrap().reasons, [Reason::Interrupted(1)]);
}

#[test]
fn what_an_interrupt_means_follows_from_what_is_still_run_after_it() {
    let means = |phases: &[Phase], on_interrupt, seen: fn(&Event) -> bool| {
        let mut plan = plan(1, 1, 1, phases);
        plan.settings.on_interrupt = on_interrupt;
        let mut world = World::new(plan, false);
        world.give(Input::Start);
        world.until(seen);
        world.coordinator.interrupt_means()
    };
    let prepares = |event: &Event| matches!(event, Event::PhaseStarted { .. });
    let runs = |event: &Event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. });
    let collects = |event: &Event| matches!(event, Event::PhaseGo { phase: Phase::Collect, .. });
    let nothing_run = "stopping; interrupt again to exit immediately";
    for on_interrupt in [OnInterrupt::Reset, OnInterrupt::Collect] {
        assert_eq!(means(&Phase::ALL, on_interrupt, prepares), nothing_run);
    }
    let collect_first = [Phase::Collect, Phase::Reset];
    assert_eq!(means(&collect_first, OnInterrupt::Collect, prepares), nothing_run);
    let reset = "stopping and running Reset; interrupt again to exit immediately";
    assert_eq!(means(&Phase::ALL, OnInterrupt::Reset, runs), reset);
    let both = "stopping, then running Collect and Reset; interrupt again to skip to Reset";
    assert_eq!(means(&Phase::ALL, OnInterrupt::Collect, runs), both);
    let no_reset = [Phase::Run, Phase::Collect];
    let collect = "stopping, then running Collect; interrupt again to skip it";
    assert_eq!(means(&no_reset, OnInterrupt::Collect, runs), collect);
    assert_eq!(means(&no_reset, OnInterrupt::Collect, collects), "finishing Collect; interrupt again to stop it");
    assert_eq!(means(&no_reset, OnInterrupt::Reset, runs), nothing_run);
}
