//! The trials of the `json` report, down to the results of steps.
//!
//! Each list and map is an iterator that makes its entries while it is written, so that a document of any length costs
//! one entry of memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Ended, Excerpt, List, Map, Message, PhaseOfTrial, Recorded, SeedResult, Trial, WorkerOfPhase, words};
use crate::model::{
    Attempt, BarrierResult, ConductorTime, FetchedFiles, Outcome, PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase,
    Process, StartSkew, Step, StepResult, Verdict, WorkerId,
};

/// A date as Python's `isoformat` writes it, always with microseconds.
pub(super) fn date(ended: Ended<'_>, reading: ConductorTime) -> Option<String> {
    let (_, anchor) = ended.run.plan.as_ref()?;
    let local = Timestamp::try_from(anchor.date(reading)).ok()?.to_zoned_datetime(ended.time_zone.clone());
    Some(local.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string())
}

/// A worker's name.
pub(super) fn name(ended: Ended<'_>, worker: WorkerId) -> Option<&str> {
    Some(ended.run.worker(worker)?.name.as_str())
}

/// A trial in the seed's shape.
pub(super) fn trial_entry<'a>(ended: Ended<'a>, trial: &'a Trial) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct Entry<T: Serialize> {
        trial_number: u32,
        start_time: Option<String>,
        end_time: Option<String>,
        verdict: Option<&'static str>,
        phases: T,
        /// What the test's own judgement left.
        #[serde(skip_serializing_if = "Option::is_none")]
        check: Option<LeftEntry>,
    }
    let phases = move || {
        let entry = move |phase: &'a PhaseOfTrial| (phase.phase.word().to_owned(), phase_entry(ended, phase));
        trial.phases.iter().map(entry)
    };
    Entry {
        trial_number: trial.number,
        start_time: date(ended, trial.start),
        end_time: trial.end.and_then(|end| date(ended, end)),
        verdict: trial.verdict.map(Verdict::word),
        phases: Map(phases),
        check: trial.check.as_ref().map(|check| LeftEntry::new(ended, None, check)),
    }
}

fn phase_entry<'a>(ended: Ended<'a>, phase: &'a PhaseOfTrial) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct Entry<'a, T: Serialize> {
        start_time: Option<String>,
        end_time: Option<String>,
        start_skew: Option<SkewEntry<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        barriers: Vec<BarrierEntry<'a>>,
        workers: T,
    }
    let workers = move || {
        phase.workers.iter().map(move |(&id, worker)| {
            let name = name(ended, id).map_or_else(|| format!("worker_{}", id.0), str::to_owned);
            (name, worker_entry(ended, phase.phase, id, worker))
        })
    };
    Entry {
        start_time: date(ended, phase.start),
        end_time: phase.end.and_then(|end| date(ended, end)),
        start_skew: phase.skew.as_ref().map(|skew| SkewEntry::new(ended, skew)),
        barriers: phase.barriers.iter().map(|barrier| BarrierEntry::new(ended, barrier)).collect(),
        workers: Map(workers),
    }
}

/// What became of a barrier: how many seconds each worker waited, and how far apart they went on.
#[derive(Serialize)]
struct BarrierEntry<'a> {
    name: &'a str,
    passed: bool,
    reason: Option<&'a str>,
    waited: BTreeMap<&'a str, f64>,
    release_skew: Option<SkewEntry<'a>>,
}

impl<'a> BarrierEntry<'a> {
    fn new(ended: Ended<'a>, barrier: &'a BarrierResult) -> Self {
        let waited = barrier.waited.iter().filter_map(|(id, time)| Some((name(ended, *id)?, time.as_secs_f64())));
        let skew = barrier.passed.as_ref().ok().and_then(Option::as_ref);
        Self {
            name: &barrier.name,
            passed: barrier.passed.is_ok(),
            reason: barrier.passed.as_ref().err().map(String::as_str),
            waited: waited.collect(),
            release_skew: skew.map(|skew| SkewEntry::new(ended, skew)),
        }
    }
}

/// How far apart the workers of a phase started, in seconds, and how far off that may be.
#[derive(Serialize)]
struct SkewEntry<'a> {
    seconds: f64,
    bound: f64,
    workers: usize,
    /// Workers whose start is not known.
    unknown: Vec<&'a str>,
}

impl<'a> SkewEntry<'a> {
    fn new(ended: Ended<'a>, skew: &StartSkew) -> Self {
        Self {
            seconds: skew.spread.as_secs_f64(),
            bound: skew.bound.as_secs_f64(),
            workers: skew.workers,
            unknown: skew.unknown.iter().filter_map(|worker| name(ended, *worker)).collect(),
        }
    }
}

fn worker_entry<'a>(ended: Ended<'a>, phase: Phase, id: WorkerId, worker: &'a WorkerOfPhase) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct Entry<T: Serialize> {
        start_time: Option<String>,
        end_time: Option<String>,
        results: T,
    }
    let end_time = worker.end.and_then(|end| date(ended, end));
    let last = worker.end.map(|_| PhasesComplete {
        timestamp: end_time.clone(),
        code: PHASES_COMPLETE,
        message: PHASES_COMPLETE_MESSAGE,
    });
    let results = move || {
        let results = worker.results.iter().map(move |(&position, recorded)| {
            let step = ended.run.worker(id).and_then(|worker| worker.steps[phase].get(position));
            ResultOrEnd::Result(Box::new(ResultEntry::new(ended, step, position, recorded)))
        });
        results.chain(last.clone().map(ResultOrEnd::End))
    };
    Entry { start_time: date(ended, worker.start), end_time, results: List(results) }
}

/// An item of a worker's `results`.
#[derive(Serialize)]
#[serde(untagged)]
enum ResultOrEnd {
    Result(Box<ResultEntry>),
    End(PhasesComplete),
}

/// The last item of a worker that reached the end of its phase, as the Python conductor writes it.
#[derive(Clone, Serialize)]
struct PhasesComplete {
    timestamp: Option<String>,
    code: i64,
    message: &'static str,
}

/// A result: the seed's three fields, then ours.
#[derive(Serialize)]
struct ResultEntry {
    timestamp: Option<String>,
    code: i64,
    message: Message,
    step: Option<String>,
    position: usize,
    command: Option<String>,
    #[serde(flatten)]
    left: LeftEntry,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawned_end: Option<EndEntry>,
}

impl ResultEntry {
    fn new(ended: Ended<'_>, step: Option<&Step>, position: usize, recorded: &Recorded) -> Self {
        let seed = SeedResult::new(step, &recorded.result, ended.run.limit());
        let end = |(at, result): &(ConductorTime, StepResult)| EndEntry {
            timestamp: date(ended, *at),
            left: LeftEntry::new(ended, step, result),
        };
        Self {
            timestamp: date(ended, recorded.at),
            code: seed.code,
            message: seed.message,
            step: step.map(|step| step.label.as_str().to_owned()),
            position,
            command: step.map(words::action),
            left: LeftEntry::new(ended, step, &recorded.result),
            spawned_end: recorded.end.as_deref().map(end),
        }
    }
}

/// How a spawned step ended at last.
#[derive(Serialize)]
struct EndEntry {
    timestamp: Option<String>,
    #[serde(flatten)]
    left: LeftEntry,
}

/// What a step left. Durations are in seconds.
#[derive(Serialize)]
struct LeftEntry {
    outcome: &'static str,
    exit_status: Option<i32>,
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    started_at: Option<String>,
    /// How far off that may be on the conductor's clock.
    started_at_error: Option<f64>,
    /// By how much the order to start came too late for the instant that all were to start at.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_late: Option<f64>,
    duration: Option<f64>,
    stdout: Excerpt,
    stdout_bytes: u64,
    stdout_left_out: u64,
    stderr: Excerpt,
    stderr_bytes: u64,
    stderr_left_out: u64,
    leaky: bool,
    /// Who still held its output.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    holders: Box<[Process]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_stopped: Box<[Process]>,
    /// The attempts of a step that was repeated until it succeeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptEntry>,
    #[serde(flatten)]
    files: Option<Box<FetchedFiles>>,
}

/// One attempt. Times are in seconds; `after` counts from the step's start.
#[derive(Serialize)]
struct AttemptEntry {
    after: f64,
    duration: f64,
    outcome: String,
}

impl AttemptEntry {
    fn new(attempt: &Attempt) -> Self {
        let (after, duration) = (attempt.after.as_secs_f64(), attempt.duration.as_secs_f64());
        Self { after, duration, outcome: attempt.outcome.in_detail() }
    }
}

impl LeftEntry {
    fn new(ended: Ended<'_>, step: Option<&Step>, result: &StepResult) -> Self {
        let (exit_status, signal) = result.outcome.ending(step);
        let limit = match &result.outcome {
            Outcome::TimedOut(limit) => Some(limit.as_secs_f64()),
            _ => None,
        };
        let stdout = Excerpt::new(&result.stdout, ended.run.limit());
        let stderr = Excerpt::new(&result.stderr, ended.run.limit());
        Self {
            outcome: result.outcome.word(),
            exit_status,
            signal,
            limit,
            reason: result.why(),
            started_at: result.started.and_then(|started| date(ended, started.at)),
            started_at_error: result.started.map(|started| started.error.as_secs_f64()),
            started_late: result.started.map(|started| started.late.as_secs_f64()).filter(|late| *late > 0.0),
            duration: result.duration.map(|duration| duration.as_secs_f64()),
            stdout_bytes: result.stdout.printed(),
            stdout_left_out: stdout.left_out(),
            stdout,
            stderr_bytes: result.stderr.printed(),
            stderr_left_out: stderr.left_out(),
            stderr,
            leaky: result.leaky,
            holders: result.holders.clone(),
            not_stopped: result.not_stopped.clone(),
            attempts: result.attempts.iter().map(AttemptEntry::new).collect(),
            files: result.files.clone(),
        }
    }
}
