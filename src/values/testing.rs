//! Tables of values for the tests.

use super::table::{Kind, Metric, Reading, Trial, Value, Values};
use crate::model::{Better, Margin, Point, PointId, Verdict};

/// Creates a metric of the test file, for which higher values are better.
pub(crate) fn metric(name: &str, threshold: f64) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: Some("Mbit/s".to_owned()),
        better: Some(Better::Higher),
        threshold: Margin::Relative(threshold),
        kind: Kind::Section,
        phase: None,
    }
}

/// Creates a point with these parameters.
pub(crate) fn point(parameters: &[(&str, &str)], baseline: Option<usize>) -> Point {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let parts: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Point { name: parts.join(","), parameters, baseline: baseline.map(PointId), ..Point::default() }
}

/// Creates a run of one point, with a trial that passed for each value.
pub(crate) fn run(metric: Metric, values: &[f64]) -> Values {
    let mut run = Values { metrics: vec![metric], ..Values::default() };
    for value in values {
        add(&mut run, 0, *value);
    }
    run
}

/// Creates a run of several points. Each round contains one value for each point.
pub(crate) fn series(metric: Metric, points: Vec<Point>, rounds: &[&[f64]]) -> Values {
    let mut run = Values { metrics: vec![metric], points, ..Values::default() };
    for (values, round) in rounds.iter().zip(1..) {
        for (point, value) in values.iter().enumerate() {
            let trial = add(&mut run, point, *value);
            run.trials[trial].round = round;
        }
    }
    run
}

/// Adds a trial that passed, with this value of the first metric. Returns its position.
pub(crate) fn add(run: &mut Values, point: usize, value: f64) -> usize {
    let trial = run.trials.len();
    let number = u32::try_from(trial + 1).unwrap();
    let passed = Some(Verdict::Passed);
    let begun = Trial { number, attempt: 1, round: number, point, ..Trial::default() };
    run.trials.push(Trial { before: passed, verdict: passed, ..begun });
    run.rows.push(Value { trial, metric: 0, worker: None, reading: Reading::plain(value) });
    trial
}
