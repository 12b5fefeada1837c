//! The location of the values of a point.

use super::distribution::Distribution;
use super::interval::Interval;
use super::sample::Sample;

/// The median of a sample, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// The median of the sample.
    pub median: f64,
    /// The 95 % interval of the population median; `None` with fewer than [`Location::FEWEST`] values.
    pub interval: Option<Interval>,
}

impl Location {
    /// The minimum number of values for an interval: with fewer, even the range from the smallest to the largest value
    /// covers too rarely.
    pub const FEWEST: usize = 6;

    /// Computes the median, and the interval from the k-th smallest to the k-th largest value, where k is the largest
    /// with 2 · P(Bin(n, ½) ≤ k − 1) ≤ 5 %. Its coverage is 1 − 2 · P(Bin(n, ½) ≤ k − 1) for any continuous
    /// distribution, and at least that for others.
    ///
    /// Hollander, Wolfe & Chicken, section 3.6; Hoefler & Belli, on intervals of data that are not normal.
    pub fn of(sample: &Sample) -> Self {
        let sorted = sample.sorted();
        let interval = Distribution::binomial(sorted.len()).critical().map(|critical| Interval {
            low: sorted[critical.rank - 1],
            high: sorted[sorted.len() - critical.rank],
            coverage: critical.coverage,
        });
        Self { median: sample.median(), interval }
    }
}
