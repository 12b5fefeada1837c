//! The metrics of a trial in the `text` report, at the end of the trial.

use std::io;

use super::columns::aligned;
use super::text_page::JSON;
use super::{Measured, Page, Run, Tone, Trial};
use crate::model::{Measurement, on_one_line};

/// The maximum number of rows.
const ROWS: usize = 60;

/// Writes the metrics of a trial, one per line.
pub(super) fn of_trial(page: &mut Page, run: &Run, trial: &Trial) -> io::Result<()> {
    let row = |measured: &Measured| {
        let worker = measured.worker.map_or("", |worker| run.name(worker));
        [measured.metric.to_string(), worker.to_owned(), value(page, run, trial, measured)]
    };
    let rows: Vec<_> = trial.metrics.iter().map(row).collect();
    aligned(&rows, |_| false).iter().take(ROWS).try_for_each(|line| page.line(&format!("  {line}")))?;
    page.more(rows.len(), ROWS, JSON)
}

/// Formats the measurement of a metric.
fn value(page: &Page, run: &Run, trial: &Trial, measured: &Measured) -> String {
    let text = on_one_line(&run.measured(trial.number, measured)).into_owned();
    match &measured.measurement {
        _ if run.expected(trial.number, measured).is_some() => page.toned(Tone::Bad, &text),
        Measurement::Missing(_) if trial.is_failed_by(measured) => page.toned(Tone::Bad, &text),
        Measurement::Value { missing: Some(why), .. } => format!("{text}: {}", on_one_line(why)),
        _ => text,
    }
}
