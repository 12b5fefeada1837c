//! The `json` report: one document in the format of the Python program, with more fields, written at the end of the
//! run.
//!
//! `{"metadata": {…}, "workers": […], "trials": […], "metrics": […], "precision": {…}, "statistics": […], "causes":
//! […], "lost": […], "not_reset": […], "warnings": […], "configuration": {…}}`; `json.schema.json` is its schema. Times
//! are local, as in the Python program. An unknown time, such as the end of something that was interrupted, is `null`.
//! Each level is created while it is written, and outputs are read at that time, piece by piece.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::metrics::{self, Told};
use super::{
    Ended, Excerpt, List, Map, Measured, PhaseOfTrial, Recorded, Remark, Row, SeedResult, Subject, Trial,
    WorkerOfPhase, dry_run_json, json_causes, json_writer, statistics,
};
use crate::model::{
    Attempt, BarrierResult, ConductorTime, Outcome, PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, Plan, PlayerEntry,
    StartSkew, Step, StepResult, WorkerId, WorkerPlan, object,
};
use crate::values::Summary;

/// Writes the document of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let run = ended.run;
    let worker = |(id, worker): (WorkerId, &WorkerPlan)| {
        object! {
            name: worker.name.to_string(),
            player: worker.player.to_string(),
            #[serde(flatten)]
            description: run.players.get(&id).cloned().map(PlayerEntry::from).unwrap_or_default(),
            versions: @optional run.versions.get(&id),
        }
    };
    let not_reset = |(trial, worker)| object! { trial: trial, worker: name(ended, worker) };
    let rows = statistics::rows(run);
    let values = run.values.values();
    let (summary, told) = (Summary::of_run(values), Told::of_run(values));
    let metrics = metrics::json_entries(&summary, &told);
    let document = object! {
        metadata: metadata(ended),
        workers: run.plan().into_iter().flat_map(Plan::workers).map(worker).collect::<Vec<_>>(),
        trials: List(|| run.trials.values().map(move |trial| trial_entry(ended, trial))),
        // Absent if there are no metrics.
        metrics: @optional (!metrics.is_empty()).then_some(metrics),
        precision: @optional ended.run.precision.as_ref().map(|judgement| object! {
            reached: judgement.imprecise == 0,
            text: ended.run.precision_line(),
        }),
        statistics: rows.iter().map(statistics_entry).collect::<Vec<_>>(),
        causes: json_causes::entries(ended, |at| date(ended, at)),
        lost: List(|| run.lost.iter().map(|remark| remark_entry(ended, remark))),
        // Workers whose Reset may not have run to its end.
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
        exit_status: conclusion.exit_status(),
    }
}

/// Returns the entry for durations over trials, in seconds.
fn statistics_entry(row: &Row) -> impl Serialize + '_ {
    let step = (row.subject == Subject::Step).then_some(row);
    object! {
        phase: row.phase,
        of: row.subject,
        step: step.map(|row| &row.what),
        position: row.position,
        workers: step.map(|row| &row.who),
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

/// Formats a date like Python's `isoformat`, always with microseconds.
fn date(ended: Ended<'_>, reading: ConductorTime) -> Option<String> {
    let (_, anchor) = ended.run.plan.as_ref()?;
    let local = Timestamp::try_from(anchor.date(reading)).ok()?.to_zoned_datetime(ended.time_zone.clone());
    Some(local.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string())
}

/// Returns the name of a worker.
fn name(ended: Ended<'_>, worker: WorkerId) -> Option<&str> {
    Some(ended.run.worker(worker)?.name.as_str())
}

/// Returns the entry of a trial in the format of the Python program.
fn trial_entry<'a>(ended: Ended<'a>, trial: &'a Trial) -> impl Serialize + 'a {
    let phases = move || {
        let entry = move |phase: &'a PhaseOfTrial| (phase.phase.word().to_owned(), phase_entry(ended, phase));
        trial.phases.values().map(entry)
    };
    let metrics = move || trial.metrics.iter().map(move |measured| metric_entry(ended, measured));
    let plan = ended.run.plan_in(trial.number).filter(|plan| plan.is_series());
    let round = plan.map(|_| trial.slot.round);
    let name = plan.map(|plan| plan.point_name(trial.slot.point)).filter(|name| !name.is_empty());
    object! {
        trial_number: trial.number,
        point: @optional name,
        round: @optional round,
        warm_up: @optional trial.slot.warm_up.then_some(true),
        attempt: @optional (trial.attempt > 1).then_some(trial.attempt),
        // The generation of its configuration, if the configuration was changed.
        generation: @optional (ended.run.generation > 1).then_some(trial.generation),
        start_time: date(ended, trial.start),
        end_time: trial.end.and_then(|end| date(ended, end)),
        verdict: trial.verdict,
        phases: Map(phases),
        // The result of the check.
        check: @optional trial.check.as_ref().map(|check| left_entry(ended, None, check, IN_TIME)),
        metrics: @optional (!trial.metrics.is_empty()).then_some(List(metrics)),
    }
}

/// Returns the entry of the measurement of a metric.
fn metric_entry<'a>(ended: Ended<'a>, measured: &'a Measured) -> impl Serialize + use<'a> {
    object! {
        metric: measured.metric.as_str(),
        worker: measured.worker.and_then(|worker| name(ended, worker)),
        unit: measured.unit.as_deref(),
        #[serde(flatten)]
        measurement: &measured.measurement,
    }
}

fn phase_entry<'a>(ended: Ended<'a>, phase: &'a PhaseOfTrial) -> impl Serialize + 'a {
    let workers = move || {
        phase.workers.iter().map(move |(id, worker)| {
            let name = name(ended, id).map_or_else(|| format!("worker_{}", id.0), str::to_owned);
            (name, worker_entry(ended, phase.phase, id, worker))
        })
    };
    let barriers = phase.barriers.iter().map(|barrier| barrier_entry(ended, barrier)).collect::<Vec<_>>();
    object! {
        start_time: date(ended, phase.start),
        end_time: phase.end.and_then(|end| date(ended, end)),
        start_skew: phase.skew.as_ref().map(|skew| skew_entry(ended, skew)),
        barriers: @optional (!barriers.is_empty()).then_some(barriers),
        workers: Map(workers),
    }
}

/// Returns the entry of a barrier: how many seconds each worker waited, and the release skew.
fn barrier_entry<'a>(ended: Ended<'a>, barrier: &'a BarrierResult) -> impl Serialize + 'a {
    let waited = barrier.waited.iter().filter_map(|(id, time)| Some((name(ended, *id)?, time.as_secs_f64())));
    object! {
        name: &barrier.name,
        passed: barrier.passed.is_ok(),
        reason: barrier.passed.as_ref().err().map(|why| why.text(ended.run.plan())),
        waited: waited.collect::<BTreeMap<_, _>>(),
        release_skew: barrier.passed.as_ref().ok().and_then(Option::as_ref).map(|skew| skew_entry(ended, skew)),
    }
}

/// Returns the entry of a start skew: its spread and error bound in seconds, and the workers whose start is unknown.
fn skew_entry<'a>(ended: Ended<'a>, skew: &StartSkew) -> impl Serialize + use<'a> {
    object! {
        seconds: skew.spread.as_secs_f64(),
        bound: skew.bound.as_secs_f64(),
        workers: skew.workers,
        unknown: skew.unknown.iter().filter_map(|worker| name(ended, *worker)).collect::<Vec<_>>(),
    }
}

fn worker_entry<'a>(ended: Ended<'a>, phase: Phase, id: WorkerId, worker: &'a WorkerOfPhase) -> impl Serialize + 'a {
    let end_time = worker.end.and_then(|end| date(ended, end));
    let last = worker.end.map(|_| end_time.clone());
    let results = move || {
        let results = worker.results.iter().map(move |(position, recorded)| {
            let step = ended.run.worker(id).and_then(|worker| worker.steps[phase].get(position));
            Item::Result(result_entry(ended, step, position, recorded))
        });
        // The last item of a worker that reached the end of its phase, as in the Python conductor's document.
        let end = |timestamp| object! { timestamp: timestamp, code: PHASES_COMPLETE, message: PHASES_COMPLETE_MESSAGE };
        results.chain(last.clone().map(end).map(Item::End))
    };
    object! { start_time: date(ended, worker.start), end_time: end_time, results: List(results) }
}

/// An item of a worker's `results`.
#[derive(Serialize)]
#[serde(untagged)]
enum Item<R, E> {
    Result(R),
    End(E),
}

/// Returns the entry of a result: the three fields of the Python program, then ours.
fn result_entry<'a>(
    ended: Ended<'a>,
    step: Option<&'a Step>,
    position: usize,
    recorded: &'a Recorded,
) -> impl Serialize + 'a {
    let SeedResult { code, message } = SeedResult::new(step, &recorded.result, ended.run.limit());
    // Only the final result can have grown since.
    let late = recorded.late().map(|output| output.printed());
    let end = move |(at, result): &'a (ConductorTime, StepResult)| {
        object! {
            timestamp: date(ended, *at),
            #[serde(flatten)]
            left: left_entry(ended, step, result, late),
        }
    };
    object! {
        timestamp: date(ended, recorded.at),
        code: code,
        message: message,
        step: step.map(|step| step.label.as_str()),
        position: position,
        command: step.map(|step| step.action.to_string()),
        #[serde(flatten)]
        left: left_entry(ended, step, &recorded.result, if recorded.end.is_none() { late } else { IN_TIME }),
        // The final outcome of a spawned step.
        spawned_end: @optional recorded.end.as_deref().map(end),
    }
}

/// The number of late bytes of both streams if nothing was printed after the end.
const IN_TIME: [u64; 2] = [0; 2];

/// Returns the entry of a result. Durations are in seconds; `after` of an attempt counts from the step's start.
fn left_entry<'a>(
    ended: Ended<'a>,
    step: Option<&Step>,
    result: &'a StepResult,
    late_bytes: [u64; 2],
) -> impl Serialize + use<'a> {
    let (exit_status, signal) = result.outcome.ending(step);
    let limit = if let Outcome::TimedOut(limit) = result.outcome { Some(limit.as_secs_f64()) } else { None };
    let late = result.started.map(|started| started.late).filter(|late| !late.is_zero());
    let attempt = |Attempt { after, duration, outcome, .. }: &Attempt| {
        object! { after: after.as_secs_f64(), duration: duration.as_secs_f64(), outcome: outcome.in_detail() }
    };
    let attempts = result.attempts.iter().map(attempt).collect::<Vec<_>>();
    let [stdout, stderr] = result.outputs().map(|output| Excerpt::new(output, ended.run.limit()));
    let [stdout_late_bytes, stderr_late_bytes] = late_bytes.map(|bytes| (bytes > 0).then_some(bytes));
    let [stdout_left_out, stderr_left_out] = [stdout.left_out(), stderr.left_out()];
    object! {
        outcome: result.outcome.word(),
        exit_status: exit_status,
        signal: signal,
        limit: @optional limit,
        reason: @optional result.why(),
        started_at: result.started.and_then(|started| date(ended, started.at)),
        // The maximum error of the start time on the conductor's clock.
        started_at_error: result.started.map(|started| started.error.as_secs_f64()),
        // How long after the planned common start the order to start arrived.
        started_late: @optional late.map(|late| late.as_secs_f64()),
        duration: result.duration.map(|duration| duration.as_secs_f64()),
        stdout: stdout,
        stdout_bytes: result.stdout.printed(),
        stdout_left_out: stdout_left_out,
        // How many of the last bytes were printed after the end of the step.
        stdout_late_bytes: @optional stdout_late_bytes,
        stderr: stderr,
        stderr_bytes: result.stderr.printed(),
        stderr_left_out: stderr_left_out,
        stderr_late_bytes: @optional stderr_late_bytes,
        leaky: result.leaky,
        // The processes that still held the output.
        holders: @optional (!result.holders.is_empty()).then_some(&result.holders),
        not_stopped: @optional (!result.not_stopped.is_empty()).then_some(&result.not_stopped),
        // The attempts of a step that was repeated until it succeeded.
        attempts: @optional (!attempts.is_empty()).then_some(attempts),
        #[serde(flatten)]
        files: &result.files,
    }
}
