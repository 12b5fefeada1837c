//! The plan: everything that a run will do, resolved and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::named::named;
use super::time::in_seconds;
use super::{
    Definitions, FileLine, Metric, Phase, Point, PointId, Rounds, RunId, Schedule, Slot, Step, StepReference, WorkerId,
    WorkerPlan,
};

/// Everything that a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The run's own name.
    pub run: RunId,
    /// The test file.
    pub file: PathBuf,
    /// How often the phases are gone through: of a series, the trials of all points, with warm-up. More may be added to
    /// reach a precision.
    pub trials: u32,
    /// The chosen phases, in order, each once.
    pub phases: Vec<Phase>,
    /// What applies to the run as a whole.
    pub settings: RunSettings,
    /// The variables that are the same for all workers.
    pub variables: Definitions,
    /// The metrics, in the order of the test file.
    pub metrics: Vec<Metric>,
    /// The chosen workers, in the order of the test file, with what they do at the first point.
    pub workers: Vec<WorkerPlan>,
    /// The points of a series; one without a name in an ordinary test.
    pub points: Vec<Point>,
    /// Which trial is of which point.
    pub schedule: Schedule,
}

impl Plan {
    /// Each worker with its id.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, &WorkerPlan)> {
        self.workers.iter().enumerate().map(|(index, worker)| (WorkerId(index), worker))
    }

    /// For each worker the first one with the same steps: those of the same file that have the same labels in all phases, as
    /// the workers of a range do. What the steps do can differ, for example by `%(index)s`.
    pub fn first_alike(&self) -> Vec<WorkerId> {
        let labels = |worker: &WorkerPlan| {
            Phase::ALL
                .map(|phase| worker.steps[phase].iter().map(|step| step.label.as_str().to_owned()).collect::<Vec<_>>())
        };
        let mut first = BTreeMap::new();
        self.workers().map(|(id, worker)| *first.entry((&worker.file, labels(worker))).or_insert(id)).collect()
    }

    /// The worker with this id.
    pub fn worker(&self, id: WorkerId) -> &WorkerPlan {
        &self.workers[id.0]
    }

    /// The name of a worker, or `?` if the plan does not have it.
    pub fn name(&self, id: WorkerId) -> &str {
        self.workers.get(id.0).map_or("?", |worker| worker.name.as_str())
    }

    /// Whether the test is a series: it has parameters, or says more of its trials than how many there are.
    pub fn is_series(&self) -> bool {
        self.schedule.rounds.is_some()
    }

    /// Whether trials may be added until the medians are precise enough.
    pub fn wants_precision(&self) -> bool {
        self.is_series() && self.metrics.iter().any(|metric| metric.precision.is_some())
    }

    /// How many trials there are at most.
    pub fn most_trials(&self) -> u32 {
        let scheduled = u32::try_from(self.schedule.points().len()).unwrap_or(u32::MAX);
        if self.wants_precision() { self.trials.max(scheduled) } else { self.trials }
    }

    /// How many trials are planned, without those that were added to reach a precision.
    pub fn planned_trials(&self) -> usize {
        let of_series = |rounds: Rounds| (rounds.warm_up + rounds.counted) as usize * self.points.len();
        self.schedule.rounds.map_or(self.trials as usize, of_series)
    }

    /// The same plan with so many trials, because some were added.
    pub fn extend(plan: &mut Arc<Self>, trials: u32) {
        if plan.trials != trials {
            Arc::make_mut(plan).trials = trials;
        }
    }

    /// A point, if the plan has it.
    pub fn point(&self, id: PointId) -> Option<&Point> {
        self.points.get(id.0)
    }

    /// The name of a point; empty in an ordinary test.
    pub fn point_name(&self, id: PointId) -> &str {
        self.point(id).map_or("", |point| &point.name)
    }

    /// The point of a trial, behind its number, for people; nothing in an ordinary test.
    pub fn about_trial(&self, trial: u32) -> String {
        let Slot { point, warm_up, .. } = self.schedule.slot(trial);
        let warm_up = warm_up.then_some("warm-up");
        let words: Vec<&str> =
            Some(self.point_name(point)).filter(|name| !name.is_empty()).into_iter().chain(warm_up).collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }

    /// Whether a trial only warms the system up: its metrics are not judged, and do not count.
    pub fn is_warm_up(&self, trial: u32) -> bool {
        self.schedule.slot(trial).warm_up
    }

    /// The word `trial` with its number, for people, and whether it is one of the warm-up.
    pub fn trial_text(&self, trial: u32) -> String {
        format!("trial {trial}{}", if self.is_warm_up(trial) { " (warm-up)" } else { "" })
    }

    /// The point of a trial.
    pub fn point_of(&self, trial: u32) -> PointId {
        self.schedule.slot(trial).point
    }

    /// What a worker does at a point.
    pub fn worker_at(&self, point: PointId, id: WorkerId) -> &WorkerPlan {
        let own = self.point(point).and_then(|point| point.workers.get(id.0));
        own.unwrap_or_else(|| self.worker(id))
    }

    /// What a worker does in a trial.
    pub fn worker_in(&self, trial: u32, id: WorkerId) -> &WorkerPlan {
        self.worker_at(self.point_of(trial), id)
    }

    /// The command that judges a trial, if there is one.
    pub fn check_in(&self, trial: u32) -> Option<&str> {
        let own = self.point(self.point_of(trial)).and_then(|point| point.check.as_deref());
        own.or(self.settings.check.as_deref())
    }

    /// The step of the trial's point, if the plan has it.
    pub fn step(&self, step: StepReference) -> Option<&Step> {
        self.workers.get(step.worker.0)?;
        self.worker_in(step.trial, step.worker).steps[step.phase].get(step.position)
    }

    /// The label of a step, or `?` if the plan does not have it.
    pub fn label(&self, step: StepReference) -> &str {
        self.step(step).map_or("?", |step| step.label.as_str())
    }

    /// Whether this phase was chosen.
    pub fn has(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }
}

/// The longest lease: so long a conductor that is gone may hold a player.
pub const LONGEST_LEASE: Duration = Duration::from_hours(24);

/// What applies to a run as a whole (DESIGN 3, *Test file*). Reports have what is not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// How long a step may take; `None` lifts the limit.
    #[serde(with = "in_seconds")]
    pub step_timeout: Option<Duration>,
    /// How long a worker's whole Reset may take.
    #[serde(with = "in_seconds")]
    pub reset_timeout: Duration,
    /// How long to go on trying to reach a player.
    #[serde(with = "in_seconds")]
    pub connect_timeout: Duration,
    /// How long a player goes on without its conductor.
    #[serde(with = "in_seconds")]
    pub lease: Duration,
    /// What a failed step means for the rest of the run.
    pub on_failure: OnFailure,
    /// What is still run after an interrupt.
    // Runs that were kept before it was told have none.
    #[serde(default)]
    pub on_interrupt: OnInterrupt,
    /// How far apart the workers may start.
    #[serde(with = "in_seconds")]
    pub max_start_skew: Option<Duration>,
    /// How many bytes of each stream the reports keep, and the largest frame of the seed's wire.
    pub max_message_size: u64,
    /// The folder for results.
    #[serde(skip)]
    pub results: Option<PathBuf>,
    /// The command that judges each trial, on the conductor.
    #[serde(skip)]
    pub check: Option<String>,
    /// Where that stands in the configuration, where it is known.
    #[serde(skip)]
    pub check_origin: Option<FileLine>,
    /// The commands that show the versions of the programs on each worker's machine.
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

/// What a failed step means for the rest of the run. The comments are the help of the command line.
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

/// What is still run of a trial after an interrupt.
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

// How large a plan may be: `validate` and `conduct` report a larger one, and a player does not accept it.

/// A path on the player's machine, or a pattern of paths, in bytes: as long as Linux takes one.
pub const LONGEST_PATH: usize = 4 << 10;

/// The steps of one phase of a worker.
pub const MOST_STEPS: usize = 16 << 10;

/// The environment variables of a worker; each worker of a run is one of them.
pub const MOST_VARIABLES: usize = 16 << 10;

/// The plan of one worker, in bytes of its message.
pub const LARGEST_PLAN: usize = 2 << 20;
