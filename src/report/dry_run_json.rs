//! The plan as one JSON document, for `--dry-run -f json`, the results folder, and in the `json` report. From the folder
//! of results it is read back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use super::{dry_run_text, json_writer};
use crate::model::{
    Action, Bound, Gate, Mode, OnFailure, Phase, PhaseMap, Plan, RunId, RunSettings, Step, StepLabel, Until,
    WorkerName, WorkerPlan,
};

/// Writes the plan as one JSON document: `{"trials", "phases", "workers": [{"name", "player", "phases": {…}}]}`.
///
/// A step's `command` is exactly what the shell will be given, and `timeout` is in seconds (`null` for none).
///
/// # Errors
///
/// Says why `writer` did not take it.
pub fn write(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &document(plan))
}

/// The document: what the configuration comes to, with all variables replaced.
pub(super) fn document(plan: &Plan) -> impl Serialize + '_ {
    Document {
        config: plan.file.to_string_lossy(),
        trials: plan.trials,
        phases: plan.phases.clone(),
        check: plan.settings.check.as_deref().map(Cow::from),
        settings: Settings::new(&plan.settings),
        workers: plan.workers.iter().map(|worker| WorkerEntry::new(plan, worker)).collect(),
    }
}

/// The plan of this run that the document tells of. It has all that a report says of a plan, and not what only a conductor
/// needs: where results are kept, and how Python players are reached.
///
/// # Errors
///
/// Says what in the document cannot be read.
pub(super) fn read(document: &str, run: &str) -> io::Result<Plan> {
    let document: Document<'_> = serde_json::from_str(document)?;
    Ok(Plan {
        run: RunId::new(run).map_err(io::Error::other)?,
        file: document.config.into_owned().into(),
        trials: document.trials,
        phases: document.phases,
        settings: document.settings.settings(document.check.map(Cow::into_owned)),
        workers: document.workers.into_iter().map(WorkerEntry::plan).collect::<Result<_, _>>()?,
    })
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    config: Cow<'a, str>,
    trials: u32,
    phases: Vec<Phase>,
    /// The test's own judgement of each trial, on the conductor.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Cow<'a, str>>,
    settings: Settings,
    workers: Vec<WorkerEntry<'a>>,
}

/// What applies to the whole run. Durations are in seconds, `null` for none.
#[derive(Serialize, Deserialize)]
struct Settings {
    step_timeout: Option<Seconds>,
    reset_timeout: Seconds,
    connect_timeout: Seconds,
    lease: Seconds,
    on_failure: OnFailure,
    max_start_skew: Option<Seconds>,
    max_message_size: u64,
}

impl Settings {
    fn new(settings: &RunSettings) -> Self {
        Self {
            step_timeout: settings.step_timeout.map(Seconds),
            reset_timeout: Seconds(settings.reset_timeout),
            connect_timeout: Seconds(settings.connect_timeout),
            lease: Seconds(settings.lease),
            on_failure: settings.on_failure,
            max_start_skew: settings.max_start_skew.map(Seconds),
            max_message_size: settings.max_message_size,
        }
    }

    fn settings(self, check: Option<String>) -> RunSettings {
        RunSettings {
            step_timeout: self.step_timeout.map(|limit| limit.0),
            reset_timeout: self.reset_timeout.0,
            connect_timeout: self.connect_timeout.0,
            lease: self.lease.0,
            on_failure: self.on_failure,
            max_start_skew: self.max_start_skew.map(|limit| limit.0),
            max_message_size: self.max_message_size,
            results: None,
            check,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WorkerEntry<'a> {
    name: Cow<'a, str>,
    file: Cow<'a, str>,
    player: String,
    shell: Cow<'a, str>,
    directory: Option<Cow<'a, str>>,
    environment: Environment<'a>,
    phases: BTreeMap<Phase, Vec<StepEntry<'a>>>,
}

/// Variables in their order; of two with one name the later is told, as it is the one that steps get.
struct Environment<'a>(Cow<'a, [(String, String)]>);

impl Serialize for Environment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_last = |at: usize, name: &str| !self.0[at + 1..].iter().any(|(later, _)| later == name);
        let kept = self.0.iter().enumerate().filter(|(at, (name, _))| is_last(*at, name));
        serializer.collect_map(kept.map(|(_, (name, value))| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Environment<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, String)>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of variables")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }
        deserializer.deserialize_map(InOrder).map(|variables| Self(variables.into()))
    }
}

impl<'a> WorkerEntry<'a> {
    fn new(plan: &'a Plan, worker: &'a WorkerPlan) -> Self {
        let steps = |phase: Phase| worker.steps[phase].iter().map(|step| StepEntry::new(plan, phase, step)).collect();
        Self {
            name: worker.name.as_str().into(),
            file: worker.file.to_string_lossy(),
            player: worker.player.to_string(),
            shell: (&worker.shell).into(),
            directory: worker.directory.as_deref().map(Cow::from),
            environment: Environment((&worker.environment).into()),
            phases: plan.phases.iter().map(|&phase| (phase, steps(phase))).collect(),
        }
    }

    fn plan(mut self) -> io::Result<WorkerPlan> {
        let steps = |phase| self.phases.remove(&phase).unwrap_or_default().into_iter().map(StepEntry::step).collect();
        let steps = PhaseMap::from_fn(steps);
        Ok(WorkerPlan {
            name: WorkerName::new(&self.name).map_err(io::Error::other)?,
            file: self.file.into_owned().into(),
            player: self.player.parse().map_err(|()| io::Error::other(format!("invalid address `{}`", self.player)))?,
            player_host: String::new(),
            conductor: None,
            results_port: 0,
            shell: self.shell.into_owned(),
            directory: self.directory.map(Cow::into_owned),
            environment: self.environment.0.into_owned(),
            steps,
        })
    }
}

/// A step. What it does not have is left out, but for the four fields that every step has.
#[derive(Serialize, Deserialize)]
struct StepEntry<'a> {
    step: Cow<'a, str>,
    /// `null` for a step that is no command.
    command: Option<Cow<'a, str>>,
    spawn: bool,
    /// The limit that will apply, in seconds.
    timeout: Option<Seconds>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    for_: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_timeout: Option<Seconds>,
    /// `must` or `mayfail`.
    #[serde(default, skip_serializing_if = "is_default")]
    gate: Gate,
    #[serde(default, skip_serializing_if = "is_default")]
    parallel: bool,
    /// What it does that is no command.
    #[serde(flatten)]
    action: Option<Cow<'a, Action>>,
}

impl<'a> StepEntry<'a> {
    fn new(plan: &Plan, phase: Phase, step: &'a Step) -> Self {
        Self {
            step: step.label.as_str().into(),
            command: step.command().map(Cow::from),
            spawn: step.mode == Mode::Spawn,
            timeout: dry_run_text::limit(plan, phase, step).map(Seconds),
            for_: if let Some(Bound::For(length)) = step.bound { Some(Seconds(length)) } else { None },
            until: step.until.map(|until| Seconds(until.limit)),
            attempt_timeout: step.until.and_then(|until| until.attempt).map(Seconds),
            gate: step.gate,
            parallel: step.mode == Mode::Parallel,
            action: step.command().is_none().then_some(Cow::Borrowed(&step.action)),
        }
    }

    fn step(self) -> Step {
        let command = || Action::Command(self.command.unwrap_or_default().into_owned());
        let action = self.action.map_or_else(command, Cow::into_owned);
        // A limit that came from the settings is told as the step's own: it is the same limit.
        let bound = self.for_.map(|length| Bound::For(length.0));
        Step {
            label: StepLabel::new(self.step),
            gate: self.gate,
            mode: match (self.spawn, self.parallel) {
                (true, _) => Mode::Spawn,
                (_, true) => Mode::Parallel,
                _ => Mode::Wait,
            },
            bound: bound.or(self.timeout.map(|limit| Bound::Timeout(limit.0))),
            until: self.until.map(|until| Until { limit: until.0, attempt: self.attempt_timeout.map(|limit| limit.0) }),
            action,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A duration in seconds: whole ones as an integer, as they were written; others as a fraction.
#[derive(Clone, Copy)]
struct Seconds(Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.subsec_nanos() {
            0 => serializer.serialize_u64(self.0.as_secs()),
            _ => serializer.serialize_f64(self.0.as_secs_f64()),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        let fraction = || Duration::try_from_secs_f64(number.as_f64()?).ok();
        let duration = number.as_u64().map(Duration::from_secs).or_else(fraction);
        duration.map(Self).ok_or_else(|| D::Error::custom("invalid number of seconds"))
    }
}
