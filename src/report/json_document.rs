//! The shape of the `json` report: the seed's, with more fields.
//!
//! `{"metadata": {…}, "workers": […], "trials": […], "statistics": […], "lost": […], "not_reset": […], "warnings": […],
//! "configuration": {…}}`; `json.schema.json` describes it to programs. Times are local, as in the seed;
//! a time that is not known, such as the end of what was interrupted, is `null`. Each level is made while it is
//! written.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::json_result::{List, trial_entry};
use super::record::{Remark, Run};
use super::statistics::{self, Row, Subject};
use super::{dry_run_json, words};
use crate::model::{
    ClockAnchor, Conclusion, ConductorTime, Phase, Plan, PlayerDescription, Reason, Step, WorkerId, WorkerPlan,
};

/// What all levels need to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    plan: Option<&'a Plan>,
    anchor: Option<&'a ClockAnchor>,
    time_zone: &'a TimeZone,
}

impl<'a> Context<'a> {
    /// A date as Python's `isoformat` writes it, always with microseconds.
    pub(super) fn date(&self, reading: ConductorTime) -> Option<String> {
        let timestamp = Timestamp::try_from(self.anchor?.date(reading)).ok()?;
        let local = timestamp.to_zoned_datetime(self.time_zone.clone());
        Some(local.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string())
    }

    /// How many bytes of each stream are kept.
    pub(super) fn limit(&self) -> u64 {
        self.plan.map_or(u64::MAX, |plan| plan.settings.max_message_size)
    }

    /// A worker's name.
    pub(super) fn name(&self, worker: WorkerId) -> Option<&'a str> {
        Some(self.plan?.workers.get(worker.0)?.name.as_str())
    }

    /// A step of the plan.
    pub(super) fn step(&self, worker: WorkerId, phase: Phase, position: usize) -> Option<&'a Step> {
        self.plan?.workers.get(worker.0)?.steps[phase].get(position)
    }
}

/// The document of a run.
pub(super) struct Document<'a> {
    context: Context<'a>,
    run: &'a Run,
    end: ConductorTime,
    conclusion: &'a Conclusion,
}

impl<'a> Document<'a> {
    /// Tells of a run that ended at `end`.
    pub(super) fn new(run: &'a Run, time_zone: &'a TimeZone, end: ConductorTime, conclusion: &'a Conclusion) -> Self {
        let (plan, anchor) = run.plan.as_ref().map(|(plan, anchor)| (&**plan, anchor)).unzip();
        Self { context: Context { plan, anchor, time_zone }, run, end, conclusion }
    }

    fn metadata(&self) -> Metadata<'a> {
        let plan = self.context.plan;
        let reason = |reason: &'a Reason| ReasonEntry { kind: words::reason(reason), text: reason.text() };
        Metadata {
            start_time: self.run.start.and_then(|start| self.context.date(start)),
            end_time: self.context.date(self.end),
            total_trials: plan.map_or(0, |plan| plan.trials),
            total_workers: plan.map_or(0, |plan| plan.workers.len()),
            version: env!("CARGO_PKG_VERSION"),
            run: plan.map(|plan| plan.run.as_str()),
            config: plan.map(|plan| plan.file.to_string_lossy().into_owned()),
            verdict: self.conclusion.verdict.word(),
            reasons: self.conclusion.reasons.iter().map(reason).collect(),
            exit_status: self.conclusion.exit_status(),
        }
    }

    fn workers(&self) -> Vec<WorkerEntry<'a>> {
        let workers = self.context.plan.into_iter().flat_map(Plan::workers);
        let entry = |(id, worker): (WorkerId, &'a WorkerPlan)| {
            let (kind, version, host) = match self.run.players.get(&id) {
                None => (None, None, None),
                Some(PlayerDescription::Seed) => (Some("seed"), None, None),
                Some(PlayerDescription::Session { version, host }) => {
                    (Some("session"), Some(version.as_str()), Some(host.as_str()))
                }
            };
            WorkerEntry { name: worker.name.as_str(), player: worker.player.to_string(), kind, version, host }
        };
        workers.map(entry).collect()
    }

    fn remark(&self, remark: &'a Remark) -> RemarkEntry<'a> {
        RemarkEntry {
            timestamp: self.context.date(remark.at),
            trial: remark.trial,
            worker: remark.worker.and_then(|worker| self.context.name(worker)),
            text: &remark.text,
        }
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Top<'a, T: Serialize, C: Serialize> {
            metadata: Metadata<'a>,
            workers: Vec<WorkerEntry<'a>>,
            trials: T,
            statistics: Vec<StatisticsEntry>,
            lost: Vec<RemarkEntry<'a>>,
            not_reset: Vec<NotReset<'a>>,
            warnings: Vec<RemarkEntry<'a>>,
            configuration: Option<C>,
        }
        let context = self.context;
        Top {
            metadata: self.metadata(),
            workers: self.workers(),
            trials: List(|| self.run.trials.iter().map(move |trial| trial_entry(context, trial))),
            statistics: statistics::rows(self.run).iter().map(|row| StatisticsEntry::new(self.run, row)).collect(),
            lost: self.run.lost.iter().map(|remark| self.remark(remark)).collect(),
            not_reset: self
                .run
                .not_reset()
                .into_iter()
                .map(|(trial, worker)| NotReset { trial, worker: context.name(worker) })
                .collect(),
            warnings: self.run.warnings.iter().map(|remark| self.remark(remark)).collect(),
            configuration: context.plan.map(dry_run_json::document),
        }
        .serialize(serializer)
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
    reasons: Vec<ReasonEntry>,
    exit_status: u8,
}

#[derive(Serialize)]
struct ReasonEntry {
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct WorkerEntry<'a> {
    name: &'a str,
    player: String,
    kind: Option<&'static str>,
    version: Option<&'a str>,
    host: Option<&'a str>,
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
