//! A line of the `jsonl` report: an object with `at_ns` (nanoseconds on the conductor's clock), `time` (the same in
//! UTC) and `event`. Most lines are a [`crate::model::Event`] as serialized by serde; some events consist of [`Part`]s.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::bytes::Bytes;
use crate::model::{
    ClockAnchor, ConductorTime, Hint, Nanoseconds, Phase, Plan, PlayerAddress, Reason, RunId, StepReference, Stream,
    Verdict, text,
};

/// A line.
#[derive(Serialize, Deserialize)]
pub(super) struct Line<E> {
    pub(super) at_ns: ConductorTime,
    pub(super) time: Option<String>,
    #[serde(flatten)]
    pub(super) event: E,
}

/// Formats a time in UTC, with microseconds.
pub(super) fn utc(anchor: &ClockAnchor, at: ConductorTime) -> Option<String> {
    Timestamp::try_from(anchor.date(at)).ok().map(|date| format!("{date:.6}"))
}

/// A part of an event that has several lines: the start of the run with its plan, output of a step, the end of the run.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    RunStarted(RunStarted),
    WorkerPlanned {
        worker: String,
        file: String,
        #[serde(with = "text")]
        player: PlayerAddress,
        shell: String,
        directory: Option<String>,
    },
    StepPlanned {
        worker: String,
        phase: Phase,
        position: usize,
        label: String,
        action: String,
    },
    RunResumed {
        version: String,
        trials: u32,
        done: u32,
        generation: u32,
    },
    Output {
        #[serde(flatten)]
        step: StepReference,
        stream: Stream,
        offset: u64,
        #[serde(flatten)]
        bytes: Bytes<'a>,
        /// The number of bytes after these that begin an incomplete character. A later line contains it when it is
        /// complete.
        #[serde(default, skip_serializing_if = "is_zero")]
        unfinished: u64,
    },
    Reason(#[serde(deserialize_with = "reason")] Reason),
    RunEnded {
        verdict: Verdict,
        exit_status: u8,
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "hints")]
        hints: Vec<Hint>,
    },
}

/// Reads a reason. If its kind is unknown, because a later version wrote it, its text is kept.
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Recorded {
        Known(Reason),
        Other { text: String },
    }
    Ok(match Recorded::deserialize(deserializer)? {
        Recorded::Known(reason) => reason,
        Recorded::Other { text } => Reason::Incomplete(text),
    })
}

/// Reads hints. Unknown hints of a later version are left out.
fn hints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hint>, D::Error> {
    Ok(Vec::<String>::deserialize(deserializer)?.iter().filter_map(|word| Hint::named(word)).collect())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The properties of the whole run.
#[derive(Serialize, Deserialize)]
pub(super) struct RunStarted {
    version: String,
    pub(super) run: RunId,
    config: String,
    utc: Option<String>,
    trials: u32,
    phases: Vec<Phase>,
    workers: usize,
    step_timeout_ns: Option<Nanoseconds>,
    reset_timeout_ns: Nanoseconds,
    connect_timeout_ns: Nanoseconds,
    lease_ns: Nanoseconds,
    max_start_skew_ns: Option<Nanoseconds>,
}

impl RunStarted {
    pub(super) fn new(plan: &Plan, anchor: &ClockAnchor) -> Self {
        let settings = &plan.settings;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run: plan.run.clone(),
            config: plan.file.to_string_lossy().into_owned(),
            utc: utc(anchor, anchor.conductor),
            trials: plan.trials,
            phases: plan.phases.clone(),
            workers: plan.workers.len(),
            step_timeout_ns: settings.step_timeout.map(Into::into),
            reset_timeout_ns: settings.reset_timeout.into(),
            connect_timeout_ns: settings.connect_timeout.into(),
            lease_ns: settings.lease.into(),
            max_start_skew_ns: settings.max_start_skew.map(Into::into),
        }
    }
}

impl Part<'_> {
    /// The parts that come first. Together, they are the start of the run.
    pub(super) const PLANNED: [&'static str; 3] = ["run_started", "worker_planned", "step_planned"];

    /// Whether this is the `event` of a part.
    pub(super) fn has(name: &str) -> bool {
        Self::PLANNED.contains(&name) || ["run_resumed", "output", "reason", "run_ended"].contains(&name)
    }
}
