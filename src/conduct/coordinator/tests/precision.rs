//! Rounds that are added until the medians of a series are precise enough. The values so far decide that, also in a
//! resumed run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::measuring::{measured, value, with_metric};
use super::world::World;
use crate::conduct::coordinator::{Coordinator, Input};
use crate::conduct::history::History;
use crate::model::{
    ConductorTime, Event, Margin, OnFailure, Order, Plan, Point, PointId, PrecisionJudgement, Rounds, Schedule, Stamped,
};

/// A series of two points whose median is to be known to 3 %, with `counted` rounds, and at most `most`.
fn series(order: Order, counted: u32, most: u32) -> Plan {
    let mut plan = with_metric(1);
    plan.metrics[0].precision = Some(Margin::Relative(0.03));
    plan.metrics[0].expect = None;
    let point = |name: &str| Point { name: name.to_owned(), ..Point::default() };
    plan.points = vec![point("a=1"), Point { workers: plan.workers.clone(), ..point("a=2") }];
    let (rounds, mut shuffled) = (Rounds { warm_up: 1, counted, most }, 0);
    plan.schedule = Schedule::new(order, 7, 2, rounds, |ids| {
        shuffled += 1;
        ids.rotate_left(usize::from(shuffled % 3 == 0));
    });
    plan.trials = plan.schedule.planned(2).unwrap();
    plan
}

/// Returns values that are far apart in the first rounds of the second point, and equal otherwise.
fn noisy(plan: &Plan, trial: u32) -> f64 {
    let slot = plan.schedule.slot(trial);
    let spread = if slot.point == PointId(1) && slot.round <= 10 { f64::from(slot.round) } else { 0.0 };
    100.0 + spread
}

/// Continues until the run has ended, or this many trials have been measured.
fn go_on(world: &mut World, measure: impl Fn(&Plan, u32) -> f64, trials: usize) {
    let mut over = 0;
    while world.conclusion.is_none() && over < trials {
        if let Some(trial) = world.measuring {
            world.measured = vec![measured(value(measure(&world.plan, trial), false))];
            world.measuring_ends();
            over += 1;
        } else if !world.speak(0) {
            assert!(world.wait(), "waits for ever for {}", world.coordinator.waiting());
        }
    }
}

fn carry_out(plan: Plan, measure: impl Fn(&Plan, u32) -> f64) -> World {
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    go_on(&mut world, measure, usize::MAX);
    world
}

/// The trials in order, with their points and rounds.
fn begun(world: &World) -> Vec<(u32, usize, u32)> {
    let begun = world.reports.iter().filter_map(|event| match event {
        Event::TrialStarted { trial, slot, .. } => Some((*trial, slot.point.0, slot.round)),
        _ => None,
    });
    begun.collect()
}

fn judgements(world: &World) -> Vec<PrecisionJudgement> {
    let judged = world.reports.iter().filter_map(|event| match event {
        Event::PrecisionJudged { judgement } => Some(judgement.clone()),
        _ => None,
    });
    judged.collect()
}

fn planned(plan: &Plan, trials: u32) -> Vec<(u32, usize, u32)> {
    let slot = |trial| (trial, plan.schedule.slot(trial));
    (1..=trials).map(slot).map(|(trial, slot)| (trial, slot.point.0, slot.round)).collect()
}

#[test]
fn a_series_whose_medians_are_precise_has_the_planned_trials() {
    let plan = series(Order::Shuffled, 10, 50);
    let world = carry_out(plan.clone(), |_, _| 100.0);
    assert_eq!(begun(&world), planned(&plan, 22));
    let judgement = PrecisionJudgement { trials: 22, added: 0, left: 80, imprecise: 0, worst: None };
    assert_eq!(judgements(&world), [judgement]);
}

#[test]
fn whole_rounds_are_added_in_the_order_of_the_schedule_until_all_medians_are_precise() {
    for order in Order::ALL {
        let plan = series(order, 10, 50);
        let world = carry_out(plan.clone(), noisy);
        let trials = judgements(&world).last().unwrap().trials;
        assert_eq!(begun(&world), planned(&plan, trials), "{order}");
        let told: Vec<_> = judgements(&world).iter().map(|own| (own.trials, own.added, own.left)).collect();
        let rounds = (trials - 22) / 2;
        assert!(rounds > 0 && trials < 102, "{told:?}");
        let mut expected: Vec<_> = (1..=rounds).map(|round| (22 + 2 * round, 2, 80 - 2 * round)).collect();
        expected.push((trials, 0, 80 - 2 * rounds));
        assert_eq!(told, expected, "{order}");
        let first = judgements(&world)[0].worst.clone().unwrap();
        assert_eq!((first.point.as_str(), first.values), ("a=2", 10));
        assert_eq!(judgements(&world).last().unwrap().worst, None);
    }
}

#[test]
fn no_trials_are_added_beyond_the_most() {
    let plan = series(Order::Interleaved, 10, 12);
    let world = carry_out(plan.clone(), |_, trial| f64::from(trial));
    assert_eq!(begun(&world), planned(&plan, 26));
    let told: Vec<_> = judgements(&world).iter().map(|own| (own.added, own.left, own.imprecise)).collect();
    assert_eq!(told, [(2, 2, 2), (2, 0, 2), (0, 0, 2)]);
}

#[test]
fn fewer_than_ten_trials_are_never_precise_enough() {
    let world = carry_out(series(Order::Shuffled, 3, 50), |_, _| 100.0);
    assert_eq!(begun(&world).len(), 22);
}

#[test]
fn no_trial_is_added_to_a_run_that_is_interrupted_or_that_a_failure_stops() {
    let mut plan = series(Order::Interleaved, 10, 50);
    plan.settings.on_failure = OnFailure::Stop;
    plan.metrics[0].expect = Some("..100".parse().unwrap());
    let mut world = World::new(plan.clone(), false);
    world.give(Input::Start);
    go_on(&mut world, noisy, 21);
    while world.measuring.is_none() {
        assert!(world.speak(0));
    }
    world.measured = vec![measured(value(110.0, true))];
    world.measuring_ends();
    go_on(&mut world, noisy, usize::MAX);
    assert_eq!((begun(&world).len(), judgements(&world)), (22, Vec::new()));
    let mut world = World::new(plan, false);
    world.give(Input::Start);
    go_on(&mut world, noisy, 21);
    world.give(Input::Interrupt(2));
    world.finish();
    assert_eq!(judgements(&world), []);
}

/// A world that resumes a run of which this was recorded.
fn resumed(plan: &Plan, recorded: &[Event]) -> World {
    let mut history = History::default();
    for event in recorded {
        history.take(&Stamped { at: ConductorTime::from_nanoseconds(1_000), event: event.clone() });
    }
    let (done, attempts) = (history.done(false), history.attempts());
    let due: BTreeMap<u32, u32> = attempts.into_iter().map(|(trial, number)| (trial, number + 1)).collect();
    let resumption = history.resume(plan, done, due).expect("there is a plan");
    let mut world = World::new(Plan { trials: resumption.trials(), ..plan.clone() }, false);
    let anchor = resumption.anchor;
    world.coordinator = Coordinator::new(Arc::clone(&world.plan), false, anchor).resuming(resumption);
    world.give(Input::Start);
    world
}

#[test]
fn a_run_that_is_resumed_at_any_trial_adds_the_same_rounds() {
    let plan = series(Order::Shuffled, 10, 50);
    let whole = carry_out(plan.clone(), noisy);
    let last = judgements(&whole).last().cloned();
    let trials = begun(&whole).len();
    let recorded: Vec<_> = whole.reports.iter().filter(|event| !matches!(event, Event::RunEnded { .. })).collect();
    let is_cut = |event: &Event| matches!(event, Event::TrialEnded { .. } | Event::PrecisionJudged { .. });
    let cuts: Vec<usize> = (0..recorded.len()).filter(|at| is_cut(recorded[*at])).collect();
    assert!(cuts.len() > trials);
    for at in cuts {
        let before: Vec<Event> = recorded[..=at].iter().map(|event| (*event).clone()).collect();
        let mut world = resumed(&plan, &before);
        go_on(&mut world, noisy, usize::MAX);
        let done = before.iter().filter(|event| matches!(event, Event::TrialEnded { .. })).count();
        let done: BTreeSet<u32> = (1..=u32::try_from(done).unwrap()).collect();
        let all = planned(&plan, u32::try_from(trials).unwrap());
        let missing: Vec<_> = all.into_iter().filter(|(trial, ..)| !done.contains(trial)).collect();
        assert_eq!(begun(&world), missing, "cut behind event {at}");
        assert_eq!(judgements(&world).last(), last.as_ref());
    }
}
