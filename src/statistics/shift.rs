//! The result of a rank procedure: the shift of values.

use super::interval::Interval;
use super::probability::Probability;

/// The shift of values from 0, or from those of another sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// The 95 % interval; `None` if there are too few values.
    pub interval: Option<Interval>,
    /// The two-sided p-value of the hypothesis that there is no shift.
    pub p: Probability,
    /// How the interval and the p-value were computed.
    pub method: Method,
}

/// How an interval and a p-value were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// With the exact distribution.
    Exact,
    /// Some values are equal: the p-value is from the exact distribution given the ties; the interval covers with at
    /// least its stated coverage.
    ExactWithTies,
    /// With the normal approximation, and a correction for ties in the p-value. There are more values than
    /// [`Method::MOST_EXACT`].
    Normal,
}

impl Method {
    /// The largest number of values in a sample for which distributions are computed exactly.
    pub const MOST_EXACT: usize = 50;
}
