//! What happens in each situation, such as a lost worker or a failed step: one test for each.

use std::time::Duration;

use super::world::World;
use crate::conduct::coordinator::Input;
use crate::conduct::event::{ConnectionEvent, End};
use crate::conduct::testing::plan;
use crate::model::{
    Ending, Event, Gate, OnFailure, Outcome, Phase, PlayerDescription, Reason, StepId, StepResult, Verdict, WorkerId,
};
use crate::wait::Wait;

fn failing_in_startup(worker: WorkerId, place: StepId) -> Outcome {
    let here = worker == WorkerId(0) && place.phase == Phase::Startup && place.position == 0;
    if here { Outcome::Failed(Ending::Exit(3)) } else { Outcome::Passed }
}

fn failing_in_reset(_: WorkerId, place: StepId) -> Outcome {
    if place.phase == Phase::Reset { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed }
}

pub(super) fn phases_begun(world: &World) -> Vec<(u32, Phase)> {
    let begun = |event: &Event| match event {
        Event::PhaseStarted { trial, phase } => Some((*trial, *phase)),
        _ => None,
    };
    world.reports.iter().filter_map(begun).collect()
}

fn phases_gone(world: &World) -> Vec<Phase> {
    let gone = world.reports.iter().filter_map(|event| match event {
        Event::PhaseGo { phase, .. } => Some(*phase),
        _ => None,
    });
    gone.collect()
}

pub(super) fn trial_verdicts(world: &World) -> Vec<Verdict> {
    let ended = world.reports.iter().filter_map(|event| match event {
        Event::TrialEnded { verdict, .. } => Some(*verdict),
        _ => None,
    });
    ended.collect()
}

pub(super) fn lost_steps(world: &World, lost: WorkerId) -> usize {
    let is_lost = |event: &&Event| {
        matches!(event, Event::StepEnded { step, result } | Event::SpawnedEnded { step, result }
            if step.worker == lost && result.outcome == Outcome::Lost)
    };
    world.reports.iter().filter(is_lost).count()
}

#[test]
fn a_run_passes() {
    let mut world = World::new(plan(3, 2, 2, &Phase::ALL), false);
    world.give(Input::Start);
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Passed);
    assert_eq!(conclusion.reasons, []);
    let expected: Vec<_> = [1, 2].into_iter().flat_map(|trial| Phase::ALL.map(|phase| (trial, phase))).collect();
    assert_eq!(phases_begun(&world), expected);
    let stopped = world
        .reports
        .iter()
        .filter(|event| matches!(event, Event::SpawnedEnded { result, .. } if result.outcome == Outcome::Stopped));
    assert_eq!(stopped.count(), 6, "what ends after Reset began was stopped, whatever its exit status");
}

#[test]
fn nobody_goes_before_everybody_is_armed() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    while world.speak(0) {}
    assert!(phases_begun(&world).is_empty());
    while world.speak(1) {}
    while world.speak(0) {}
    assert!(!world.reports.iter().any(|event| matches!(event, Event::PhaseGo { .. })));
    world.speak(1);
    world.speak(1);
    assert!(world.reports.iter().any(|event| matches!(event, Event::PhaseGo { .. })));
}

#[test]
fn every_unreachable_worker_is_named_and_nothing_starts() {
    let mut world = World::new(plan(3, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.cut(2, End::unreachable("connection refused"));
    world.cut(0, End::unreachable("no route"));
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    let text = |worker: usize, why: &str| {
        Reason::NotCarriedOut(format!("worker `w{worker}` at localhost:6970 could not be reached: {why}"))
    };
    assert_eq!(conclusion.reasons, [text(0, "no route"), text(2, "connection refused")]);
    assert!(phases_begun(&world).is_empty());
    assert_eq!(world.players[1].closed, 1);
}

#[test]
fn skip_unreachable_goes_on_without_them() {
    let mut world = World::new(plan(3, 1, 2, &Phase::ALL), true);
    world.give(Input::Start);
    world.cut(0, End::unreachable("no route"));
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    assert_eq!(
        conclusion.reasons,
        [Reason::Incomplete("worker `w0` at localhost:6970 was left out: no route".to_owned())]
    );
    assert_eq!(phases_begun(&world).len(), 8);
}

#[test]
fn a_busy_player_ends_the_run_even_when_unreachable_ones_are_skipped() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), true);
    world.give(Input::Start);
    world.cut(0, End::lost("busy with run `x`"));
    let conclusion = world.finish();
    assert_eq!(
        conclusion.reasons,
        [Reason::NotCarriedOut("worker `w0` at localhost:6970: busy with run `x`".to_owned())]
    );
    assert!(phases_begun(&world).is_empty());
}

#[test]
fn a_failed_step_fails_its_trial_and_the_phases_go_on() {
    let mut world = World::new(plan(2, 2, 1, &Phase::ALL), false);
    world.outcome = failing_in_startup;
    world.give(Input::Start);
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Failed);
    let text = "step `s0` failed with exit status 3 on worker `w0` in startup of trial 1";
    assert_eq!(conclusion.reasons, [Reason::Failed(text.to_owned())]);
    assert_eq!(phases_begun(&world).len(), 4);
}

#[test]
fn a_failed_step_may_end_startup_and_run() {
    let mut plan = plan(2, 2, 3, &Phase::ALL);
    plan.settings.on_failure = OnFailure::Stop;
    let mut world = World::new(plan, false);
    world.outcome = failing_in_startup;
    world.give(Input::Start);
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Failed);
    assert_eq!(phases_begun(&world), [(1, Phase::Startup), (1, Phase::Collect), (1, Phase::Reset)]);
}

#[test]
fn a_step_that_may_fail_does_not_count() {
    let mut plan = plan(1, 2, 1, &Phase::ALL);
    plan.workers[0].steps[Phase::Startup][0].gate = Gate::MayFail;
    let mut world = World::new(plan, false);
    world.outcome = failing_in_startup;
    world.give(Input::Start);
    assert_eq!(world.finish().verdict, Verdict::Passed);
}

#[test]
fn a_failed_reset_is_a_warning() {
    let mut world = World::new(plan(1, 1, 1, &Phase::ALL), false);
    world.outcome = failing_in_reset;
    world.give(Input::Start);
    assert_eq!(world.finish().verdict, Verdict::Passed);
    assert!(world.reports.iter().any(|event| matches!(event, Event::Warning { text, .. }
        if text == "step `s0` failed with exit status 1 in reset of trial 1")));
}

#[test]
fn a_spawned_step_that_ends_badly_before_reset_fails_the_trial() {
    let mut world = World::new(plan(1, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    let place = StepId { trial: 1, phase: Phase::Startup, position: 0 };
    let result = StepResult::without_output(Outcome::Failed(Ending::Exit(1)));
    world.give(Input::Connection(WorkerId(0), ConnectionEvent::SpawnedEnded(place, result)));
    assert_eq!(world.finish().verdict, Verdict::Failed);
}

#[test]
fn a_lost_worker_loses_its_steps_and_the_others_go_on() {
    let mut world = World::new(plan(2, 2, 3, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.cut(1, End::lost("nothing heard for 6 s"));
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    let lost = Reason::Incomplete("worker `w1` was lost: nothing heard for 6 s".to_owned());
    assert_eq!(conclusion.reasons, [lost]);
    assert_eq!(lost_steps(&world, WorkerId(1)), 3);
    assert_eq!((world.players[0].resets, world.players[1].resets), (3, 2), "it is back for the next trial");
    assert_eq!(trial_verdicts(&world), [Verdict::Incomplete, Verdict::Passed, Verdict::Passed]);
}

#[test]
fn a_lost_worker_that_does_not_come_back_ends_the_run() {
    let mut world = World::new(plan(2, 2, 3, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.cut(1, End::lost("nothing heard for 6 s"));
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    world.cut(1, End::unreachable("connection refused"));
    let conclusion = world.finish();
    assert_eq!(
        conclusion.reasons,
        [
            Reason::Incomplete("worker `w1` was lost: nothing heard for 6 s".to_owned()),
            Reason::Incomplete("worker `w1` could not be reached again: connection refused".to_owned()),
            Reason::Incomplete("2 of 3 trials were not run, because a worker was lost".to_owned()),
        ]
    );
    assert_eq!(phases_begun(&world).len(), 4);
}

#[test]
fn no_phase_begins_while_a_connection_is_broken_and_nobody_is_blamed_for_that() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseStarted { phase: Phase::Run, .. }));
    world.set_broken(1, true);
    while world.speak(0) {}
    assert!(!phases_gone(&world).contains(&Phase::Run));
    world.now = world.now.plus(Wait::Readiness.time() + Duration::from_secs(1));
    world.give(Input::Tick);
    assert!(!phases_gone(&world).contains(&Phase::Run), "and nobody is late");
    world.set_broken(1, false);
    assert_eq!(world.finish().verdict, Verdict::Passed);
}

#[test]
fn a_worker_that_does_not_stop_is_lost() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world.players[1].mute = true;
    world.give(Input::Interrupt(2));
    let conclusion = world.finish();
    let text = "worker `w1` was lost: its player did not stop the phase in time";
    assert_eq!(conclusion.reasons, [Reason::Interrupted(2), Reason::Incomplete(text.to_owned())]);
    assert_eq!(world.players[0].resets, 1);
}

#[test]
fn without_reset_what_was_spawned_stays() {
    let mut world = World::new(plan(1, 1, 1, &[Phase::Startup, Phase::Run]), false);
    world.give(Input::Start);
    assert_eq!(world.finish().verdict, Verdict::Passed);
    assert!(!world.reports.iter().any(|event| matches!(event, Event::SpawnedEnded { .. })));
}

#[test]
fn what_a_seed_can_not_do_is_said_once() {
    let mut world = World::new(plan(2, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    for worker in 0..2 {
        world.players[worker].says.clear();
        let event = ConnectionEvent::Connected(PlayerDescription::Seed);
        world.give(Input::Connection(WorkerId(worker), event));
    }
    world.finish();
    let warned = world.reports.iter().filter(|event| matches!(event, Event::Warning { worker: None, .. }));
    assert_eq!(warned.count(), 1);
}

fn checked() -> World {
    let mut plan = plan(2, 1, 2, &Phase::ALL);
    plan.settings.check = Some("judge".to_owned());
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    while !world.checking {
        assert!((0..2).any(|worker| world.speak(worker)));
    }
    world
}

#[test]
fn a_check_judges_each_trial_when_everything_of_it_is_over() {
    let mut world = checked();
    assert_eq!(trial_verdicts(&world), []);
    world.check_ends(Outcome::Failed(Ending::Exit(2)));
    let conclusion = world.finish();
    assert_eq!(conclusion.reasons, [Reason::Failed("`check` of trial 1 failed with exit status 2".to_owned())]);
    assert_eq!(trial_verdicts(&world), [Verdict::Failed, Verdict::Passed]);
}

#[test]
fn a_check_that_could_not_be_started_has_judged_nothing_and_the_run_goes_on() {
    let mut world = checked();
    world.check_ends(Outcome::NotStarted("no process".to_owned()));
    let conclusion = world.finish();
    let why = Reason::NotCarriedOut("`check` of trial 1 could not be started: no process".to_owned());
    assert_eq!((conclusion.verdict, conclusion.reasons), (Verdict::Incomplete, vec![why]));
    assert_eq!(trial_verdicts(&world), [Verdict::Incomplete, Verdict::Passed]);
}

#[test]
fn an_interrupt_stops_the_check_and_a_second_one_does_not_wait_for_it() {
    let mut world = checked();
    world.give(Input::Interrupt(2));
    assert_eq!(world.stopped_checks, 1);
    world.check_ends(Outcome::Stopped);
    let conclusion = world.finish();
    let stopped = Reason::Incomplete("`check` of trial 1 was stopped".to_owned());
    assert_eq!(conclusion.reasons, [Reason::Interrupted(2), stopped]);
    let mut world = checked();
    world.give(Input::Interrupt(2));
    world.give(Input::Interrupt(2));
    assert!(world.conclusion.is_some());
}

#[test]
fn an_output_that_fails_is_a_reason_and_the_run_goes_on() {
    let mut world = World::new(plan(1, 1, 1, &Phase::ALL), false);
    world.give(Input::Start);
    world.give(Input::OutputFailed("`x.json` cannot be written".to_owned()));
    let conclusion = world.finish();
    assert_eq!(conclusion.verdict, Verdict::Passed);
    assert_eq!(conclusion.reasons, [Reason::NotCarriedOut("`x.json` cannot be written".to_owned())]);
}
