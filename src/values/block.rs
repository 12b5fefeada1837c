//! What is said of a metric: a line for each point, or for each run.

use crate::statistics::{Comparison, Design, Drift, Judgement, Location};

use super::table::Metric;

/// A metric, or a metric of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The metric.
    pub metric: Metric,
    /// The worker whose values they are; none where they are made of the values of several.
    pub worker: Option<String>,
    /// How its lines are compared, if any are.
    pub design: Option<Design>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The values of a metric at a point of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The position of the run.
    pub run: usize,
    /// The position of the point in the run.
    pub point: usize,
    /// The median and its interval, if there is a value.
    pub location: Option<Location>,
    /// How many values there are.
    pub counted: usize,
    /// How many of these are not among those that are expected.
    pub outside: usize,
    /// How many of these are the metric's `default`, because nothing could be measured.
    pub defaults: usize,
    /// How many trials there are at the point.
    pub trials: usize,
    /// How many of its values are in no pair because their trials were run again later.
    pub run_again: usize,
    /// How it differs from its baseline.
    pub against: Against,
    /// The values that are far from the others.
    pub unusual: Vec<Unusual>,
    /// Whether the values rise or fall during the run.
    pub drift: Option<Drift>,
}

/// How a line differs from its baseline.
#[derive(Debug, Clone, PartialEq)]
pub enum Against {
    /// Nothing is compared.
    Nothing,
    /// It is a baseline.
    Baseline,
    /// There is no baseline with the same other parameters.
    NoBaseline,
    /// One of them has no value, or no round has a value of both.
    NoValues,
    /// It was compared.
    Compared(Compared),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The change.
    pub comparison: Comparison,
    /// From which change on it matters, on the scale of the comparison.
    pub threshold: f64,
    /// What is said of it; nothing where the test file has no section for the metric.
    pub judgement: Option<Judgement>,
}

/// A value that is far from the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusual {
    /// The number of its trial.
    pub trial: u32,
    /// The value.
    pub value: f64,
    /// What happened in the trial, for people.
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
