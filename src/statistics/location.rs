//! How large the values of one point are.

use super::distribution::Distribution;
use super::interval::Interval;
use super::sample::Sample;

/// The median of a sample, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// The median of the sample.
    pub median: f64,
    /// The interval of 95 % for the median of what the sample is from; nothing with fewer than
    /// [`Location::FEWEST`] values.
    pub interval: Option<Interval>,
}

impl Location {
    /// The smallest number of values for which there is an interval: smaller samples cover too seldom even from the
    /// smallest to the largest value.
    pub const FEWEST: usize = 6;

    /// The median, and the interval from the k-th smallest to the k-th largest value, where k is the largest with
    /// 2 · P(Bin(n, ½) ≤ k − 1) ≤ 5 %. It covers with 1 − 2 · P(Bin(n, ½) ≤ k − 1), whatever the distribution, if it is
    /// continuous; otherwise at least so often.
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
