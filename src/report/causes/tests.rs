//! Tests of causes and their consequences.

use std::time::Duration;

use super::super::Run;
use super::super::recorded::{Recording, left, plan, worker};
use super::{causes, shown};
use crate::model::{
    Conclusion, Ending, Event, Measured, Measurement, MetricName, Outcome, Phase, PlannedStep, Source, Stamped, Step,
    StepResult, Stream, Verdict, WorkerId,
};

/// Returns the titles of the causes, each with its consequences.
fn told(events: &[Stamped]) -> Vec<(String, Option<String>)> {
    let mut run = Run::default();
    for Stamped { at, event } in events {
        run.take(*at, event);
    }
    let all = causes(&run, Some(&Conclusion::new(Verdict::Incomplete, Vec::new())));
    all.iter().map(|cause| shown(&run, cause)).map(|shown| (shown.title, shown.consequences)).collect()
}

/// Records a run of this number of trials: two workers with one step each, and a check.
fn run_of(trials: u32) -> Recording {
    let step = || vec![Step::plain("work", "work")];
    let mut plan = plan(vec![worker("a", Vec::new(), step()), worker("b", Vec::new(), step())]);
    plan.trials = trials;
    plan.settings.check = Some("judge".to_owned());
    plan.settings.max_start_skew = Some(Duration::from_secs(1));
    Recording::of(plan)
}

fn lost(worker: usize) -> Event {
    Event::WorkerLost { worker: WorkerId(worker), reason: "nothing heard".to_owned(), hint: None }
}

/// Records a trial in which this event happens during the check, which exits with this status.
fn trial(run: &mut Recording, trial: u32, during_check: Option<Event>, exit: i32) {
    run.number(trial);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.phase_done(Phase::Run);
    run.add(Event::CheckStarted { trial });
    if let Some(event) = during_check {
        run.add(event);
    }
    let outcome = if exit == 0 { Outcome::Passed } else { Outcome::Failed(Ending::Exit(exit)) };
    run.add(Event::CheckEnded { trial, result: StepResult::without_output(outcome) });
    run.add(Event::TrialEnded { trial, verdict: Verdict::Failed });
}

#[test]
fn a_worker_that_is_lost_during_a_check_or_between_trials_explains_no_check() {
    let mut run = run_of(3);
    trial(&mut run, 1, None, 1);
    run.add(lost(0));
    trial(&mut run, 2, Some(lost(1)), 2);
    trial(&mut run, 3, None, 0);
    let expected = [
        ("failed: `check` of trial 1: exit 1", None),
        ("lost: a: nothing heard", None),
        ("lost: b in trial 2: nothing heard", None),
        ("failed: `check` of trial 2: exit 2", None),
    ];
    assert_eq!(told(&run.events), expected.map(|(title, consequences)| (title.to_owned(), consequences)));
}

#[test]
fn checks_and_skews_of_many_trials_are_told_together() {
    let mut run = run_of(7);
    run.add(lost(1));
    for number in 1..=7 {
        trial(&mut run, number, None, [0, 2, 2, 2, 2, 0, 7][number as usize - 1]);
    }
    let consequences = "`check` of trials 2-5 failed: exit 2; `check` of trial 7 failed: exit 7";
    let title = "incomplete: worker `b` at 127.0.0.1:6970 was left out: nothing heard".to_owned();
    assert_eq!(told(&run.events), [(title, Some(consequences.to_owned()))]);
}

#[test]
fn a_player_that_leaves_is_the_cause_of_what_it_stopped_before_it_was_gone() {
    let mut run = run_of(1);
    run.trial();
    run.phase(Phase::Run);
    let because = Some(crate::model::Blame::Worker(WorkerId(1)));
    run.step(Phase::Run, 1, 0, StepResult { because, ..StepResult::without_output(Outcome::Stopped) });
    run.step(Phase::Run, 0, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
    run.add(lost(1));
    let told = told(&run.over(Verdict::Incomplete, Vec::new()));
    let titles: Vec<&str> = told.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["lost: b in run of trial 1: nothing heard", "failed: `work` on a in run of trial 1: exit 1"]);
}

#[test]
fn a_check_that_failed_has_the_time_of_its_end() {
    let mut run = run_of(1);
    trial(&mut run, 1, None, 1);
    let ended = run.events.iter().find(|stamped| matches!(stamped.event, Event::CheckEnded { .. })).unwrap().at;
    let over = run.events.iter().find(|stamped| matches!(stamped.event, Event::TrialEnded { .. })).unwrap().at;
    let mut record = Run::default();
    run.events.iter().for_each(|Stamped { at, event }| record.take(*at, event));
    let all = causes(&record, Some(&Conclusion::new(Verdict::Failed, Vec::new())));
    assert_eq!(all.iter().map(|cause| cause.at).collect::<Vec<_>>(), [ended]);
    assert_ne!(ended, over);
}

#[test]
fn the_checks_of_thousands_of_trials_are_told_in_few_words() {
    let told_of = |exit: fn(u32) -> i32| {
        let mut run = run_of(30);
        run.add(lost(1));
        for number in 1..=30 {
            trial(&mut run, number, None, exit(number));
        }
        told(&run.events).remove(0).1.unwrap()
    };
    assert_eq!(told_of(|trial| if trial % 2 == 0 { 2 } else { 0 }), "`check` of 15 of trials 2-30 failed: exit 2");
    let consequences = "`check` of trial 1 failed: exit 1; `check` of trial 2 failed: exit 2; \
                        `check` of trial 3 failed: exit 3; `check` of 27 more trials did not pass";
    assert_eq!(told_of(|trial| i32::try_from(trial).unwrap()), consequences);
}

#[test]
fn a_metric_of_a_range_follows_only_from_what_its_workers_did() {
    let missing = |failed: usize| {
        let step = || vec![Step::plain("work", "work")];
        let mut plan = plan(["node01", "node02", "node03"].map(|name| worker(name, Vec::new(), step())).to_vec());
        let metric = serde_json::json!({"name": "rate", "from": "node[01-02].run.work", "across": "sum"});
        plan.metrics = vec![serde_json::from_value(metric).unwrap()];
        let step = |place| PlannedStep { worker: WorkerId(place), phase: Phase::Run, position: 0 };
        plan.metrics[0].source = Some(Source::Output(vec![step(0), step(1)], Stream::Stdout));
        let mut run = Recording::of(plan);
        run.trial();
        run.phase(Phase::Run);
        for place in 0..3 {
            let outcome = if place == failed { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed };
            run.step(Phase::Run, place, 0, left(outcome, b"", b""));
        }
        run.phase_done(Phase::Run);
        let measurement = Measurement::Missing("no number".to_owned());
        let metric = MetricName::new("rate").unwrap();
        let measured = Measured { metric, worker: None, unit: None, measurement };
        run.add(Event::Measured { trial: 1, measured });
        told(&run.over(Verdict::Failed, Vec::new())).len()
    };
    assert_eq!([missing(1), missing(2)], [1, 2]);
}
