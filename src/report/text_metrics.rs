//! The metrics of a trial in the `text` report, at its end.

use std::io;

use super::{Measured, Page, Run, Tone, Trial};
use crate::model::{Measurement, display_width, on_one_line, padded};

/// The number of rows that are shown.
const ROWS: usize = 60;

/// Writes the metrics of a trial, a line each.
pub(super) fn of_trial(page: &mut Page, run: &Run, trial: &Trial) -> io::Result<()> {
    let rows: Vec<_> = trial.metrics.iter().map(|measured| (cells(run, measured), measured)).collect();
    let width = |column: usize| rows.iter().map(|(cells, _)| display_width(&cells[column])).max().unwrap_or(0);
    let (metrics, workers) = (width(0), width(1));
    for ([metric, worker], measured) in rows.iter().take(ROWS) {
        let value = value(page, run, trial, measured);
        page.line(&format!("  {}  {}  {value}", padded(metric, metrics), padded(worker, workers)))?;
    }
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more, see the `json` report")),
    }
}

/// The name of the metric, and its worker.
fn cells(run: &Run, measured: &Measured) -> [String; 2] {
    let worker = measured.worker.map_or("", |worker| run.name(worker));
    [measured.metric.to_string(), worker.to_owned()]
}

/// What came of a metric.
fn value(page: &Page, run: &Run, trial: &Trial, measured: &Measured) -> String {
    let text = on_one_line(&measured.measurement.text(measured.unit.as_deref())).into_owned();
    match (&measured.measurement, measured.expected(run, trial.number)) {
        (_, Some(expected)) => page.toned(Tone::Bad, &format!("{text}, expected {expected}")),
        (Measurement::Missing(_), _) if trial.is_failed_by(measured) => page.toned(Tone::Bad, &text),
        (Measurement::Value { missing: Some(why), .. }, _) => format!("{text}: {}", on_one_line(why)),
        (_, None) => text,
    }
}
