//! Tests of the table of values and its summary, on tables made by hand.

use std::time::Duration;

use super::testing::{add, metric, point, run, series};
use super::*;
use crate::model::{
    Event, Margin, Measured, Measurement, MetricName, Phase, Point, PointId, Slot, Verdict as TrialVerdict, WorkerId,
};
use crate::statistics::{Design, Drift, Location, Random, Scale, TrialsNeeded, Verdict};

/// Ten values around 100, no two of them equal.
const TEN: [f64; 10] = [99.1, 100.2, 100.9, 98.7, 101.3, 99.6, 100.4, 98.9, 101.1, 99.8];

fn changed(by: f64) -> [f64; 10] {
    TEN.map(|value| value * (1.0 + by))
}

fn only(summary: &Summary) -> &Line {
    &summary.blocks[0].lines[0]
}

#[test]
fn what_could_not_be_measured_is_missing_and_counted_and_never_zero() {
    let mut values = run(metric("goodput", 0.02), &TEN);
    values.rows[0].reading = Reading::Missing("no match".into());
    values.trials[0].verdict = Some(TrialVerdict::Failed);
    values.trials[1].before = Some(TrialVerdict::Failed);
    values.trials[1].verdict = Some(TrialVerdict::Failed);
    values.trials[2].verdict = Some(TrialVerdict::Incomplete);
    values.trials[3].verdict = None;
    values.trials[4].is_warm_up = true;
    values.trials[5].is_replaced = true;
    let why: Vec<String> =
        values.rows.iter().filter_map(|row| values.counted(row).err()).map(|why| why.to_string()).collect();
    let expected = [
        "no match",
        "the trial had failed before its metrics were read",
        "the trial is incomplete",
        "the trial did not end",
        "warm-up",
        "the trial was run again",
    ];
    assert_eq!(why, expected);
    let summary = Summary::of_run(&values);
    let line = only(&summary);
    assert_eq!((line.counted, line.trials), (4, 8));
    // The median of 98.9, 99.8, 100.4 and 101.1.
    assert_eq!(line.location, Some(Location { median: f64::midpoint(99.8, 100.4), interval: None }));
    assert_eq!(values.failures(|_| true), (2, 6));
}

#[test]
fn a_value_outside_what_is_expected_fails_its_trial_and_stays_in_the_sample() {
    let mut values = run(metric("goodput", 0.02), &TEN);
    values.rows[3].reading = Reading::Number { value: 50.0, is_outside: true, is_default: false };
    values.trials[3].verdict = Some(TrialVerdict::Failed);
    let summary = Summary::of_run(&values);
    let line = only(&summary);
    assert_eq!((line.counted, line.trials, line.outside), (10, 10, 1));
    assert_eq!(line.unusual.len(), 1);
    assert_eq!((line.unusual[0].trial, line.unusual[0].value), (4, 50.0));
    assert_eq!(line.unusual[0].notes, [""; 0]);
}

#[test]
fn an_unusual_value_is_shown_with_what_happened_in_its_trial() {
    let mut values = run(metric("goodput", 0.02), &TEN);
    values.rows[7].reading = Reading::Number { value: 10.0, is_outside: false, is_default: false };
    values.trials[7].notes.push((Phase::Run, "client was out of reach for 3.1 s".to_owned()));
    values.trials[7].notes.push((Phase::Reset, "client was out of reach for 8.2 s".to_owned()));
    for (trial, micros) in values.trials.iter_mut().zip([200, 210, 190, 220, 205, 195, 215, 9_000, 185, 225]) {
        trial.skews.push((Phase::Run, Duration::from_micros(micros)));
        trial.skews.push((Phase::Startup, Duration::from_micros(micros / 20)));
        trial.skews.push((Phase::Reset, Duration::from_micros(micros)));
    }
    let unusual = only(&Summary::of_run(&values)).unusual.clone();
    let notes = ["the workers started run 9.000 ms apart", "client was out of reach for 3.1 s"];
    assert_eq!(unusual, [Unusual { trial: 8, value: 10.0, notes: notes.map(str::to_owned).to_vec() }]);
    // Events after the value was measured are not a reason.
    values.metrics[0].phase = Some(Phase::Startup);
    assert_eq!(only(&Summary::of_run(&values)).unusual[0].notes, [""; 0]);
}

#[test]
fn points_of_a_run_are_paired_by_round_with_the_baseline() {
    let points = ["fq_codel", "codel", "pfifo"].map(|value| point(&[("qdisc", value)], Some(0))).to_vec();
    // Each round is slower than the one before, by more than the points differ.
    let rounds: Vec<Vec<f64>> = TEN
        .iter()
        .zip(0..)
        .map(|(value, round)| {
            let slow = value * 0.9_f64.powi(round);
            vec![slow, slow * 0.9, slow * 1.001]
        })
        .collect();
    let rounds: Vec<&[f64]> = rounds.iter().map(Vec::as_slice).collect();
    let mut values = series(metric("goodput", 0.02), points, &rounds);
    let verdicts = |values: &Values| Summary::of_run(values).verdicts().collect::<Vec<_>>();
    assert_eq!(verdicts(&values), [Verdict::Worse, Verdict::Same]);
    let summary = Summary::of_run(&values);
    assert_eq!((summary.judged, summary.blocks[0].design), (2, Some(Design::Paired)));
    assert_eq!(only(&summary).against, Against::Baseline);
    assert_eq!(only(&summary).drift, Some(Drift::Down));
    let change = summary.blocks[0].lines[1].compared().unwrap().comparison.change();
    assert!((change + 0.1).abs() < 1e-9, "{change}");
    // Trials that were run again are in the sample, but not paired.
    for trial in 0..12 {
        values.trials[trial].attempt = 2;
    }
    let summary = Summary::of_run(&values);
    assert_eq!((only(&summary).counted, only(&summary).trials), (10, 10));
    let pairs = |summary: &Summary| summary.blocks[0].lines[1].compared().map(|own| own.comparison.trials);
    assert_eq!(pairs(&summary), Some(6.0));
    // If one point is measured after another, values are not paired.
    values.design = Design::Unpaired;
    assert!(verdicts(&values).iter().all(|verdict| matches!(verdict, Verdict::Undecided(_))));
}

#[test]
fn a_point_without_a_baseline_is_shown_and_not_compared() {
    let mut points: Vec<Point> = ["1", "2"].iter().map(|value| point(&[("n", value)], Some(0))).collect();
    points.push(point(&[("n", "3")], None));
    let values = series(metric("goodput", 0.02), points, &[&[1.0, 2.0, 3.0]]);
    let against: Vec<_> = Summary::of_run(&values).blocks[0].lines.iter().map(|line| line.against.clone()).collect();
    assert_eq!((&against[0], &against[2]), (&Against::Baseline, &Against::NoBaseline));
    assert!(matches!(against[1], Against::Compared(_)));
    // If there is no baseline, baselines are not mentioned.
    let points = ["1", "2"].map(|value| point(&[("n", value)], None)).to_vec();
    let values = series(metric("goodput", 0.02), points, &[&[1.0, 2.0]]);
    assert!(Summary::of_run(&values).blocks[0].lines.iter().all(|line| line.against == Against::Nothing));
}

#[test]
fn three_trials_each_are_undecided_and_say_how_many_are_needed() {
    let runs = [run(metric("goodput", 0.02), &TEN[..3]), run(metric("goodput", 0.02), &changed(-0.3)[..3])];
    let summary = Summary::of_runs(&runs, &Options::default());
    assert_eq!(summary.verdicts().collect::<Vec<_>>(), [Verdict::Undecided(TrialsNeeded::About(4))]);
    assert_eq!(summary.blocks[0].design, Some(Design::Unpaired));
    assert!(summary.missing.is_empty() && summary.compared().next().is_some());
}

#[test]
fn all_lines_of_a_comparison_are_judged_together_but_not_what_only_check_printed() {
    let mut runs = [0.0, -0.1, -0.1].map(|by| run(metric("goodput", 0.02), &changed(by)));
    for values in &mut runs {
        values.metrics.push(Metric { kind: Kind::Printed, ..metric("printed", 0.02) });
        for trial in 0..10 {
            let reading = values.rows[trial].reading.clone();
            values.rows.push(Value { trial, metric: 1, worker: None, reading });
        }
    }
    let summary = Summary::of_runs(&runs, &Options::default());
    assert_eq!((summary.judged, summary.blocks.len()), (2, 2));
    assert_eq!(summary.verdicts().collect::<Vec<_>>(), [Verdict::Worse; 2]);
    assert!(summary.blocks[1].lines[1..].iter().all(|line| line.compared().unwrap().judgement.is_none()));
    // A threshold for all metrics.
    let options = Options { threshold: Some(Margin::Relative(0.3)), by: None };
    assert_eq!(Summary::of_runs(&runs, &options).verdicts().collect::<Vec<_>>(), [Verdict::Same; 2]);
    // An absolute threshold: 9 of about 100 is less than the change, 11 is more.
    let verdicts = |number| {
        let options = Options { threshold: Some(Margin::Absolute(number)), by: None };
        Summary::of_runs(&runs[..2], &options).verdicts().collect::<Vec<_>>()
    };
    assert_eq!((verdicts(9.0), verdicts(13.0)), (vec![Verdict::Worse], vec![Verdict::Same]));
}

#[test]
fn points_and_metrics_that_another_run_does_not_have_are_missing_there() {
    let points = |values: &[&str]| values.iter().map(|value| point(&[("n", value)], None)).collect::<Vec<_>>();
    let base = series(metric("goodput", 0.02), points(&["1", "2"]), &[&[1.0, 2.0], &[1.1, 2.1]]);
    let new = series(metric("goodput", 0.02), points(&["2", "3"]), &[&[2.0, 3.0], &[2.1, 3.1]]);
    let summary = Summary::of_runs(&[base.clone(), new], &Options::default());
    assert_eq!(summary.missing, [MissingIn { run: 1, metric: None, worker: None, point: 0 }]);
    let lines: Vec<_> = summary.blocks[0].lines.iter().map(|line| (line.run, line.point)).collect();
    assert_eq!(lines, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    // A metric with another unit is a different metric.
    let mut other = base.clone();
    other.metrics[0].unit = None;
    let summary = Summary::of_runs(&[base.clone(), other], &Options::default());
    let metric = Some(("goodput".to_owned(), Some("Mbit/s".to_owned())));
    assert_eq!(summary.missing.len(), 2);
    assert_eq!(summary.missing[0], MissingIn { run: 1, metric, worker: None, point: 0 });
    assert!(summary.compared().next().is_none());
    // A metric without any value that counts is missing as well.
    let mut failed = base.clone();
    failed.trials.iter_mut().for_each(|trial| trial.before = Some(TrialVerdict::Failed));
    assert_eq!(Summary::of_runs(&[base, failed], &Options::default()).missing.len(), 2);
}

#[test]
fn runs_are_compared_by_a_parameter_in_which_their_points_differ() {
    let of = |qdisc: &str, by: f64| {
        let points = ["10", "20"].map(|rate| point(&[("qdisc", qdisc), ("rate", rate)], None)).to_vec();
        let rounds: Vec<Vec<f64>> = changed(by).iter().map(|value| vec![*value, value * 2.0]).collect();
        series(metric("goodput", 0.02), points, &rounds.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let runs = [of("codel", 0.0), of("pfifo", 0.2)];
    assert_eq!(Summary::of_runs(&runs, &Options::default()).missing.len(), 2);
    let options = Options { by: Some("qdisc".to_owned()), threshold: None };
    let summary = Summary::of_runs(&runs, &options);
    assert_eq!(summary.missing, []);
    assert_eq!(summary.verdicts().collect::<Vec<_>>(), [Verdict::Better; 2]);
    // In one run, too; then values are paired.
    let options = Options { by: Some("rate".to_owned()), threshold: None };
    let summary = Summary::of_runs(&runs[..1], &options);
    assert_eq!(summary.blocks[0].design, Some(Design::Paired));
    assert_eq!(summary.verdicts().collect::<Vec<_>>(), [Verdict::Better]);
}

#[test]
fn workers_with_values_of_their_own_are_never_pooled() {
    let mut values = run(metric("goodput", 0.02), &TEN);
    values.workers = vec!["a".to_owned(), "b".to_owned()];
    for row in &mut values.rows {
        row.worker = Some(WorkerId(0));
    }
    for trial in 0..10 {
        let reading = Reading::Number { value: 7.0, is_outside: false, is_default: false };
        values.rows.push(Value { trial, metric: 0, worker: Some(WorkerId(1)), reading });
    }
    let summary = Summary::of_run(&values);
    let told: Vec<_> = summary.blocks.iter().map(|block| (block.worker.as_deref(), block.lines[0].counted)).collect();
    assert_eq!(told, [(Some("a"), 10), (Some("b"), 10)]);
}

#[test]
fn values_that_are_not_above_zero_are_compared_by_difference() {
    let runs = [run(metric("drops", 0.02), &[0.0; 10]), run(metric("drops", 0.02), &[3.0; 10])];
    let summary = Summary::of_runs(&runs, &Options::default());
    let compared = summary.blocks[0].lines[1].compared().unwrap();
    assert_eq!(
        (compared.comparison.scale, compared.comparison.change(), compared.threshold),
        (Scale::Difference, 3.0, 0.0)
    );
    assert_eq!(summary.verdicts().collect::<Vec<_>>(), [Verdict::Better]);
}

#[test]
fn a_run_that_fails_more_often_is_found_by_the_exact_test_of_fisher() {
    let base = run(metric("goodput", 0.02), &TEN);
    let mut new = base.clone();
    let p = |base: &Values, new: &Values| failures(base, new).2.is_significant();
    for trial in 0..3 {
        new.trials[trial].verdict = Some(TrialVerdict::Failed);
    }
    assert!(!p(&base, &new));
    new.trials[3].verdict = Some(TrialVerdict::Failed);
    assert!(p(&base, &new) && !p(&new, &base));
    add(&mut new, 0, 1.0);
    assert_eq!(failures(&base, &new).1.trials(), 11);
}

/// Summarizes two equal points, with ten trials each, on a system that becomes 10 % slower from the first trial to the
/// last. `order` contains the points of the trials.
fn drifting(order: &[usize], design: Design) -> Summary {
    let points = ["a", "b"].map(|value| point(&[("point", value)], Some(0))).to_vec();
    let mut values = Values { metrics: vec![metric("speed", 0.02)], points, design, ..Values::default() };
    for (at, point) in order.iter().enumerate() {
        let slower = 0.1 * f64::from(u32::try_from(at).unwrap()) / 19.0;
        let trial = add(&mut values, *point, 100.0 * (1.0 - slower));
        values.trials[trial].round =
            u32::try_from(order[..at].iter().filter(|other| *other == point).count() + 1).unwrap();
    }
    Summary::of_run(&values)
}

#[test]
fn a_drift_makes_equal_points_differ_only_if_one_is_measured_after_the_other() {
    for seed in 1..=200 {
        let mut random = Random::seeded(seed);
        let shuffled: Vec<usize> = (0..10)
            .flat_map(|_| {
                let mut round = [0, 1];
                random.shuffle(&mut round);
                round
            })
            .collect();
        let verdicts: Vec<_> = drifting(&shuffled, Design::Paired).verdicts().collect();
        assert!(matches!(verdicts[..], [Verdict::Same | Verdict::Undecided(_)]), "{seed}: {verdicts:?}");
    }
    let interleaved = drifting(&[0, 1].repeat(10), Design::Paired);
    assert_eq!(interleaved.verdicts().collect::<Vec<_>>(), [Verdict::Same]);
    assert!(interleaved.blocks[0].lines.iter().all(|line| line.drift == Some(Drift::Down)));
    let blocked = drifting(&[[0; 10], [1; 10]].concat(), Design::Unpaired);
    assert_eq!(blocked.verdicts().collect::<Vec<_>>(), [Verdict::Worse]);
}

/// Describes the medians that are not precise enough, for a metric with this precision.
fn imprecise(values: &Values, wanted: &str) -> Vec<String> {
    let metric = crate::model::Metric {
        precision: Some(wanted.parse().unwrap()),
        ..serde_json::from_str(r#"{"name": "goodput", "from": "client.run.load"}"#).unwrap()
    };
    let found = values.imprecise(&[metric]);
    found.iter().map(|own| format!("{} {}", own.point, own).trim_start().to_owned()).collect()
}

#[test]
fn a_median_is_precise_enough_by_half_its_interval_and_only_with_ten_values() {
    let of = |sample: &[f64], wanted: &str| imprecise(&run(metric("goodput", 0.02), sample), wanted).join("; ");
    // The interval of ten values is from the second to the ninth: from 98.9 to 101.1.
    assert_eq!(of(&TEN, "1.1%"), "");
    assert_eq!(of(&TEN, "1%"), "±1.1 %, wanted 1 %");
    assert_eq!(of(&TEN, "1.1001"), "");
    assert_eq!(of(&TEN, "1"), "±1.1, wanted 1");
    assert_eq!(of(&TEN.map(|value| -value), "1.1%"), "");
    assert_eq!(of(&TEN[..9], "50%"), "9 values, at least 10 are needed");
    assert_eq!(of(&[], "50%"), "0 values, at least 10 are needed");
    // If the median is 0, only an absolute precision can be reached, unless all values are 0.
    let around_zero = [-4.0, -3.0, -2.0, -1.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0];
    assert_eq!(of(&around_zero, "1000%"), "the median is 0, of which 1000 % cannot be reached");
    assert_eq!(of(&around_zero, "3"), "");
    assert_eq!(of(&around_zero, "2.9"), "±3, wanted 2.9");
    assert_eq!(of(&[0.0; 10], "0%"), "");
    assert_eq!(of(&[5.0; 10], "0"), "");
}

#[test]
fn each_point_and_each_worker_is_to_be_precise_and_the_worst_comes_first() {
    let points = vec![point(&[("qdisc", "fq_codel")], None), point(&[("qdisc", "codel")], None)];
    let rounds: Vec<[f64; 2]> = TEN.iter().map(|value| [*value, 100.0 + 5.0 * (value - 100.0)]).collect();
    let rounds: Vec<&[f64]> = rounds.iter().map(<[f64; 2]>::as_slice).collect();
    let mut values = series(metric("goodput", 0.02), points, &rounds);
    assert_eq!(imprecise(&values, "6%"), Vec::<String>::new());
    assert_eq!(imprecise(&values, "2%"), ["qdisc=codel ±5.5 %, wanted 2 %"]);
    let both = ["qdisc=codel ±5.5 %, wanted 1 %", "qdisc=fq_codel ±1.1 %, wanted 1 %"];
    assert_eq!(imprecise(&values, "1%"), both);
    // One value of one worker is missing: its sample is too small.
    for row in &mut values.rows {
        row.worker = Some(WorkerId(0));
    }
    let more: Vec<Value> = values.rows.iter().map(|row| Value { worker: Some(WorkerId(1)), ..row.clone() }).collect();
    values.rows.extend(more);
    assert_eq!(imprecise(&values, "6%"), Vec::<String>::new());
    values.rows.pop();
    assert_eq!(imprecise(&values, "6%"), ["qdisc=codel 9 values, at least 10 are needed"]);
    // A trial that does not count has no value, either.
    values.trials[0].is_warm_up = true;
    let fewer = ["qdisc=fq_codel 9 values, at least 10 are needed"; 2];
    assert_eq!(imprecise(&values, "6%")[..2], fewer);
}

#[test]
fn a_metric_that_check_prints_with_another_unit_later_is_one_metric_whose_unit_is_the_first() {
    let mut collector = Collector::default();
    for (trial, unit) in [(1, None), (2, Some("ms")), (3, Some("us")), (4, Some("ms"))] {
        let slot = Slot { point: PointId(0), round: trial, warm_up: false };
        collector.take(&Event::TrialStarted { trial, slot, attempt: 1 });
        let measurement = Measurement::Value { value: 1.0, outside: false, missing: None };
        let (metric, unit) = (MetricName::new("latency").unwrap(), unit.map(str::to_owned));
        collector.take(&Event::Measured { trial, measured: Measured { metric, worker: None, unit, measurement } });
        collector.take(&Event::TrialEnded { trial, verdict: TrialVerdict::Passed });
    }
    let values = collector.values();
    let counted = |row: &Value| (row.metric, values.counted(row).map_err(|why| why.to_string()));
    let other = Err("its unit is `us`, but that of earlier trials is `ms`".to_owned());
    let expected = [(0, Ok(1.0)), (0, Ok(1.0)), (0, other), (0, Ok(1.0))];
    assert_eq!(values.rows.iter().map(counted).collect::<Vec<_>>(), expected);
}
