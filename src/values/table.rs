//! The table of values: a row for each metric of each trial, and of each worker where workers have values of their own.

use std::time::Duration;

use crate::model::{Better, Margin, Phase, Verdict, WorkerId};
use crate::statistics::{Design, Scale, Thresholds};

/// The values of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The points: one without a name in a test without parameters.
    pub points: Vec<Point>,
    /// Whether the values of a round are compared with each other.
    pub design: Design,
    /// The names of the workers.
    pub workers: Vec<String>,
    /// The metrics: those of the test file first.
    pub metrics: Vec<Metric>,
    /// The trials, in the order in which they began.
    pub trials: Vec<Trial>,
    /// The values, in the order in which they were measured.
    pub rows: Vec<Value>,
}

impl Default for Values {
    fn default() -> Self {
        let (workers, metrics, trials, rows) = Default::default();
        let points = vec![Point::default()];
        Self { points, design: Design::Paired, workers, metrics, trials, rows }
    }
}

/// A combination of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Point {
    /// Its name, such as `qdisc=codel,rate=10mbit`; empty where there are no parameters.
    pub name: String,
    /// The parameters, by name.
    pub parameters: Vec<(String, String)>,
    /// The point with which it is compared: itself where it is a baseline.
    pub baseline: Option<usize>,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
    /// Which values are better, if that was said.
    pub better: Option<Better>,
    /// From which change on a difference matters.
    pub threshold: Margin,
    /// Where it comes from.
    pub kind: Kind,
    /// The phase in which it is measured; none if it can depend on all phases up to Collect.
    pub phase: Option<Phase>,
}

impl Metric {
    /// Whether it is the same metric, perhaps in another run: it has the same name and unit.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.unit == other.unit
    }
}

/// Where a metric comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A section of the test file: its comparisons have a verdict.
    Section,
    /// The check printed it, and the test file has no section for it.
    Printed,
    /// How long something took.
    Time,
}

/// From which change on a difference matters where the test file does not say it.
pub(super) fn usual_threshold() -> Margin {
    Margin::Relative(Thresholds::default().on(Scale::Ratio))
}

/// A trial; where one was run again, each of its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number, from 1.
    pub number: u32,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Its round, from 1.
    pub round: u32,
    /// Its point.
    pub point: usize,
    /// Whether its values do not count because the system is not yet as it will be.
    pub is_warm_up: bool,
    /// Whether another attempt came after it.
    pub is_replaced: bool,
    /// How it had gone when its metrics were measured, if that was known.
    pub before: Option<Verdict>,
    /// How it went, if it ended.
    pub verdict: Option<Verdict>,
    /// How far apart the workers started, by phase.
    pub skews: Vec<(Phase, Duration)>,
    /// What happened that may explain an unusual value, for people, and in which phase.
    pub notes: Vec<(Phase, String)>,
}

/// A value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The position of its trial.
    pub trial: usize,
    /// The position of its metric.
    pub metric: usize,
    /// The worker whose value it is; none where it is made of the values of several.
    pub worker: Option<WorkerId>,
    /// What was measured.
    pub reading: Reading,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A finite number.
    Number {
        /// The number.
        value: f64,
        /// Whether it is not among those that are expected.
        is_outside: bool,
        /// Whether it is the metric's `default`, because nothing could be measured.
        is_default: bool,
    },
    /// Nothing, for this reason.
    Missing(Box<str>),
}

impl Reading {
    /// A number about which there is nothing more to say.
    pub const fn plain(value: f64) -> Self {
        Self::Number { value, is_outside: false, is_default: false }
    }

    /// Whether it is a number that is not among those that are expected.
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::Number { is_outside: true, .. })
    }

    /// Whether it is the metric's `default`.
    pub const fn is_default(&self) -> bool {
        matches!(self, Self::Number { is_default: true, .. })
    }
}

/// Why a value is not in the sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncounted {
    /// Its trial is one of those before the measurement.
    #[error("warm-up")]
    WarmUp,
    /// Its trial was run again.
    #[error("the trial was run again")]
    Replaced,
    /// Its trial did not end.
    #[error("the trial did not end")]
    NotEnded,
    /// Its trial failed before it was measured.
    #[error("the trial had failed before its metrics were read")]
    Failed,
    /// Its trial is incomplete.
    #[error("the trial is incomplete")]
    Incomplete,
    /// It could not be measured, for this reason.
    #[error("{0}")]
    Missing(Box<str>),
}

impl Trial {
    /// One that begins.
    pub fn new(number: u32, attempt: u32, round: u32, point: usize) -> Self {
        let (skews, notes) = (Vec::new(), Vec::new());
        let (is_warm_up, is_replaced) = (false, false);
        Self { number, attempt, round, point, is_warm_up, is_replaced, before: None, verdict: None, skews, notes }
    }

    /// Why its values do not count, if they do not.
    pub fn uncounted(&self) -> Option<Uncounted> {
        if self.is_warm_up {
            return Some(Uncounted::WarmUp);
        }
        if self.is_replaced {
            return Some(Uncounted::Replaced);
        }
        match (self.verdict, self.before.or(self.verdict)) {
            (None, _) => Some(Uncounted::NotEnded),
            (Some(Verdict::Incomplete), _) | (_, Some(Verdict::Incomplete)) => Some(Uncounted::Incomplete),
            (_, Some(Verdict::Failed)) => Some(Uncounted::Failed),
            _ => None,
        }
    }

    /// Whether it is one of those that were to be measured: neither warm-up nor run again.
    pub const fn is_wanted(&self) -> bool {
        !self.is_warm_up && !self.is_replaced
    }
}

impl Values {
    /// The number of a row that is in the sample, or why it is not there.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn counted(&self, row: &Value) -> Result<f64, Uncounted> {
        if let Some(why) = self.trials[row.trial].uncounted() {
            return Err(why);
        }
        match &row.reading {
            Reading::Number { value, .. } => Ok(*value),
            Reading::Missing(why) => Err(Uncounted::Missing(why.clone())),
        }
    }

    /// The name of a worker.
    pub fn worker(&self, worker: WorkerId) -> &str {
        self.workers.get(worker.0).map_or("?", String::as_str)
    }

    /// The rows of a metric: those of a worker, or those that are made of the values of several.
    pub fn rows_of(&self, metric: &Metric, worker: Option<&str>) -> Vec<&Value> {
        let is_own: Vec<bool> = self.metrics.iter().map(|own| own.is_same(metric)).collect();
        let is_wanted = |row: &&Value| is_own[row.metric] && row.worker.map(|own| self.worker(own)) == worker;
        self.rows.iter().filter(is_wanted).collect()
    }

    /// What the points are compared with: the parameters in which they differ from their baselines, with the values of
    /// these, such as `qdisc=fq_codel`. None where one parameter has several such values.
    pub fn baseline(&self) -> Option<String> {
        let mut parts: Vec<(&str, &str)> = Vec::new();
        for point in &self.points {
            let Some(base) = point.baseline.and_then(|base| self.points.get(base)) else { continue };
            for (name, value) in &base.parameters {
                if point.parameter(name) != Some(value) && !parts.contains(&(name, value)) {
                    parts.push((name, value));
                }
            }
        }
        let is_clear = (1..parts.len()).all(|at| parts[..at].iter().all(|(name, _)| *name != parts[at].0));
        let joined = parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
        (is_clear && !parts.is_empty()).then_some(joined)
    }

    /// The same with one metric only, which is shown wherever it comes from.
    #[must_use]
    pub fn only(&self, name: &str) -> Self {
        let is_own = |metric: usize| self.metrics[metric].name == name;
        let rows = self.rows.iter().filter(|row| is_own(row.metric)).cloned().collect();
        let mut metrics = self.metrics.clone();
        for metric in &mut metrics {
            metric.kind = match metric.kind {
                _ if metric.name != name => Kind::Time,
                Kind::Time => Kind::Printed,
                kind => kind,
            };
        }
        Self { metrics, rows, ..self.clone() }
    }

    /// How many of the trials that have a verdict failed, and how many there are of these; not of warm-up, nor of what
    /// was run again.
    pub fn failures(&self, is_wanted: impl Fn(&Trial) -> bool) -> (usize, usize) {
        let trials = || self.trials.iter().filter(|trial| trial.is_wanted() && is_wanted(trial));
        let count = |verdict| trials().filter(|trial| trial.verdict == Some(verdict)).count();
        let failed = count(Verdict::Failed);
        (failed, failed + count(Verdict::Passed))
    }
}

impl Point {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The other parameters.
    pub fn without(&self, name: &str) -> Vec<(&str, &str)> {
        let others = self.parameters.iter().filter(|(own, _)| own != name);
        others.map(|(own, value)| (own.as_str(), value.as_str())).collect()
    }
}

/// The names of all parameters of these points, in their order.
pub fn parameters<'a>(points: impl IntoIterator<Item = &'a Point>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in points.into_iter().flat_map(|point| &point.parameters) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}
