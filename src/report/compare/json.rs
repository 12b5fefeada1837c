//! Writes a comparison as one JSON document.

use std::io::{self, Write};

use super::comparison::Comparison;
use super::run::ComparedRun;
use crate::model::object;
use crate::report::{json_writer, metrics};

/// Writes the document.
pub(super) fn write(comparison: &Comparison, is_strict: bool, writer: &mut dyn Write) -> io::Result<()> {
    let told = comparison.told();
    let run = |(at, run): (usize, &ComparedRun)| {
        let (failed, trials) = run.values().failures(|_| true);
        let differences = at.checked_sub(1).and_then(|at| comparison.differences.get(at));
        object! {
            name: comparison.names[at].clone(),
            folder: run.folder.clone(),
            start: run.start.map(|start| start.to_string()),
            failed: failed,
            trials: trials,
            fails_more_often: comparison.fail_more_often().any(|other| other == at),
            differences: differences.cloned().unwrap_or_default(),
        }
    };
    let missing = comparison.summary.missing.iter().map(|missing| {
        let point = comparison.runs[0].values().points.get(missing.point).map_or("", |point| point.name.as_str());
        object! {
            run: comparison.names[missing.run].as_str(),
            metric: missing.metric.as_ref().map(|(name, _)| name.as_str()),
            unit: missing.metric.as_ref().and_then(|(_, unit)| unit.as_deref()),
            worker: missing.worker.as_deref(),
            point: point,
        }
    });
    let document = object! {
        exit_status: comparison.status(is_strict),
        runs: comparison.runs.iter().enumerate().map(run).collect::<Vec<_>>(),
        metrics: metrics::json_entries(&comparison.summary, &told),
        missing: missing.collect::<Vec<_>>(),
    };
    json_writer::write(writer, &document)
}
