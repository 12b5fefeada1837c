//! The plan as one JSON document, for `--dry-run -f json`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::Number;

use super::{dry_run_text, json_writer};
use crate::model::{Action, Bound, Gate, Mode, Phase, Plan, Step, WorkerPlan};

/// Writes the plan.
pub(super) fn write(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        trials: plan.trials,
        phases: plan.phases.iter().map(|phase| phase.word()).collect(),
        check: plan.settings.check.as_deref(),
        workers: plan.workers.iter().map(|worker| WorkerEntry::new(plan, worker)).collect(),
    };
    json_writer::write(writer, &document)
}

#[derive(Serialize)]
struct Document<'a> {
    trials: u32,
    phases: Vec<&'static str>,
    /// The test's own judgement of each trial, on the conductor.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'a str>,
    workers: Vec<WorkerEntry<'a>>,
}

#[derive(Serialize)]
struct WorkerEntry<'a> {
    name: &'a str,
    player: String,
    phases: Phases<'a>,
}

/// The chosen phases in their order, which a sorted map of words would lose: they are keyed by themselves.
struct Phases<'a>(BTreeMap<Phase, Vec<StepEntry<'a>>>);

impl Serialize for Phases<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(phase, steps)| (phase.word(), steps)))
    }
}

impl<'a> WorkerEntry<'a> {
    fn new(plan: &'a Plan, worker: &'a WorkerPlan) -> Self {
        let steps = |phase: Phase| worker.steps[phase].iter().map(|step| StepEntry::new(plan, phase, step)).collect();
        Self {
            name: worker.name.as_str(),
            player: worker.player.to_string(),
            phases: Phases(plan.phases.iter().map(|&phase| (phase, steps(phase))).collect()),
        }
    }
}

/// A step. What it does not have is left out, but for the four fields that every step has.
#[derive(Serialize)]
struct StepEntry<'a> {
    step: &'a str,
    /// `null` for a step that is no command.
    command: Option<&'a str>,
    spawn: bool,
    /// The limit that will apply, in seconds.
    timeout: Option<Number>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    for_: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_timeout: Option<Number>,
    /// `must` or `mayfail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    parallel: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    barrier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    put: Option<PutEntry<'a>>,
}

#[derive(Serialize)]
struct PutEntry<'a> {
    local: String,
    remote: &'a str,
}

impl<'a> StepEntry<'a> {
    fn new(plan: &Plan, phase: Phase, step: &'a Step) -> Self {
        let bound = match step.bound {
            Some(Bound::For(duration)) => Some(seconds(duration)),
            _ => None,
        };
        let put = match &step.action {
            Action::Put { local, remote } => Some(PutEntry { local: local.to_string_lossy().into_owned(), remote }),
            _ => None,
        };
        Self {
            step: step.label.as_str(),
            command: step.command(),
            spawn: step.mode == Mode::Spawn,
            timeout: dry_run_text::limit(plan, phase, step).map(seconds),
            for_: bound,
            until: step.until.map(|until| seconds(until.limit)),
            attempt_timeout: step.until.and_then(|until| until.attempt).map(seconds),
            gate: match step.gate {
                Gate::Plain => None,
                Gate::Must => Some("must"),
                Gate::MayFail => Some("mayfail"),
            },
            parallel: step.mode == Mode::Parallel,
            barrier: if let Action::Barrier(name) = &step.action { Some(name) } else { None },
            stop: if let Action::Stop(label) = &step.action { Some(label.as_str()) } else { None },
            fetch: if let Action::Fetch(pattern) = &step.action { Some(pattern) } else { None },
            put,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whole seconds as an integer, as they were written; others as a fraction.
fn seconds(duration: Duration) -> Number {
    let fraction = if duration.subsec_nanos() == 0 { None } else { Number::from_f64(duration.as_secs_f64()) };
    fraction.unwrap_or_else(|| duration.as_secs().into())
}
