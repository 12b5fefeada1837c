//! The `json` report: one document of the seed's shape, with more fields, written when the run is over.
//!
//! `{"metadata": {…}, "workers": […], "trials": […], "statistics": […], "lost": […], "not_reset": […], "warnings": […],
//! "configuration": {…}}`; `json.schema.json` describes it to programs. Times are local, as in the seed;
//! a time that is not known, such as the end of what was interrupted, is `null`. Each level is made while it is
//! written, and outputs are read then, piece by piece.

use std::io::{self, Write};

use serde::Serialize;

use super::json_result::{date, name, trial_entry};
use super::{Ended, List, Remark, Row, Subject, dry_run_json, json_writer, statistics};
use crate::model::{Plan, PlayerEntry, WorkerId, WorkerPlan, object};

/// Writes the document of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let run = ended.run;
    let worker = |(id, worker): (WorkerId, &WorkerPlan)| {
        object! {
            name: worker.name.to_string(),
            player: worker.player.to_string(),
            #[serde(flatten)]
            description: run.players.get(&id).cloned().map(PlayerEntry::from).unwrap_or_default(),
        }
    };
    let not_reset = |(trial, worker)| object! { trial: trial, worker: name(ended, worker) };
    let rows = statistics::rows(run);
    let document = object! {
        metadata: metadata(ended),
        workers: run.plan().into_iter().flat_map(Plan::workers).map(worker).collect::<Vec<_>>(),
        trials: List(|| run.trials.values().map(move |trial| trial_entry(ended, trial))),
        statistics: rows.iter().map(statistics_entry).collect::<Vec<_>>(),
        lost: List(|| run.lost.iter().map(|remark| remark_entry(ended, remark))),
        // Workers of which it is not known that their Reset ran to its end.
        not_reset: run.not_reset().into_iter().map(not_reset).collect::<Vec<_>>(),
        warnings: List(|| run.warnings.iter().map(|remark| remark_entry(ended, remark))),
        configuration: run.plan().map(dry_run_json::document),
    };
    json_writer::write(writer, &document)
}

fn metadata(ended: Ended<'_>) -> impl Serialize + '_ {
    let (plan, conclusion) = (ended.run.plan(), ended.conclusion);
    object! {
        start_time: ended.run.start.and_then(|start| date(ended, start)),
        end_time: date(ended, ended.at),
        total_trials: plan.map_or(0, |plan| plan.trials),
        total_workers: plan.map_or(0, |plan| plan.workers.len()),
        version: env!("CARGO_PKG_VERSION"),
        run: plan.map(|plan| plan.run.as_str()),
        config: plan.map(|plan| plan.file.to_string_lossy()),
        verdict: conclusion.verdict,
        reasons: &conclusion.reasons,
        exit_status: conclusion.exit_status(),
    }
}

/// Durations over trials, in seconds.
fn statistics_entry(row: &Row) -> impl Serialize + '_ {
    let (of, step) = match &row.subject {
        Subject::Phase => ("phase", None),
        Subject::Skew => ("start_skew", None),
        Subject::Step { label, position, .. } => ("step", Some((label, position))),
    };
    object! {
        phase: row.phase,
        of: of,
        step: step.map(|(label, _)| label),
        position: step.map(|(_, position)| position),
        workers: step.map(|_| row.who()),
        count: row.spread.count,
        minimum: row.spread.minimum.as_secs_f64(),
        median: row.spread.median.as_secs_f64(),
        maximum: row.spread.maximum.as_secs_f64(),
    }
}

fn remark_entry<'a>(ended: Ended<'a>, remark: &'a Remark) -> impl Serialize + 'a {
    object! {
        timestamp: date(ended, remark.at),
        trial: remark.trial,
        worker: remark.worker.and_then(|worker| name(ended, worker)),
        text: &remark.text,
    }
}
