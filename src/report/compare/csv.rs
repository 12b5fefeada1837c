//! A comparison as CSV: a line for each metric, point and run.

use std::borrow::Cow;
use std::io::{self, Write};

use super::comparison::Comparison;
use crate::report::metrics::csv_line;
use crate::statistics::{Scale, TrialsNeeded, Verdict};
use crate::values::{Block, Line};

/// The columns.
const HEAD: [&str; 16] = [
    "metric",
    "worker",
    "unit",
    "point",
    "run",
    "median",
    "low",
    "high",
    "counted",
    "trials",
    "scale",
    "change",
    "change_low",
    "change_high",
    "verdict",
    "trials_needed",
];

/// Writes it.
pub(super) fn write(comparison: &Comparison, writer: &mut dyn Write) -> io::Result<()> {
    csv_line(writer, HEAD.into_iter().map(Cow::from))?;
    for block in &comparison.summary.blocks {
        for line in &block.lines {
            csv_line(writer, cells(comparison, block, line).into_iter().map(Cow::from))?;
        }
    }
    Ok(())
}

fn cells(comparison: &Comparison, block: &Block, line: &Line) -> [String; 16] {
    let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let point = comparison.runs[line.run].values().points.get(line.point);
    let interval = line.location.and_then(|location| location.interval);
    let compared = line.compared();
    let change = compared.and_then(|compared| compared.comparison.interval());
    let verdict = compared.and_then(|compared| compared.judgement).map(|judgement| judgement.verdict);
    let (word, needed) = match verdict {
        None => ("", String::new()),
        Some(Verdict::Better) => ("better", String::new()),
        Some(Verdict::Worse) => ("worse", String::new()),
        Some(Verdict::Different) => ("different", String::new()),
        Some(Verdict::Same) => ("same", String::new()),
        Some(Verdict::Undecided(TrialsNeeded::About(trials))) => ("undecided", trials.to_string()),
        Some(Verdict::Undecided(TrialsNeeded::MoreThanMost)) => ("undecided", String::new()),
    };
    let scale = compared.map_or("", |compared| match compared.comparison.scale {
        Scale::Ratio => "ratio",
        Scale::Difference => "difference",
    });
    [
        block.metric.name.clone(),
        block.worker.clone().unwrap_or_default(),
        block.metric.unit.clone().unwrap_or_default(),
        point.map(|point| point.name.clone()).unwrap_or_default(),
        comparison.names[line.run].clone(),
        number(line.location.map(|location| location.median)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
        line.counted.to_string(),
        line.trials.to_string(),
        scale.to_owned(),
        number(compared.map(|compared| compared.comparison.change())),
        number(change.map(|interval| interval.low)),
        number(change.map(|interval| interval.high)),
        word.to_owned(),
        needed,
    ]
}
