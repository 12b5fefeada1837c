//! The summary of a metric: a line for each point, or for each run.

use serde::Serialize;

use crate::statistics::{Comparison, Design, Drift, Judgement, Location};

use super::table::Metric;

/// A metric, or a metric of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The metric.
    pub metric: Metric,
    /// The worker that the values belong to; `None` if each combines the values of several workers.
    pub worker: Option<String>,
    /// How its lines are compared, if they are.
    pub design: Option<Design>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The summary of a metric at a point of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The position of the run.
    pub run: usize,
    /// The position of the point in the run.
    pub point: usize,
    /// The median and its interval, if there is a value.
    pub location: Option<Location>,
    /// The number of values.
    pub counted: usize,
    /// The number of values outside the expected range.
    pub outside: usize,
    /// The number of values that are the metric's `default`, because nothing could be measured.
    pub defaults: usize,
    /// The number of trials at the point.
    pub trials: usize,
    /// The number of values that are not paired because their trials were run again later.
    pub run_again: usize,
    /// The comparison with its baseline.
    pub against: Against,
    /// The values that are far from the others.
    pub unusual: Vec<Unusual>,
    /// Whether the values rise or fall during the run.
    pub drift: Option<Drift>,
}

/// The comparison of a line with its baseline.
#[derive(Debug, Clone, PartialEq)]
pub enum Against {
    /// Nothing is compared.
    Nothing,
    /// The line is a baseline.
    Baseline,
    /// No baseline has the same other parameters.
    NoBaseline,
    /// One of the two has no value, or no round has values of both.
    NoValues,
    /// The line was compared.
    Compared(Compared),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The change.
    pub comparison: Comparison,
    /// The smallest change that matters, on the scale of the comparison.
    pub threshold: f64,
    /// The verdict; `None` if the test file has no section for the metric.
    pub judgement: Option<Judgement>,
}

/// A value that is far from the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unusual {
    /// The number of its trial.
    pub trial: u32,
    /// The value.
    pub value: f64,
    /// What happened in the trial, as messages.
    pub notes: Vec<String>,
}

impl Line {
    /// The comparison, if there is one.
    pub const fn compared(&self) -> Option<&Compared> {
        match &self.against {
            Against::Compared(compared) => Some(compared),
            _ => None,
        }
    }
}
