//! The lines of the `jsonl` report.
//!
//! Every line is an object with `at_ns` (nanoseconds on the conductor's clock), `time` (the same in UTC) and `event`.
//! All durations are nanoseconds. A long text is cut, and says how many bytes it lost: the configuration and the other
//! reports have it whole. `happened` makes them from events.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::bytes::Bytes;
use super::left::Left;
use crate::model::{
    BarrierResult, ClockAnchor, ConductorTime, Output, Phase, Plan, Start, StartSkew, Step, StepReference, WorkerId,
};

/// So many bytes of a text stand in a line.
pub(super) const TEXT: usize = 4000;
/// So many of a label.
pub(super) const LABEL: usize = 500;
/// So many workers are named in a line.
const NAMES: usize = 200;

/// A line.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    at_ns: u64,
    time: Option<String>,
    #[serde(flatten)]
    what: Happened<'a>,
}

impl<'a> Line<'a> {
    /// A line for what happened at this moment.
    pub(super) fn new(at: ConductorTime, anchor: Option<&ClockAnchor>, what: Happened<'a>) -> Self {
        Self { at_ns: at.nanoseconds(), time: anchor.and_then(|anchor| utc(anchor, at)), what }
    }
}

/// A moment in UTC, to the microsecond.
pub(super) fn utc(anchor: &ClockAnchor, at: ConductorTime) -> Option<String> {
    Timestamp::try_from(anchor.date(at)).ok().map(|date| format!("{date:.6}"))
}

/// What happened; each has the name of its event.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Happened<'a> {
    RunStarted(RunStarted<'a>),
    WorkerPlanned {
        worker: &'a str,
        file: Cut<'a>,
        player: String,
        shell: Cut<'a>,
        directory: Option<Cut<'a>>,
    },
    StepPlanned {
        worker: &'a str,
        phase: &'static str,
        position: usize,
        label: Cut<'a>,
        action: Cut<'a>,
    },
    WorkerConnected {
        worker: &'a str,
        kind: &'static str,
        version: Option<Cut<'a>>,
        host: Option<Cut<'a>>,
    },
    TrialStarted {
        trial: u32,
    },
    PhaseStarted {
        trial: u32,
        phase: &'static str,
    },
    PhaseReceived {
        trial: u32,
        phase: &'static str,
        worker: &'a str,
    },
    PhaseGo {
        trial: u32,
        phase: &'static str,
        lead_ns: u64,
    },
    StepStarted {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        started: Started,
    },
    Output {
        #[serde(flatten)]
        step: StepName<'a>,
        stream: &'static str,
        offset: u64,
        #[serde(flatten)]
        bytes: Bytes<'a>,
    },
    StepEnded {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        left: Left<'a>,
    },
    SpawnedEnded {
        #[serde(flatten)]
        step: StepName<'a>,
        #[serde(flatten)]
        left: Left<'a>,
    },
    WorkerPhaseEnded {
        trial: u32,
        phase: &'static str,
        worker: &'a str,
    },
    PhaseEnded {
        trial: u32,
        phase: &'static str,
        start_skew: Option<Skew<'a>>,
    },
    BarrierReleased {
        trial: u32,
        phase: &'static str,
        name: Cut<'a>,
        lead_ns: u64,
    },
    BarrierEnded(Barrier<'a>),
    WorkerBroken {
        worker: &'a str,
        reason: Cut<'a>,
    },
    WorkerResumed {
        worker: &'a str,
        silent_ns: u64,
    },
    WorkerLost {
        worker: &'a str,
        reason: Cut<'a>,
    },
    Warning {
        worker: Option<&'a str>,
        text: Cut<'a>,
    },
    CheckEnded {
        trial: u32,
        #[serde(flatten)]
        left: Left<'a>,
        /// How they begin.
        stdout: Cut<'a>,
        stderr: Cut<'a>,
    },
    TrialEnded {
        trial: u32,
        verdict: &'static str,
    },
    Reason {
        kind: &'static str,
        text: Cut<'a>,
    },
    RunEnded {
        verdict: &'static str,
        exit_status: u8,
    },
    TooLong {
        bytes: usize,
    },
}

/// How an output begins; its length stands beside it.
pub(super) fn beginning(output: &Output) -> Cut<'static> {
    let mut bytes = vec![0; usize::try_from(output.length()).unwrap_or(TEXT).min(TEXT)];
    // What can't be read back is told by the format whose matter the whole outputs are.
    let read = output.read_exact_at(0, &mut bytes).is_ok();
    Cut(String::from_utf8_lossy(if read { &bytes } else { &[] }).into_owned().into(), TEXT)
}

/// What is said of the whole run.
#[derive(Serialize)]
pub(super) struct RunStarted<'a> {
    pub(super) version: &'static str,
    pub(super) run: &'a str,
    pub(super) config: Cut<'a>,
    pub(super) utc: Option<String>,
    pub(super) trials: u32,
    pub(super) phases: Vec<&'static str>,
    pub(super) workers: usize,
    pub(super) step_timeout_ns: Option<u64>,
    pub(super) reset_timeout_ns: u64,
    pub(super) connect_timeout_ns: u64,
    pub(super) lease_ns: u64,
    pub(super) max_start_skew_ns: Option<u64>,
}

/// Which step.
#[derive(Serialize)]
pub(super) struct StepName<'a> {
    trial: u32,
    phase: &'static str,
    worker: &'a str,
    position: usize,
    label: Cut<'a>,
}

/// When a process started.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "each says its unit")]
pub(super) struct Started {
    started_ns: u64,
    error_ns: u64,
    /// As the player's own clock had it.
    player_clock_ns: u64,
    late_ns: u64,
}

impl Started {
    pub(super) fn new(started: &Start) -> Self {
        Self {
            started_ns: started.at.nanoseconds(),
            error_ns: nanoseconds(started.error),
            player_clock_ns: started.player.nanoseconds(),
            late_ns: nanoseconds(started.late),
        }
    }
}

/// What became of a barrier.
#[derive(Serialize)]
pub(super) struct Barrier<'a> {
    trial: u32,
    phase: &'static str,
    name: Cut<'a>,
    passed: bool,
    reason: Option<Cut<'a>>,
    waited: Vec<Waited<'a>>,
    waited_workers: usize,
    release_skew: Option<Skew<'a>>,
}

#[derive(Serialize)]
struct Waited<'a> {
    worker: &'a str,
    waited_ns: u64,
}

impl<'a> Barrier<'a> {
    pub(super) fn new(trial: u32, phase: Phase, barrier: &'a BarrierResult, names: Names<'a>) -> Self {
        let waited = barrier.waited.iter().take(NAMES);
        Self {
            trial,
            phase: phase.word(),
            name: Cut(barrier.name.as_str().into(), LABEL),
            passed: barrier.passed.is_ok(),
            reason: barrier.passed.as_ref().err().map(|reason| text(reason)),
            waited: waited
                .map(|(worker, time)| Waited { worker: names.worker(*worker), waited_ns: nanoseconds(*time) })
                .collect(),
            waited_workers: barrier.waited.len(),
            release_skew: barrier.passed.as_ref().ok().and_then(Option::as_ref).map(|skew| Skew::new(skew, names)),
        }
    }
}

/// How far apart a phase's workers started.
#[derive(Serialize)]
pub(super) struct Skew<'a> {
    spread_ns: u64,
    bound_ns: u64,
    workers: usize,
    unknown: Vec<&'a str>,
    unknown_workers: usize,
}

impl<'a> Skew<'a> {
    pub(super) fn new(skew: &StartSkew, names: Names<'a>) -> Self {
        Self {
            spread_ns: nanoseconds(skew.spread),
            bound_ns: nanoseconds(skew.bound),
            workers: skew.workers,
            unknown: skew.unknown.iter().take(NAMES).map(|worker| names.worker(*worker)).collect(),
            unknown_workers: skew.unknown.len(),
        }
    }
}

/// The names that the plan has for what events refer to.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) Option<&'a Plan>);

impl<'a> Names<'a> {
    /// A worker's name.
    pub(super) fn worker(self, worker: WorkerId) -> &'a str {
        self.0.and_then(|plan| plan.workers.get(worker.0)).map_or("?", |worker| worker.name.as_str())
    }

    /// A step as it was planned.
    pub(super) fn planned(self, step: StepReference) -> Option<&'a Step> {
        self.0?.workers.get(step.worker.0)?.steps[step.phase].get(step.position)
    }

    /// A step's place and label.
    pub(super) fn step(self, step: StepReference) -> StepName<'a> {
        let StepReference { trial, phase, worker, position } = step;
        let label = self.planned(step).map_or("?", |step| step.label.as_str());
        StepName { trial, phase: phase.word(), worker: self.worker(worker), position, label: Cut(label.into(), LABEL) }
    }
}

/// The beginning of a text, and how many bytes it lost.
pub(super) struct Cut<'a>(pub(super) Cow<'a, str>, pub(super) usize);

impl Serialize for Cut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(text, limit) = self;
        if text.len() <= *limit {
            return serializer.serialize_str(text);
        }
        let end = text.floor_char_boundary(*limit);
        serializer.collect_str(&format_args!("{}[… {} bytes left out …]", &text[..end], text.len() - end))
    }
}

/// A text with the limit of most.
pub(super) fn text(text: &str) -> Cut<'_> {
    Cut(text.into(), TEXT)
}

/// A path.
pub(super) fn path(path: &Path) -> Cut<'_> {
    Cut(path.to_string_lossy(), TEXT)
}

/// A duration.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
