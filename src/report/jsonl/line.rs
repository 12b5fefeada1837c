//! The events of a run as they are recorded: the lines of the `jsonl` report, to be written and to be read back.
//!
//! Every line is an object with `at_ns` (nanoseconds on the conductor's clock), `time` (the same in UTC) and `event`.
//! All durations are nanoseconds. `written` makes lines from events, `read` makes events from lines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::left::{Left, Text, is_zero};
use crate::model::{ClockAnchor, ConductorTime, Nanoseconds, Phase, Start, Stream, Verdict};
use crate::report::player_entry::PlayerEntry;

/// A line.
#[derive(Serialize, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) at_ns: ConductorTime,
    pub(super) time: Option<String>,
    #[serde(flatten)]
    pub(super) event: RecordedEvent<'a>,
}

impl<'a> Line<'a> {
    /// A line for what happened at this moment.
    pub(super) fn new(at: ConductorTime, anchor: Option<&ClockAnchor>, event: RecordedEvent<'a>) -> Self {
        Self { at_ns: at, time: anchor.and_then(|anchor| utc(anchor, at)), event }
    }
}

/// A moment in UTC, to the microsecond.
pub(super) fn utc(anchor: &ClockAnchor, at: ConductorTime) -> Option<String> {
    Timestamp::try_from(anchor.date(at)).ok().map(|date| format!("{date:.6}"))
}

/// What happened; each has the name of its event.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum RecordedEvent<'a> {
    RunStarted(RunStarted<'a>),
    WorkerPlanned {
        worker: Text<'a>,
        file: Text<'a>,
        player: Text<'a>,
        shell: Text<'a>,
        directory: Option<Text<'a>>,
    },
    StepPlanned {
        worker: Text<'a>,
        phase: Phase,
        position: usize,
        label: Text<'a>,
        action: Text<'a>,
    },
    WorkerConnected {
        worker: Text<'a>,
        #[serde(flatten)]
        player: PlayerEntry<'a>,
    },
    TrialStarted {
        trial: u32,
    },
    PhaseStarted {
        trial: u32,
        phase: Phase,
    },
    PhaseReceived {
        trial: u32,
        phase: Phase,
        worker: Text<'a>,
    },
    PhaseGo {
        trial: u32,
        phase: Phase,
        lead_ns: Nanoseconds,
    },
    StepStarted {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        started: Start,
    },
    Output {
        #[serde(flatten)]
        step: StepName<'a>,
        stream: Stream,
        offset: u64,
        #[serde(flatten)]
        bytes: Bytes<'a>,
        /// How many bytes behind these have come of a character whose end has not; it has a line when it is whole.
        #[serde(default, skip_serializing_if = "is_zero")]
        unfinished: u64,
    },
    StepEnded {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        left: Box<Left<'a>>,
    },
    SpawnedEnded {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        left: Box<Left<'a>>,
    },
    WorkerPhaseEnded {
        trial: u32,
        phase: Phase,
        worker: Text<'a>,
    },
    PhaseEnded {
        trial: u32,
        phase: Phase,
        start_skew: Option<Skew<'a>>,
    },
    BarrierReleased {
        trial: u32,
        phase: Phase,
        name: Text<'a>,
        lead_ns: Nanoseconds,
    },
    BarrierEnded(Barrier<'a>),
    WorkerBroken {
        worker: Text<'a>,
        reason: Text<'a>,
    },
    WorkerResumed {
        worker: Text<'a>,
        silent_ns: Nanoseconds,
    },
    WorkerLost {
        worker: Text<'a>,
        reason: Text<'a>,
    },
    Warning {
        worker: Option<Text<'a>>,
        text: Text<'a>,
    },
    CheckEnded {
        trial: u32,
        #[serde(flatten)]
        left: Box<Left<'a>>,
        /// How they begin.
        stdout: Text<'a>,
        stderr: Text<'a>,
    },
    TrialEnded {
        trial: u32,
        verdict: Verdict,
    },
    Reason {
        kind: Text<'a>,
        text: Text<'a>,
    },
    RunEnded {
        verdict: Verdict,
        exit_status: u8,
    },
}

/// What is said of the whole run.
#[derive(Serialize, Deserialize)]
pub(super) struct RunStarted<'a> {
    pub(super) version: Text<'a>,
    pub(super) run: Text<'a>,
    pub(super) config: Text<'a>,
    pub(super) utc: Option<String>,
    pub(super) trials: u32,
    pub(super) phases: Vec<Phase>,
    pub(super) workers: usize,
    pub(super) step_timeout_ns: Option<Nanoseconds>,
    pub(super) reset_timeout_ns: Nanoseconds,
    pub(super) connect_timeout_ns: Nanoseconds,
    pub(super) lease_ns: Nanoseconds,
    pub(super) max_start_skew_ns: Option<Nanoseconds>,
}

/// Which step.
#[derive(Serialize, Deserialize)]
pub(super) struct StepName<'a> {
    pub(super) trial: u32,
    pub(super) phase: Phase,
    pub(super) worker: Text<'a>,
    pub(super) position: usize,
    pub(super) label: Text<'a>,
}

/// What became of a barrier.
#[derive(Serialize, Deserialize)]
pub(super) struct Barrier<'a> {
    pub(super) trial: u32,
    pub(super) phase: Phase,
    pub(super) name: Text<'a>,
    pub(super) passed: bool,
    pub(super) reason: Option<Text<'a>>,
    pub(super) waited: Vec<Waited<'a>>,
    pub(super) waited_workers: usize,
    pub(super) release_skew: Option<Skew<'a>>,
}

/// How long a worker waited at a barrier.
#[derive(Serialize, Deserialize)]
pub(super) struct Waited<'a> {
    pub(super) worker: Text<'a>,
    pub(super) waited_ns: Nanoseconds,
}

/// How far apart a phase's workers started.
#[derive(Serialize, Deserialize)]
pub(super) struct Skew<'a> {
    pub(super) spread_ns: Nanoseconds,
    pub(super) bound_ns: Nanoseconds,
    pub(super) workers: usize,
    pub(super) unknown: Vec<Text<'a>>,
    pub(super) unknown_workers: usize,
}
