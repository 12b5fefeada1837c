//! The plan: everything that a run will do, resolved and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::named::named;
use super::time::in_seconds;
use super::{
    Definitions, FileLine, Metric, MetricName, Phase, Point, PointId, RunId, Schedule, Slot, Step, StepReference,
    WorkerId, WorkerPlan,
};

/// Everything that a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the run.
    pub run: RunId,
    /// The test file.
    pub file: PathBuf,
    /// The number of trials. For a series: the trials of all points, including warm-up. More may be added to reach a
    /// precision.
    pub trials: u32,
    /// The chosen phases, in order, each once.
    pub phases: Vec<Phase>,
    /// The settings of the run as a whole.
    pub settings: RunSettings,
    /// The variables that are the same for all workers.
    pub variables: Definitions,
    /// The metrics, in the order of the test file.
    pub metrics: Vec<Metric>,
    /// The chosen workers, in the order of the test file, with their plans at the first point.
    pub workers: Vec<WorkerPlan>,
    /// The points of a series. An ordinary test has one, without a name.
    pub points: Vec<Point>,
    /// The point and the round of each trial.
    pub schedule: Schedule,
}

impl Plan {
    /// Iterates over the workers and their ids.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, &WorkerPlan)> {
        self.workers.iter().enumerate().map(|(index, worker)| (WorkerId(index), worker))
    }

    /// Returns, for each worker, the first one with the same steps: from the same file and with the same labels in all
    /// phases, such as the workers of a range. The steps themselves can differ, for example by `%(index)s`.
    pub fn first_alike(&self) -> Vec<WorkerId> {
        let labels = |worker: &WorkerPlan| {
            Phase::ALL
                .map(|phase| worker.steps[phase].iter().map(|step| step.label.as_str().to_owned()).collect::<Vec<_>>())
        };
        let mut first = BTreeMap::new();
        self.workers().map(|(id, worker)| *first.entry((&worker.file, labels(worker))).or_insert(id)).collect()
    }

    /// Returns the worker with this id.
    pub fn worker(&self, id: WorkerId) -> &WorkerPlan {
        &self.workers[id.0]
    }

    /// Returns the name of a worker, or `?` if the plan does not contain it.
    pub fn name(&self, id: WorkerId) -> &str {
        self.workers.get(id.0).map_or("?", |worker| worker.name.as_str())
    }

    /// Returns whether the test is a series: it has parameters, or more settings for its trials than their number.
    pub fn is_series(&self) -> bool {
        self.schedule.rounds.is_some()
    }

    /// Returns whether trials may be added until the medians are precise enough.
    pub fn wants_precision(&self) -> bool {
        self.is_series() && self.metrics.iter().any(|metric| metric.precision.is_some())
    }

    /// Returns the maximum number of trials.
    pub fn most_trials(&self) -> u32 {
        let scheduled = u32::try_from(self.schedule.points().len()).unwrap_or(u32::MAX);
        if self.wants_precision() { self.trials.max(scheduled) } else { self.trials }
    }

    /// Returns the number of planned trials, without those that were added to reach a precision.
    pub fn planned_trials(&self) -> u32 {
        self.schedule.planned(self.points.len()).unwrap_or(self.trials)
    }

    /// Sets the number of trials, after some were added.
    pub fn extend(plan: &mut Arc<Self>, trials: u32) {
        if plan.trials != trials {
            Arc::make_mut(plan).trials = trials;
        }
    }

    /// Returns the metric with this name, if the test file has a section for it.
    pub fn metric(&self, name: &MetricName) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == *name)
    }

    /// Returns a point, if the plan contains it.
    pub fn point(&self, id: PointId) -> Option<&Point> {
        self.points.get(id.0)
    }

    /// Returns the name of a point. It is empty in an ordinary test.
    pub fn point_name(&self, id: PointId) -> &str {
        self.point(id).map_or("", |point| &point.name)
    }

    /// Returns the point of a trial as text that follows its number. It is empty in an ordinary test.
    pub fn about_trial(&self, trial: u32) -> String {
        let Slot { point, warm_up, .. } = self.schedule.slot(trial);
        let warm_up = warm_up.then_some("warm-up");
        let words: Vec<&str> =
            Some(self.point_name(point)).filter(|name| !name.is_empty()).into_iter().chain(warm_up).collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }

    /// Returns whether a trial is a warm-up: its metrics are not judged and do not count.
    pub fn is_warm_up(&self, trial: u32) -> bool {
        self.schedule.slot(trial).warm_up
    }

    /// Returns the word `trial` with its number, marked if it is a warm-up.
    pub fn trial_text(&self, trial: u32) -> String {
        format!("trial {trial}{}", if self.is_warm_up(trial) { " (warm-up)" } else { "" })
    }

    /// Returns the point of a trial.
    pub fn point_of(&self, trial: u32) -> PointId {
        self.schedule.slot(trial).point
    }

    /// Returns the plan of a worker at a point.
    pub fn worker_at(&self, point: PointId, id: WorkerId) -> &WorkerPlan {
        let own = self.point(point).and_then(|point| point.workers.get(id.0));
        own.unwrap_or_else(|| self.worker(id))
    }

    /// Returns the plan of a worker in a trial.
    pub fn worker_in(&self, trial: u32, id: WorkerId) -> &WorkerPlan {
        self.worker_at(self.point_of(trial), id)
    }

    /// Returns the command that judges a trial, if there is one.
    pub fn check_in(&self, trial: u32) -> Option<&str> {
        let own = self.point(self.point_of(trial)).and_then(|point| point.check.as_deref());
        own.or(self.settings.check.as_deref())
    }

    /// Returns the step at the trial's point, if the plan contains it.
    pub fn step(&self, step: StepReference) -> Option<&Step> {
        self.workers.get(step.worker.0)?;
        self.worker_in(step.trial, step.worker).steps[step.phase].get(step.position)
    }

    /// Returns the label of a step, or `?` if the plan does not contain it.
    pub fn label(&self, step: StepReference) -> &str {
        self.step(step).map_or("?", |step| step.label.as_str())
    }

    /// Returns whether this phase was chosen.
    pub fn has(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }
}

/// The longest lease, and so the longest time for which a conductor that is gone can reserve a player.
pub const LONGEST_LEASE: Duration = Duration::from_hours(24);

/// The settings of a run as a whole. Reports contain the fields that are not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The time limit of a step; `None` for no limit.
    #[serde(with = "in_seconds")]
    pub step_timeout: Option<Duration>,
    /// The time limit of a worker's whole Reset.
    #[serde(with = "in_seconds")]
    pub reset_timeout: Duration,
    /// How long to try to reach a player.
    #[serde(with = "in_seconds")]
    pub connect_timeout: Duration,
    /// How long a player continues without its conductor.
    #[serde(with = "in_seconds")]
    pub lease: Duration,
    /// How a failed step affects the rest of the run.
    pub on_failure: OnFailure,
    /// What still runs after an interrupt.
    // Records of earlier versions do not contain it.
    #[serde(default)]
    pub on_interrupt: OnInterrupt,
    /// How far apart the workers may start.
    #[serde(with = "in_seconds")]
    pub max_start_skew: Option<Duration>,
    /// The number of bytes of each stream that reports keep. Also the largest frame of the Python program's protocol.
    pub max_message_size: u64,
    /// The folder for results.
    #[serde(skip)]
    pub results: Option<PathBuf>,
    /// The command that judges each trial. It runs on the conductor.
    #[serde(skip)]
    pub check: Option<String>,
    /// The line of the configuration with this command, if known.
    #[serde(skip)]
    pub check_origin: Option<FileLine>,
    /// The commands that print the versions of the programs on each worker's machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Whether the scratch folders are kept.
    #[serde(skip)]
    pub keep_scratch: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            step_timeout: Some(Duration::from_hours(1)),
            reset_timeout: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(10),
            lease: Duration::from_mins(1),
            on_failure: OnFailure::Continue,
            on_interrupt: OnInterrupt::Reset,
            max_start_skew: None,
            max_message_size: 10 << 20,
            results: None,
            check: None,
            check_origin: None,
            versions: Vec::new(),
            keep_scratch: false,
        }
    }
}

/// How a failed step affects the rest of the run. The comments are the help of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Everything is run
    #[default]
    Continue,
    /// Startup and Run end early, Collect and Reset run, and no further trial is started
    Stop,
}

named!(OnFailure: Continue "continue", Stop "stop");

/// What still runs of a trial after an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnInterrupt {
    /// Reset.
    #[default]
    Reset,
    /// Collect, and then Reset.
    Collect,
}

named!(OnInterrupt: Reset "reset", Collect "collect");

// The limits of a plan: `validate` and `conduct` report a larger one, and a player rejects it.

/// The longest path on the player's machine, or pattern of paths, in bytes: the limit of Linux.
pub const LONGEST_PATH: usize = 4 << 10;

/// The maximum number of steps in one phase of a worker.
pub const MOST_STEPS: usize = 16 << 10;

/// The maximum number of environment variables of a worker. Each worker of a run needs one.
pub const MOST_VARIABLES: usize = 16 << 10;

/// The maximum size of the plan of one worker, in bytes of its message.
pub const LARGEST_PLAN: usize = 2 << 20;
