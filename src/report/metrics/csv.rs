//! The `csv` report: all values of a run, as RFC 4180 describes it, written when the run is over.
//!
//! The columns are `trial`, `round`, `attempt`, `point`, a `param.NAME` for each parameter, `metric`, `worker`, `value`,
//! `unit`, `counted` and `reason`. A missing value is a row with its reason.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use crate::model::{Event, Reporter, Stamped};
use crate::values::{Collector, Reading, Value, Values};

/// Writes the values of a run.
pub(in crate::report) struct CsvReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    values: Collector,
}

impl CsvReporter {
    /// Writes to `writer`.
    pub(in crate::report) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), values: Collector::with_times() }
    }
}

impl Reporter for CsvReporter {
    fn report(&mut self, Stamped { event, .. }: &Stamped) -> io::Result<()> {
        self.values.take(event);
        if !matches!(event, Event::RunEnded { .. }) {
            return Ok(());
        }
        write(self.values.values(), &mut self.writer)?;
        self.writer.flush()
    }
}

fn write(values: &Values, writer: &mut dyn Write) -> io::Result<()> {
    let parameters = values.parameters();
    let names: Vec<String> = parameters.iter().map(|name| format!("param.{name}")).collect();
    let head = ["trial", "round", "attempt", "point"].map(Cow::from).into_iter();
    let head = head.chain(names.into_iter().map(Cow::from));
    let head = head.chain(["metric", "worker", "value", "unit", "counted", "reason"].map(Cow::from));
    line(writer, head)?;
    values.rows.iter().try_for_each(|row| line(writer, cells(values, &parameters, row)))
}

fn cells<'a>(values: &'a Values, parameters: &'a [&str], row: &'a Value) -> impl Iterator<Item = Cow<'a, str>> {
    let trial = &values.trials[row.trial];
    let (point, metric) = (&values.points[trial.point], &values.metrics[row.metric]);
    let number = |number: u32| Cow::from(number.to_string());
    let counted = values.counted(row);
    let value = match &row.reading {
        Reading::Number { value, .. } => Cow::from(value.to_string()),
        Reading::Missing(_) => Cow::from(""),
    };
    // Of a value that does not count, and was not measured either, both are told.
    let mut reason = counted.as_ref().err().map(ToString::to_string).unwrap_or_default();
    if let Reading::Number { is_outside: true, .. } = row.reading {
        reason = if reason.is_empty() { "not expected".to_owned() } else { format!("{reason}; not expected") };
    }
    let head = [number(trial.number), number(trial.round), number(trial.attempt), Cow::from(point.name.as_str())];
    let parameters = parameters.iter().map(|name| Cow::from(point.parameter(name).unwrap_or_default()));
    let tail = [
        Cow::from(metric.name.as_str()),
        Cow::from(row.worker.map_or("", |worker| values.worker(worker))),
        value,
        Cow::from(metric.unit.as_deref().unwrap_or_default()),
        Cow::from(if counted.is_ok() { "true" } else { "false" }),
        Cow::from(reason),
    ];
    head.into_iter().chain(parameters).chain(tail)
}

/// A line of CSV. A cell with a comma, a quotation mark or the end of a line is in quotation marks.
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
