//! The plan as one JSON document, for `--dry-run -f json`, the results folder and the `json` report. It can also be
//! read from the results folder.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Expected, dry_run_text, json_writer};
use crate::model::{
    Action, Bound, Definitions, FileLine, Gate, Metric, Mode, Order, Phase, PhaseMap, Plan, Point, PointId, Rounds,
    RunId, RunSettings, Schedule, Step, Until, WorkerPlan, environment, in_seconds, text,
};

/// Writes the plan as one JSON document: `{"trials", "phases", "workers": [{"name", "player", "phases": {…}}]}`.
///
/// The `command` of a step is exactly what the shell receives, and `timeout` is in seconds (`null` for none). A series
/// has its expected duration, if it is known.
///
/// # Errors
///
/// Returns the errors of `writer`.
pub fn write(plan: &Plan, expected: Option<&Expected>, writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &Document { expected_duration: expected.cloned(), ..document(plan) })
}

/// Writes the plan for the results folder, with a digest of what the run does.
///
/// # Errors
///
/// Returns the errors of `writer`.
pub fn write_with_digest(plan: &Plan, digest: &str, writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &Document { digest: Some(digest.into()), ..document(plan) })
}

/// Creates the document: the resolved configuration, with all variables replaced.
pub(super) fn document(plan: &Plan) -> Document<'_> {
    let worker = |worker| WorkerEntry { worker: Cow::Borrowed(worker), phases: phases(plan, worker) };
    Document {
        config: plan.file.to_string_lossy(),
        digest: None,
        trials: plan.trials,
        phases: plan.phases.clone(),
        check: plan.settings.check.as_deref().map(Cow::from),
        check_origin: plan.settings.check_origin.clone(),
        settings: Cow::Borrowed(&plan.settings),
        variables: Cow::Borrowed(&plan.variables),
        metrics: Cow::Borrowed(&plan.metrics),
        workers: plan.workers.iter().map(worker).collect(),
        series: plan.is_series().then(|| SeriesEntry::new(plan)),
        expected_duration: None,
    }
}

/// Reads the plan of this run from a document. It contains everything that reports need of a plan, but not what only a
/// conductor needs: where results are kept, and how Python players are reached.
///
/// # Errors
///
/// Returns an error if the document is invalid.
pub(super) fn read(document: &str, run: RunId) -> io::Result<Plan> {
    let document: Document<'_> = serde_json::from_str(document)?;
    let (points, schedule) = document
        .series
        .map_or_else(|| Ok((vec![Point::default()], Schedule::default())), |series| series.read(&document.workers))?;
    let worker =
        |WorkerEntry { worker, phases }: WorkerEntry<'_>| WorkerPlan { steps: planned(phases), ..worker.into_owned() };
    Ok(Plan {
        run,
        file: document.config.into_owned().into(),
        trials: document.trials,
        phases: document.phases,
        variables: document.variables.into_owned(),
        metrics: document.metrics.into_owned(),
        settings: RunSettings {
            check: document.check.map(Cow::into_owned),
            check_origin: document.check_origin,
            ..document.settings.into_owned()
        },
        workers: document.workers.into_iter().map(worker).collect(),
        points,
        schedule,
    })
}

#[derive(Serialize, Deserialize)]
pub(super) struct Document<'a> {
    config: Cow<'a, str>,
    /// A SHA-256 digest of what the run does. It stays the same when a run is resumed, unless its configuration is
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Cow<'a, str>>,
    trials: u32,
    phases: Vec<Phase>,
    /// The command that judges each trial on the conductor.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Cow<'a, str>>,
    /// The file and line of the check, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    check_origin: Option<FileLine>,
    /// Durations are in seconds, `null` for none.
    settings: Cow<'a, RunSettings>,
    /// The variables of the test. Each worker has its own as well.
    #[serde(default, skip_serializing_if = "Definitions::is_empty")]
    variables: Cow<'a, Definitions>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    metrics: Cow<'a, [Metric]>,
    workers: Vec<WorkerEntry<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series: Option<SeriesEntry<'a>>,
    /// Only present in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_duration: Option<Expected>,
}

#[derive(Serialize, Deserialize)]
struct WorkerEntry<'a> {
    #[serde(flatten)]
    worker: Cow<'a, WorkerPlan>,
    phases: Phases<'a>,
}

/// The steps of each phase.
type Phases<'a> = BTreeMap<Phase, Vec<StepEntry<'a>>>;

fn planned(mut phases: Phases<'_>) -> PhaseMap<Vec<Step>> {
    PhaseMap::from_fn(|phase| phases.remove(&phase).unwrap_or_default().into_iter().map(StepEntry::step).collect())
}

fn phases<'a>(plan: &Plan, worker: &'a WorkerPlan) -> Phases<'a> {
    let steps = |phase: Phase| worker.steps[phase].iter().map(|step| StepEntry::new(plan, phase, step)).collect();
    plan.phases.iter().map(|&phase| (phase, steps(phase))).collect()
}

/// A series: its points, and the order of its trials.
#[derive(Serialize, Deserialize)]
struct SeriesEntry<'a> {
    order: Order,
    seed: u32,
    rounds: Rounds,
    points: Vec<PointEntry<'a>>,
    /// The index in `points` for each trial that may be run, starting with the first.
    schedule: Vec<PointId>,
    /// The rounds of the trials, if a resumed run has reordered trials of a point; otherwise those of a point are in
    /// order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounds_of_trials: Option<Vec<u32>>,
}

/// A point of a series.
#[derive(Serialize, Deserialize)]
struct PointEntry<'a> {
    #[serde(flatten)]
    point: Cow<'a, Point>,
    /// The steps of each worker, in the order of the workers. Empty at the first point, where the workers run their own
    /// steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    workers: Vec<AtPoint<'a>>,
}

/// The steps of a worker at a point.
#[derive(Serialize, Deserialize)]
struct AtPoint<'a> {
    #[serde(with = "environment")]
    environment: Vec<(String, String)>,
    phases: Phases<'a>,
}

impl<'a> SeriesEntry<'a> {
    fn new(plan: &'a Plan) -> Self {
        let Schedule { order, seed, rounds, .. } = &plan.schedule;
        let worker =
            |worker: &'a WorkerPlan| AtPoint { environment: worker.environment.clone(), phases: phases(plan, worker) };
        let point = |point: &'a Point| PointEntry {
            point: Cow::Borrowed(point),
            workers: point.workers.iter().map(worker).collect(),
        };
        Self {
            order: *order,
            seed: *seed,
            rounds: rounds.unwrap_or(Rounds { warm_up: 0, counted: plan.trials, most: 0 }),
            points: plan.points.iter().map(point).collect(),
            schedule: plan.schedule.points().collect(),
            rounds_of_trials: plan.schedule.own_rounds(),
        }
    }

    /// Returns the points and the order of the trials. `workers` have the steps of the first point.
    fn read(self, workers: &[WorkerEntry<'_>]) -> io::Result<(Vec<Point>, Schedule)> {
        let baselines = self.points.iter().filter_map(|entry| entry.point.baseline);
        if self.schedule.iter().copied().chain(baselines).any(|id| id.0 >= self.points.len()) {
            return Err(io::Error::other("unknown point"));
        }
        let at_point = |(AtPoint { environment, phases }, same): (AtPoint<'_>, &WorkerEntry<'_>)| WorkerPlan {
            environment,
            steps: planned(phases),
            ..same.worker.clone().into_owned()
        };
        let point = |PointEntry { point, workers: own }: PointEntry<'_>| Point {
            workers: own.into_iter().zip(workers).map(at_point).collect(),
            ..point.into_owned()
        };
        let schedule = Schedule::recorded(self.order, self.seed, self.rounds, &self.schedule);
        let schedule = schedule.with_rounds(&self.rounds_of_trials.unwrap_or_default());
        Ok((self.points.into_iter().map(point).collect(), schedule))
    }
}

/// A step. Absent properties are left out, except the four fields that every step has. Durations are in seconds.
#[derive(Serialize, Deserialize)]
struct StepEntry<'a> {
    step: Cow<'a, str>,
    /// `null` for a step that does not run a command.
    command: Option<Cow<'a, str>>,
    spawn: bool,
    /// The limit that applies.
    #[serde(with = "in_seconds")]
    timeout: Option<Duration>,
    #[serde(rename = "for", default, with = "in_seconds", skip_serializing_if = "Option::is_none")]
    length: Option<Duration>,
    #[serde(default, with = "in_seconds", skip_serializing_if = "Option::is_none")]
    until: Option<Duration>,
    #[serde(default, with = "in_seconds", skip_serializing_if = "Option::is_none")]
    attempt_timeout: Option<Duration>,
    /// `must` or `mayfail`.
    #[serde(default, skip_serializing_if = "is_default")]
    gate: Gate,
    #[serde(default, skip_serializing_if = "is_default")]
    parallel: bool,
    /// The file and line of the step, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    origin: Option<FileLine>,
    /// The action of a step that does not run a command.
    #[serde(flatten)]
    action: Option<Cow<'a, Action>>,
}

impl<'a> StepEntry<'a> {
    fn new(plan: &Plan, phase: Phase, step: &'a Step) -> Self {
        Self {
            step: step.label.as_str().into(),
            command: step.command().map(Cow::from),
            spawn: step.mode == Mode::Spawn,
            timeout: dry_run_text::limit(plan, phase, step),
            length: if let Some(Bound::For(length)) = step.bound { Some(length) } else { None },
            until: step.until.map(|until| until.limit),
            attempt_timeout: step.until.and_then(|until| until.attempt),
            gate: step.gate,
            parallel: step.mode == Mode::Parallel,
            origin: step.origin.clone(),
            action: step.command().is_none().then_some(Cow::Borrowed(&step.action)),
        }
    }

    fn step(self) -> Step {
        let command = || Action::Command(self.command.unwrap_or_default().into_owned());
        Step {
            label: self.step.into_owned(),
            gate: self.gate,
            mode: match (self.spawn, self.parallel) {
                (true, _) => Mode::Spawn,
                (_, true) => Mode::Parallel,
                _ => Mode::Wait,
            },
            // A limit from the settings is written as the step's own, because it has the same effect.
            bound: self.length.map(Bound::For).or(self.timeout.map(Bound::Timeout)),
            until: self.until.map(|limit| Until { limit, attempt: self.attempt_timeout }),
            action: self.action.map_or_else(command, Cow::into_owned),
            origin: self.origin,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
