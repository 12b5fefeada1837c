//! The `json` report: one document of the seed's shape, with more fields, written when the run is over.
//!
//! `{"metadata": {…}, "workers": […], "trials": […], "statistics": […], "lost": […], "not_reset": […], "warnings": […],
//! "configuration": {…}}`; `json.schema.json` describes it to programs. Times are local, as in the seed;
//! a time that is not known, such as the end of what was interrupted, is `null`. Each level is made while it is
//! written, and outputs are read then, piece by piece.

use std::io::{self, Write};

use serde::Serialize;

use super::json_result::{date, name, trial_entry};
use super::{Ended, List, Remark, Row, Run, Subject, dry_run_json, json_writer, statistics};
use crate::model::{Plan, PlayerEntry, Reason, WorkerId, WorkerPlan};

/// Writes the document of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a, T: Serialize, C: Serialize> {
        metadata: Metadata<'a>,
        workers: Vec<WorkerEntry>,
        trials: T,
        statistics: Vec<StatisticsEntry>,
        lost: Vec<RemarkEntry<'a>>,
        not_reset: Vec<NotReset<'a>>,
        warnings: Vec<RemarkEntry<'a>>,
        configuration: Option<C>,
    }
    let run = ended.run;
    let worker = |(id, worker): (WorkerId, &WorkerPlan)| WorkerEntry {
        name: worker.name.to_string(),
        location: worker.player.to_string(),
        player: run.players.get(&id).cloned().map(PlayerEntry::from).unwrap_or_default(),
    };
    let not_reset = |(trial, worker)| NotReset { trial, worker: name(ended, worker) };
    let document = Document {
        metadata: metadata(ended),
        workers: run.plan().into_iter().flat_map(Plan::workers).map(worker).collect(),
        trials: List(|| run.trials.iter().map(move |trial| trial_entry(ended, trial))),
        statistics: statistics::rows(run).iter().map(|row| StatisticsEntry::new(run, row)).collect(),
        lost: run.lost.iter().map(|remark| RemarkEntry::new(ended, remark)).collect(),
        not_reset: run.not_reset().into_iter().map(not_reset).collect(),
        warnings: run.warnings.iter().map(|remark| RemarkEntry::new(ended, remark)).collect(),
        configuration: run.plan().map(dry_run_json::document),
    };
    json_writer::write(writer, &document)
}

fn metadata(ended: Ended<'_>) -> Metadata<'_> {
    let (plan, conclusion) = (ended.run.plan(), ended.conclusion);
    Metadata {
        start_time: ended.run.start.and_then(|start| date(ended, start)),
        end_time: date(ended, ended.at),
        total_trials: plan.map_or(0, |plan| plan.trials),
        total_workers: plan.map_or(0, |plan| plan.workers.len()),
        version: env!("CARGO_PKG_VERSION"),
        run: plan.map(|plan| plan.run.as_str()),
        config: plan.map(|plan| plan.file.to_string_lossy().into_owned()),
        verdict: conclusion.verdict.word(),
        reasons: &conclusion.reasons,
        exit_status: conclusion.exit_status(),
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    start_time: Option<String>,
    end_time: Option<String>,
    total_trials: u32,
    total_workers: usize,
    version: &'static str,
    run: Option<&'a str>,
    config: Option<String>,
    verdict: &'static str,
    reasons: &'a [Reason],
    exit_status: u8,
}

#[derive(Serialize)]
struct WorkerEntry {
    name: String,
    #[serde(rename = "player")]
    location: String,
    #[serde(flatten)]
    player: PlayerEntry,
}

/// A worker of which it is not known that its Reset ran to its end.
#[derive(Serialize)]
struct NotReset<'a> {
    trial: u32,
    worker: Option<&'a str>,
}

/// Durations over trials, in seconds.
#[derive(Serialize)]
struct StatisticsEntry {
    phase: &'static str,
    /// `phase`, `start_skew` or `step`.
    of: &'static str,
    step: Option<String>,
    position: Option<usize>,
    workers: Option<String>,
    count: usize,
    minimum: f64,
    median: f64,
    maximum: f64,
}

impl StatisticsEntry {
    fn new(run: &Run, row: &Row) -> Self {
        let (of, step, position) = match &row.subject {
            Subject::Phase => ("phase", None, None),
            Subject::Skew => ("start_skew", None, None),
            Subject::Step { label, position, .. } => ("step", Some(label.clone()), Some(*position)),
        };
        Self {
            phase: row.phase.word(),
            of,
            workers: step.is_some().then(|| row.who(run)),
            step,
            position,
            count: row.spread.count,
            minimum: row.spread.minimum.as_secs_f64(),
            median: row.spread.median.as_secs_f64(),
            maximum: row.spread.maximum.as_secs_f64(),
        }
    }
}

#[derive(Serialize)]
struct RemarkEntry<'a> {
    timestamp: Option<String>,
    trial: Option<u32>,
    worker: Option<&'a str>,
    text: &'a str,
}

impl<'a> RemarkEntry<'a> {
    fn new(ended: Ended<'a>, remark: &'a Remark) -> Self {
        let (timestamp, worker) = (date(ended, remark.at), remark.worker.and_then(|worker| name(ended, worker)));
        Self { timestamp, trial: remark.trial, worker, text: &remark.text }
    }
}
