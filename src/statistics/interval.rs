//! Confidence intervals.

use super::probability::Probability;

/// A confidence interval with two ends. It need not be symmetric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// How often such an interval contains the true value, if the data are continuous; with ties, at least as often.
    pub coverage: Probability,
}

impl Interval {
    /// Returns whether a value is in it, or at one of its ends.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Returns whether all of it is between these two values, inclusive.
    pub fn is_within(&self, low: f64, high: f64) -> bool {
        low <= self.low && self.high <= high
    }

    /// Returns half of its length.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}
