//! The table of values: a row for each metric of each trial, and for each worker if workers have their own values.

use std::time::Duration;

use crate::model::{Better, Margin, Phase, Point, Verdict, WorkerId};
use crate::statistics::{Design, Scale, Thresholds};

/// The values of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The points, without what is done at them. A test without parameters has one, without a name.
    pub points: Vec<Point>,
    /// Whether the values of a round are compared with each other.
    pub design: Design,
    /// The names of the workers.
    pub workers: Vec<String>,
    /// The metrics: those of the test file first.
    pub metrics: Vec<Metric>,
    /// The trials, in the order in which they started.
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

/// A metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
    /// Which values are better, if known.
    pub better: Option<Better>,
    /// The smallest difference that matters.
    pub threshold: Margin,
    /// The origin of the metric.
    pub kind: Kind,
    /// The phase in which it is measured; `None` if it can depend on all phases up to Collect.
    pub phase: Option<Phase>,
}

impl Metric {
    /// Returns whether it is the same metric, possibly in another run: it has the same name and unit.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.unit == other.unit
    }
}

/// The origin of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A section of the test file: its comparisons have a verdict.
    Section,
    /// A metric that `check` printed and the test file has no section for.
    Printed,
    /// The duration of something.
    Time,
}

/// Returns the smallest difference that matters if the test file sets none.
pub(super) fn usual_threshold() -> Margin {
    Margin::Relative(Thresholds::default().on(Scale::Ratio))
}

/// An attempt of a trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trial {
    /// The number of the trial, from 1.
    pub number: u32,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The round, from 1.
    pub round: u32,
    /// The point.
    pub point: usize,
    /// Whether it is a warm-up trial, whose values do not count.
    pub is_warm_up: bool,
    /// Whether a later attempt replaced it.
    pub is_replaced: bool,
    /// The verdict when its metrics were measured, if known.
    pub before: Option<Verdict>,
    /// The verdict, if it ended.
    pub verdict: Option<Verdict>,
    /// How far apart the workers started, by phase.
    pub skews: Vec<(Phase, Duration)>,
    /// What may explain an unusual value, as messages, and the phase in which it happened.
    pub notes: Vec<(Phase, String)>,
}

/// A value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The position of its trial.
    pub trial: usize,
    /// The position of its metric.
    pub metric: usize,
    /// The worker that the value belongs to; `None` if it combines the values of several workers.
    pub worker: Option<WorkerId>,
    /// The result of the measurement.
    pub reading: Reading,
}

/// The result of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A finite number.
    Number {
        /// The number.
        value: f64,
        /// Whether it is outside the expected range.
        is_outside: bool,
        /// Whether it is the metric's `default`, because nothing could be measured.
        is_default: bool,
    },
    /// There is no number, for this reason.
    Missing(Box<str>),
}

impl Reading {
    /// Creates a measured number within the expected range.
    pub const fn plain(value: f64) -> Self {
        Self::Number { value, is_outside: false, is_default: false }
    }

    /// Returns whether it is a number outside the expected range.
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::Number { is_outside: true, .. })
    }

    /// Returns whether it is the metric's `default`.
    pub const fn is_default(&self) -> bool {
        matches!(self, Self::Number { is_default: true, .. })
    }
}

/// Why a value is not in the sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncounted {
    /// Its trial is a warm-up.
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
    /// Returns why its values do not count, if they do not.
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

    /// Returns whether it should be measured: it is neither a warm-up nor replaced by a later attempt.
    pub const fn is_wanted(&self) -> bool {
        !self.is_warm_up && !self.is_replaced
    }
}

impl Values {
    /// Returns the number of a row if it is in the sample.
    ///
    /// # Errors
    ///
    /// Returns why the row is not in the sample.
    pub fn counted(&self, row: &Value) -> Result<f64, Uncounted> {
        if let Some(why) = self.trials[row.trial].uncounted() {
            return Err(why);
        }
        match &row.reading {
            Reading::Number { value, .. } => Ok(*value),
            Reading::Missing(why) => Err(Uncounted::Missing(why.clone())),
        }
    }

    /// Returns the name of a worker.
    pub fn worker(&self, worker: WorkerId) -> &str {
        self.workers.get(worker.0).map_or("?", String::as_str)
    }

    /// Returns the rows of a metric: those of a worker, or those that combine the values of several workers.
    pub fn rows_of(&self, metric: &Metric, worker: Option<&str>) -> Vec<&Value> {
        let is_own: Vec<bool> = self.metrics.iter().map(|own| own.is_same(metric)).collect();
        let is_wanted = |row: &&Value| is_own[row.metric] && row.worker.map(|own| self.worker(own)) == worker;
        self.rows.iter().filter(is_wanted).collect()
    }

    /// Returns what the points are compared with: the parameters in which they differ from their baselines, with the
    /// values of the baselines, such as `qdisc=fq_codel`. Returns `None` if a parameter has several such values.
    pub fn baseline(&self) -> Option<String> {
        let mut parts: Vec<(&str, &str)> = Vec::new();
        for point in &self.points {
            let Some(base) = point.baseline.and_then(|base| self.points.get(base.0)) else { continue };
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

    /// Returns the same table with only one metric, which is shown whatever its origin.
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

    /// Returns how many trials failed, and how many failed or passed. Warm-up and repeated trials are not counted.
    pub fn failures(&self, is_wanted: impl Fn(&Trial) -> bool) -> (usize, usize) {
        let trials = || self.trials.iter().filter(|trial| trial.is_wanted() && is_wanted(trial));
        let count = |verdict| trials().filter(|trial| trial.verdict == Some(verdict)).count();
        let failed = count(Verdict::Failed);
        (failed, failed + count(Verdict::Passed))
    }
}

/// Returns the names of all parameters of these points, in order.
pub fn parameters<'a>(points: impl IntoIterator<Item = &'a Point>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in points.into_iter().flat_map(|point| &point.parameters) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}
