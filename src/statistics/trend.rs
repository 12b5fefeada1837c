//! Whether values rise or fall with time.

use serde::Serialize;

use super::distribution::Distribution;
use super::normal;
use super::number::real;
use super::probability::Probability;
use super::ranks::Ranks;
use super::sample::Sample;
use super::shift::Method;

/// The largest p-value at which a trend is a drift.
const DRIFT: f64 = 0.01;

/// The direction in which values drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// They rise.
    Up,
    /// They fall.
    Down,
}

/// The trend of values in the order of the trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The number of values.
    pub trials: usize,
    /// The number of pairs of trials with a larger later value, minus the number with a smaller one.
    pub score: i64,
    /// The two-sided p-value of the hypothesis that there is no trend.
    pub p: Probability,
    /// How the p-value was computed.
    pub method: Method,
}

impl Trend {
    /// The minimum number of values for reporting a drift.
    pub const FEWEST: usize = 10;

    /// Computes the Mann–Kendall test. With up to 50 values it is exact, given the ties; for more, the normal
    /// approximation has a correction for ties and for continuity.
    ///
    /// Mann, *Nonparametric tests against trend*, Econometrica 13, 1945; Kendall, *Rank Correlation Methods*, 4th
    /// edition, 1970, chapters 4 and 5 (the variance with ties in one variable is n(n − 1)(2n + 5) − Σ t(t − 1)(2t +
    /// 5), ÷ 18).
    pub fn of(sample: &Sample) -> Self {
        let values = sample.in_order();
        let groups = Ranks::new(values.iter().map(|value| (*value, false)).collect()).groups;
        let pairs = |count: usize| count * (count - 1) / 2;
        let fallen = inversions(&mut values.to_vec());
        let risen = pairs(values.len()) - groups.iter().map(|count| pairs(*count)).sum::<usize>() - fallen;
        let (p, method) = if values.len() > Method::MOST_EXACT {
            let size = |count: usize| real(count) * (real(count) - 1.0) * (2.0 * real(count) + 5.0);
            let variance = (size(values.len()) - groups.iter().map(|count| size(*count)).sum::<f64>()) / 18.0;
            (normal::two_sided(real(risen) - real(fallen), 1.0, variance.max(0.0).sqrt()), Method::Normal)
        } else {
            let has_ties = groups.len() < values.len();
            let method = if has_ties { Method::ExactWithTies } else { Method::Exact };
            (Distribution::inversions(&groups).two_sided(fallen), method)
        };
        let score = i64::try_from(risen).unwrap_or(i64::MAX) - i64::try_from(fallen).unwrap_or(i64::MAX);
        Self { trials: values.len(), score, p, method }
    }

    /// Returns the direction in which the values drift: with at least 10 values, at a level of 1 %.
    pub fn drift(&self) -> Option<Drift> {
        let is_drift = self.trials >= Self::FEWEST && self.p.is_at_most(DRIFT);
        is_drift.then_some(if self.score > 0 { Drift::Up } else { Drift::Down })
    }
}

/// Returns the number of pairs with a smaller later value, in n log n steps: a merge sort that counts.
fn inversions(values: &mut [f64]) -> usize {
    let (first, second) = values.split_at_mut(values.len() / 2);
    if first.is_empty() {
        return 0;
    }
    let mut count = inversions(first) + inversions(second);
    let mut left = &*first;
    for value in &*second {
        let at_most = left.partition_point(|earlier| earlier <= value);
        left = &left[at_most..];
        count += left.len();
    }
    values.sort_by(f64::total_cmp);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_which_the_later_is_smaller_are_counted_as_one_by_one() {
        // The numbers contain repetitions, rises and falls.
        for (count, step, modulus) in
            [(1, 1, 7), (2, 6, 7), (3, 5, 7), (17, 5, 7), (100, 37, 101), (101, 37, 11), (64, 1, 99)]
        {
            let values: Vec<f64> = (0..count).map(|at| f64::from(at * step % modulus)).collect();
            let later = |at: usize| values[at + 1..].iter().filter(|later| **later < values[at]).count();
            let expected: usize = (0..values.len()).map(later).sum();
            assert_eq!(inversions(&mut values.clone()), expected, "{values:?}");
        }
    }
}
