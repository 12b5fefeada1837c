//! The `csv` report: all values of a run in the format of RFC 4180, written at the end of the run.
//!
//! The columns are `trial`, `round`, `attempt`, `generation`, `point`, a `param.NAME` for each parameter, `metric`,
//! `worker`, `value`, `unit`, `counted` and `reason`. A missing value is a row with its reason. Values of an earlier
//! generation do not count.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::report::Ended;
use crate::values::{Reading, Value, Values, parameters};

/// The columns before and after those of the parameters.
const COLUMNS: [&str; 2] = ["trial,round,attempt,generation,point", "metric,worker,value,unit,counted,reason"];

/// The reason why the values of an earlier generation do not count.
const EARLIER: &str = "the configuration was changed after the trial";

/// Writes the values of a run.
pub(in crate::report) fn write(Ended { run, .. }: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let generations = || run.values.generations();
    let parameters = parameters(generations().flat_map(|(_, values)| &values.points));
    head(writer, COLUMNS, &parameters)?;
    let latest = generations().map(|(generation, _)| generation).last();
    for (generation, values) in generations() {
        let earlier = (Some(generation) != latest).then_some(EARLIER);
        for row in &values.rows {
            line(writer, cells(values, generation, earlier, &parameters, row))?;
        }
    }
    Ok(())
}

/// Returns the cells of a row. `earlier` is the reason why values of an earlier generation do not count, even if their
/// trial does.
fn cells<'a>(
    values: &'a Values,
    generation: u32,
    earlier: Option<&str>,
    parameters: &'a [&str],
    row: &'a Value,
) -> impl Iterator<Item = Cow<'a, str>> {
    let trial = &values.trials[row.trial];
    let (point, metric) = (&values.points[trial.point], &values.metrics[row.metric]);
    let number = |number: u32| Cow::from(number.to_string());
    let counted = values.counted(row);
    let value = match &row.reading {
        Reading::Number { value, .. } => Cow::from(value.to_string()),
        Reading::Missing(_) => Cow::from(""),
    };
    // If a value does not count and was not measured either, both reasons are given.
    let why = counted.as_ref().err().map(ToString::to_string);
    let marks = [row.reading.is_default().then_some("default"), row.reading.is_outside().then_some("not expected")];
    let reasons = [why.as_deref(), earlier].into_iter().chain(marks);
    let reason = reasons.flatten().collect::<Vec<_>>().join("; ");
    let numbers = [trial.number, trial.round, trial.attempt, generation].map(number);
    let head = numbers.into_iter().chain([Cow::from(point.name.as_str())]);
    let parameters = parameters.iter().map(|name| Cow::from(point.parameter(name).unwrap_or_default()));
    let tail = [
        Cow::from(metric.name.as_str()),
        Cow::from(row.worker.map_or("", |worker| values.worker(worker))),
        value,
        plain(metric.unit.as_deref().unwrap_or_default().into()),
        Cow::from(if counted.is_ok() && earlier.is_none() { "true" } else { "false" }),
        plain(reason.into()),
    ];
    head.chain(parameters).chain(tail)
}

/// Protects text that a program printed from being taken for a formula by a spreadsheet: puts an apostrophe before text
/// that begins like one.
fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text }
}

/// Writes the head of a table: these columns, and those of the parameters between them.
pub(in crate::report) fn head(writer: &mut dyn Write, [first, last]: [&str; 2], parameters: &[&str]) -> io::Result<()> {
    let parameters = parameters.iter().map(|name| Cow::from(format!("param.{name}")));
    line(writer, first.split(',').map(Cow::from).chain(parameters).chain(last.split(',').map(Cow::from)))
}

/// Writes a line of CSV. A cell with a comma, a quotation mark or a line break is quoted.
pub(in crate::report) fn line<'a>(writer: &mut dyn Write, cells: impl Iterator<Item = Cow<'a, str>>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            writer.write_all(b",")?;
        }
        if cell.contains([',', '"', '\n', '\r']) {
            write!(writer, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            writer.write_all(cell.as_bytes())?;
        }
    }
    writer.write_all(b"\r\n")
}
