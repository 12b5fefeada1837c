//! Workers whose players leave: their messages are still processed, the others continue, and every wait has a limit.

use super::world::{LEAVES, World};
use crate::conduct::coordinator::Input;
use crate::conduct::event::ConnectionEvent;
use crate::conduct::testing::plan;
use crate::model::{
    Action, Ending, Event, Outcome, Phase, PhaseId, Reason, Step, StepId, StepResult, Verdict, WorkerId,
};

fn in_run(workers: usize, change: impl FnOnce(&mut crate::model::Plan)) -> World {
    let mut plan = plan(workers, 2, 2, &Phase::ALL);
    change(&mut plan);
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    world.until(|event| matches!(event, Event::PhaseGo { phase: Phase::Run, .. }));
    world
}

/// The starts and ends of phases, and between them the steps of this worker's Reset.
fn story(world: &World, of: usize) -> Vec<String> {
    let told = world.reports.iter().filter_map(|event| match event {
        Event::PhaseStarted { trial: 1, phase } => Some(format!("{phase}")),
        Event::PhaseEnded { trial: 1, phase, .. } => Some(format!("/{phase}")),
        Event::StepEnded { step, .. } if (step.worker, step.phase) == (WorkerId(of), Phase::Reset) => {
            Some(format!("s{}", step.position))
        }
        Event::WorkerPhaseEnded { worker, phase: Phase::Reset, .. } if *worker == WorkerId(of) => {
            Some("reset".to_owned())
        }
        Event::WorkerLost { worker, .. } if *worker == WorkerId(of) => Some("lost".to_owned()),
        _ => None,
    });
    told.collect()
}

#[test]
fn the_reset_of_the_only_worker_that_leaves_is_a_phase_and_the_trial_is_incomplete() {
    let mut world = in_run(1, |_| {});
    world.leave(0, false);
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    assert_eq!(
        story(&world, 0),
        ["startup", "/startup", "run", "/run", "reset", "s0", "s1", "reset", "/reset", "lost"],
        "nobody is left for Collect"
    );
    assert!(matches!(world.reports.last(), Some(Event::TrialEnded { verdict: Verdict::Incomplete, .. })));
}

#[test]
fn who_leaves_is_reset_while_the_others_are_in_run_and_they_go_on() {
    let mut world = in_run(2, |_| {});
    world.leave(1, true);
    while world.speak(1) {}
    let first = ["startup", "/startup", "run", "s0", "s1", "reset", "lost"];
    assert_eq!(story(&world, 1), first);
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    let rest = ["/run", "collect", "/collect", "reset", "/reset"];
    assert_eq!(story(&world, 1), [&first[..], &rest].concat());
    assert_eq!(world.players[0].resets, 1);
    let lost = Reason::Incomplete("worker `w1` was lost: it left".to_owned());
    assert_eq!(world.finish().reasons, [lost], "it is back in the second trial");
}

#[test]
fn reset_is_over_when_those_that_leave_have_ended_theirs_too() {
    let mut world = in_run(2, |_| {});
    world.leave(1, true);
    world.until(|event| matches!(event, Event::Warning { text, .. } if text == LEAVES));
    while !world.reports.iter().any(|event| matches!(event, Event::PhaseGo { phase: Phase::Collect, .. })) {
        // Its Run has to end before the others can go on.
        assert!(world.speak(0) || world.speak(1));
    }
    while world.speak(0) {}
    assert!(
        world.coordinator.waiting().contains("`w1` (it leaves: the player was shut down)"),
        "{}",
        world.coordinator.waiting()
    );
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    let last = ["/collect", "reset", "s0", "s1", "reset", "/reset", "lost"];
    assert!(story(&world, 1).ends_with(&last.map(str::to_owned)), "{:?}", story(&world, 1));
}

#[test]
fn nobody_waits_at_a_barrier_for_one_that_leaves() {
    let barrier = || Step { action: Action::Barrier("all".to_owned()), ..Step::plain("all", "") };
    let mut world = in_run(2, |plan| {
        plan.workers.iter_mut().for_each(|worker| worker.steps[Phase::Run].insert(0, barrier()));
        // Nor does it wait for the others in a Reset that it runs by itself.
        plan.workers.iter_mut().for_each(|worker| worker.steps[Phase::Reset].insert(0, barrier()));
    });
    while world.speak(0) {}
    world.leave(1, false);
    world.until(|event| matches!(event, Event::TrialEnded { .. }));
    let why = |phase: Phase, worker: usize| {
        world.reports.iter().find_map(|event| match event {
            Event::StepEnded { step, result }
                if (step.phase, step.worker, step.position) == (phase, WorkerId(worker), 0) =>
            {
                Some(result.outcome.clone())
            }
            _ => None,
        })
    };
    let never = |text: &str| Some(Outcome::Unfulfilled(text.to_owned()));
    assert_eq!(why(Phase::Run, 0), never("worker `w1` leaves: the player was shut down"));
    assert_eq!(why(Phase::Reset, 1), never(LEAVES));
}

#[test]
fn what_was_spawned_and_ends_when_its_player_leaves_was_stopped() {
    let mut world = in_run(1, |_| {});
    let place = StepId { trial: 1, phase: Phase::Startup, position: 1 };
    world.give(Input::Connection(WorkerId(0), ConnectionEvent::Leaving(LEAVES.to_owned())));
    let result = StepResult::without_output(Outcome::Failed(Ending::Signal(15)));
    world.give(Input::Connection(WorkerId(0), ConnectionEvent::SpawnedEnded(place, result)));
    let Some(Event::SpawnedEnded { result, .. }) = world.reports.last() else { panic!("{:?}", world.reports.last()) };
    assert_eq!(result.outcome, Outcome::Stopped);
}

#[test]
fn one_that_leaves_and_never_ends_is_given_up() {
    for silent_in_reset in [false, true] {
        let mut world = in_run(2, |_| {});
        world.leave(1, true);
        if silent_in_reset {
            world.until(|event| matches!(event, Event::StepStarted { step, .. } if step.phase == Phase::Reset));
        } else {
            world.until(|event| matches!(event, Event::Warning { .. }));
        }
        world.players[1].mute = true;
        world.until(|event| matches!(event, Event::TrialEnded { .. }));
        let reason = "worker `w1` was lost: the player was shut down; it did not finish in time".to_owned();
        assert_eq!(world.finish().reasons, [Reason::Incomplete(reason)]);
    }
}

#[test]
fn one_that_leaves_keeps_its_limit_when_its_output_is_on_its_way() {
    let mut world = in_run(1, |_| {});
    let phase = PhaseId { trial: 1, phase: Phase::Run };
    for event in [ConnectionEvent::Leaving(LEAVES.to_owned()), ConnectionEvent::Delivering(phase)] {
        world.give(Input::Connection(WorkerId(0), event));
    }
    assert!(world.coordinator.next_deadline().is_some());
}

#[test]
fn a_player_that_leaves_while_its_trial_is_checked_has_nothing_left_to_say() {
    let mut world = in_run(2, |plan| plan.settings.check = Some("judge".to_owned()));
    while !world.checking {
        assert!(world.speak(0) || world.speak(1));
    }
    world.leave(1, true);
    world.speak(1);
    world.check_ends(Outcome::Passed);
    let conclusion = world.finish();
    assert_eq!(conclusion.reasons, [Reason::Incomplete("worker `w1` was lost: the player was shut down".to_owned())]);
    assert_eq!(world.players[1].resets, 2, "it is back in the second trial");
}
