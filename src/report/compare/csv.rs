//! A comparison, or the history of a metric, as CSV: a line for each metric, point and run.

use std::borrow::Cow;
use std::io::{self, Write};

use super::run::ComparedRun;
use crate::report::metrics::{csv_head, csv_line};
use crate::statistics::Verdict;
use crate::values::{Line, Summary, parameters};

/// The columns before and after those of the parameters.
const COLUMNS: [&str; 2] = [
    "metric,worker,unit,run,started,point",
    "median,low,high,counted,trials,scale,change,change_low,change_high,verdict,trials_needed",
];

/// Writes the summary of these runs, which have these names.
pub(super) fn write(
    runs: &[ComparedRun],
    names: &[String],
    summary: &Summary,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let parameters = parameters(runs.iter().flat_map(|run| &run.values().points));
    csv_head(writer, COLUMNS, &parameters)?;
    for block in &summary.blocks {
        for line in &block.lines {
            let run = &runs[line.run];
            let point = run.values().points.get(line.point);
            let first = [
                block.metric.name.clone(),
                block.worker.clone().unwrap_or_default(),
                block.metric.unit.clone().unwrap_or_default(),
                names[line.run].clone(),
                run.start.map_or(String::new(), |start| start.to_string()),
                point.map(|point| point.name.clone()).unwrap_or_default(),
            ];
            let own = |name: &&str| point.and_then(|point| point.parameter(name)).unwrap_or_default().to_owned();
            let cells = first.into_iter().chain(parameters.iter().map(own)).chain(numbers(line));
            csv_line(writer, cells.map(Cow::from))?;
        }
    }
    Ok(())
}

fn numbers(line: &Line) -> [String; 11] {
    let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let interval = line.location.and_then(|location| location.interval);
    let compared = line.compared();
    let change = compared.and_then(|compared| compared.comparison.interval());
    let verdict = compared.and_then(|compared| compared.judgement).map(|judgement| judgement.verdict);
    let needed = verdict.and_then(Verdict::trials_needed);
    [
        number(line.location.map(|location| location.median)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
        line.counted.to_string(),
        line.trials.to_string(),
        compared.map_or("", |compared| compared.comparison.scale.word()).to_owned(),
        number(compared.map(|compared| compared.comparison.change())),
        number(change.map(|interval| interval.low)),
        number(change.map(|interval| interval.high)),
        verdict.map_or("", Verdict::word).to_owned(),
        needed.map_or(String::new(), |trials| trials.to_string()),
    ]
}
