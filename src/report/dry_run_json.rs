//! The plan as one JSON document, for `--dry-run -f json`, the folder of results, and in the `json` report.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::Number;

use super::{dry_run_text, json_writer};
use crate::model::{Action, Bound, Gate, Mode, Phase, Plan, RunSettings, Step, WorkerPlan};

/// Writes the plan.
pub(super) fn write(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &document(plan))
}

/// The document: what the configuration comes to, with all variables replaced.
pub(super) fn document(plan: &Plan) -> impl Serialize + '_ {
    Document {
        config: plan.file.to_string_lossy().into_owned(),
        trials: plan.trials,
        phases: plan.phases.iter().map(|phase| phase.word()).collect(),
        check: plan.settings.check.as_deref(),
        settings: Settings::new(&plan.settings),
        workers: plan.workers.iter().map(|worker| WorkerEntry::new(plan, worker)).collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    config: String,
    trials: u32,
    phases: Vec<&'static str>,
    /// The test's own judgement of each trial, on the conductor.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'a str>,
    settings: Settings,
    workers: Vec<WorkerEntry<'a>>,
}

/// What applies to the whole run. Durations are in seconds, `null` for none.
#[derive(Serialize)]
struct Settings {
    step_timeout: Option<Number>,
    reset_timeout: Number,
    connect_timeout: Number,
    lease: Number,
    on_failure: &'static str,
    max_start_skew: Option<Number>,
    max_message_size: u64,
}

impl Settings {
    fn new(settings: &RunSettings) -> Self {
        Self {
            step_timeout: settings.step_timeout.map(seconds),
            reset_timeout: seconds(settings.reset_timeout),
            connect_timeout: seconds(settings.connect_timeout),
            lease: seconds(settings.lease),
            on_failure: settings.on_failure.word(),
            max_start_skew: settings.max_start_skew.map(seconds),
            max_message_size: settings.max_message_size,
        }
    }
}

#[derive(Serialize)]
struct WorkerEntry<'a> {
    name: &'a str,
    file: String,
    player: String,
    shell: &'a str,
    directory: Option<&'a str>,
    environment: Environment<'a>,
    phases: Phases<'a>,
}

/// The chosen phases in their order, which a sorted map of words would lose: they are keyed by themselves.
struct Phases<'a>(BTreeMap<Phase, Vec<StepEntry<'a>>>);

impl Serialize for Phases<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(phase, steps)| (phase.word(), steps)))
    }
}

/// Variables in their order; of two with one name the later is told, as it is the one that steps get.
struct Environment<'a>(&'a [(String, String)]);

impl Serialize for Environment<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_last = |at: usize, name: &str| !self.0[at + 1..].iter().any(|(later, _)| later == name);
        let kept = self.0.iter().enumerate().filter(|(at, (name, _))| is_last(*at, name));
        serializer.collect_map(kept.map(|(_, (name, value))| (name, value)))
    }
}

impl<'a> WorkerEntry<'a> {
    fn new(plan: &'a Plan, worker: &'a WorkerPlan) -> Self {
        let steps = |phase: Phase| worker.steps[phase].iter().map(|step| StepEntry::new(plan, phase, step)).collect();
        Self {
            name: worker.name.as_str(),
            file: worker.file.to_string_lossy().into_owned(),
            player: worker.player.to_string(),
            shell: &worker.shell,
            directory: worker.directory.as_deref(),
            environment: Environment(&worker.environment),
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
