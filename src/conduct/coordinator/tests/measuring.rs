//! The metrics of a trial: when they are measured, and what they mean for it.

use std::time::Duration;

use super::world::World;
use crate::conduct::coordinator::Input;
use crate::conduct::testing::plan;
use crate::model::{
    Across, Ending, Event, Measured, Measurement, Metric, MetricName, OnFailure, Outcome, Phase, Pick, Plan,
    PlannedStep, Reason, Source, Stream, Verdict, WorkerId,
};

fn metric() -> Metric {
    let step = PlannedStep { worker: WorkerId(0), phase: Phase::Run, position: 0 };
    Metric {
        name: MetricName::new("goodput").unwrap(),
        from: "w0.run.s0".to_owned(),
        source: Some(Source::Output(vec![step], Stream::Stdout)),
        extract: None,
        pick: Pick::Last,
        across: Across::Each,
        scale: 1.0,
        unit: Some("Mbit/s".to_owned()),
        better: None,
        expect: Some("900..1000".parse().unwrap()),
        threshold: None,
        precision: None,
        default: None,
        origin: None,
    }
}

pub(super) fn measured(measurement: Measurement) -> Measured {
    let Metric { name, unit, .. } = metric();
    Measured { metric: name, worker: Some(WorkerId(0)), unit, measurement }
}

pub(super) fn with_metric(trials: u32) -> Plan {
    Plan { metrics: vec![metric()], ..plan(1, 1, trials, &Phase::ALL) }
}

/// A world whose run has reached the measurement of its first trial.
fn until_measuring(plan: Plan, outcome: &Outcome) -> World {
    let mut world = World::new(plan, false);
    if *outcome != Outcome::Passed {
        world.outcome = |_, step| match step.phase {
            Phase::Run => Outcome::Failed(Ending::Exit(1)),
            _ => Outcome::Passed,
        };
    }
    world.give(Input::Start);
    while world.measuring.is_none() {
        assert!(world.speak(0));
    }
    world
}

pub(super) fn value(value: f64, outside: bool) -> Measurement {
    Measurement::Value { value, outside, missing: None }
}

fn verdicts(world: &World) -> Vec<Verdict> {
    let verdict = |event: &Event| if let Event::TrialEnded { verdict, .. } = event { Some(*verdict) } else { None };
    world.reports.iter().filter_map(verdict).collect()
}

#[test]
fn a_value_that_is_missing_or_not_expected_fails_its_trial() {
    for (measurement, reason) in [
        (value(950.0, false), None),
        (value(880.5, true), Some("metric `goodput` on w0 of trial 1: 880.5 Mbit/s, expected 900..1000")),
        (Measurement::Missing("no number".to_owned()), Some("metric `goodput` on w0 of trial 1: missing: no number")),
    ] {
        let mut world = until_measuring(with_metric(2), &Outcome::Passed);
        assert_eq!(verdicts(&world), []);
        world.measured = vec![measured(measurement)];
        world.measuring_ends();
        world.measured = vec![measured(value(950.0, false))];
        let conclusion = world.finish();
        let reasons: Vec<_> = reason.iter().map(|text| Reason::Failed((*text).to_owned())).collect();
        let first = if reason.is_some() { Verdict::Failed } else { Verdict::Passed };
        assert_eq!((conclusion.reasons, verdicts(&world)), (reasons, vec![first, Verdict::Passed]));
        let told = world.reports.iter().filter(|event| matches!(event, Event::Measured { .. })).count();
        assert_eq!(told, 2);
    }
}

#[test]
fn what_is_missing_in_a_trial_that_failed_before_is_no_failure_of_its_own() {
    let mut world = until_measuring(with_metric(1), &Outcome::Failed(Ending::Exit(1)));
    let verdict = |event: &Event| matches!(event, Event::MeasuringStarted { verdict: Verdict::Failed, .. });
    assert!(world.reports.iter().any(verdict));
    world.measured = vec![measured(Measurement::Missing("no number".to_owned()))];
    let text = "step `s0` failed with exit status 1 on worker `w0` in run of trial 1".to_owned();
    assert_eq!(world.finish().reasons, [Reason::Failed(text)]);
}

#[test]
fn with_on_failure_stop_no_trial_follows_one_with_an_unexpected_value() {
    let mut plan = with_metric(3);
    plan.settings.on_failure = OnFailure::Stop;
    let mut world = until_measuring(plan, &Outcome::Passed);
    world.measured = vec![measured(value(1.0, true))];
    world.finish();
    assert_eq!(verdicts(&world), [Verdict::Failed]);
}

#[test]
fn metrics_that_take_too_long_to_read_are_missing() {
    let mut world = until_measuring(with_metric(1), &Outcome::Passed);
    world.now = world.now.plus(Duration::from_mins(4));
    world.give(Input::Tick);
    assert_eq!(verdicts(&world), []);
    world.now = world.now.plus(Duration::from_mins(1));
    world.give(Input::Tick);
    assert_eq!(verdicts(&world), [Verdict::Failed]);
    // A result that comes too late is ignored.
    world.give(Input::Measured(1, vec![measured(value(950.0, false))]));
    let text = "metric `goodput` of trial 1: missing: reading the metrics took longer than 5m".to_owned();
    assert_eq!(world.finish().reasons, [Reason::Failed(text)]);
}

#[test]
fn an_interrupt_does_not_wait_for_metrics() {
    let mut world = until_measuring(with_metric(2), &Outcome::Passed);
    world.give(Input::Interrupt(2));
    assert_eq!((verdicts(&world), world.measuring), (vec![Verdict::Incomplete], None));
    let text = "the metrics of trial 1 were not measured".to_owned();
    assert_eq!(world.finish().reasons, [Reason::Interrupted(2), Reason::Incomplete(text)]);
}
