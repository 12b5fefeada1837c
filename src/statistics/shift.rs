//! The result of a rank procedure: how far values are shifted.

use super::interval::Interval;
use super::probability::Probability;

/// How far values are shifted from 0, or from those of another sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// The interval of 95 %; nothing if there are too few values.
    pub interval: Option<Interval>,
    /// The two-sided p-value of no shift at all.
    pub p: Probability,
    /// How interval and p-value were computed.
    pub method: Method,
}

/// How an interval and a p-value were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// From the exact distribution.
    Exact,
    /// Some values are equal: the p-value is from the exact distribution given which are equal; the interval covers
    /// with at least its coverage.
    ExactWithTies,
    /// By the normal approximation, with a correction for equal values in the p-value. There are more values than
    /// [`Method::MOST_EXACT`].
    Normal,
}

impl Method {
    /// The largest number of values in a sample for which distributions are computed exactly.
    pub const MOST_EXACT: usize = 50;
}
