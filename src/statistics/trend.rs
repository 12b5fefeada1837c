//! Whether values rise or fall with time.

use super::distribution::Distribution;
use super::normal;
use super::number::real;
use super::probability::Probability;
use super::ranks::Ranks;
use super::sample::Sample;
use super::shift::Method;

/// The p-value up to which a trend is a drift.
const DRIFT: f64 = 0.01;

/// In which direction values drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// They rise.
    Up,
    /// They fall.
    Down,
}

/// The trend of values in the order of the trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// How many values there are.
    pub trials: usize,
    /// In how many pairs of trials the later value is larger, minus in how many it is smaller.
    pub score: i64,
    /// The two-sided p-value of no trend.
    pub p: Probability,
    /// How the p-value was computed.
    pub method: Method,
}

impl Trend {
    /// The smallest number of values for which a drift is named.
    pub const FEWEST: usize = 10;

    /// The test of Mann and Kendall. With up to 50 values it is exact, given which values are equal; beyond, the normal
    /// approximation has a correction for ties and for continuity.
    ///
    /// Mann, *Nonparametric tests against trend*, Econometrica 13, 1945; Kendall, *Rank Correlation Methods*, 4th
    /// edition, 1970, chapters 4 and 5 (the variance with ties in one variable is n(n − 1)(2n + 5) − Σ t(t − 1)(2t +
    /// 5), ÷ 18).
    pub fn of(sample: &Sample) -> Self {
        let values = sample.in_order();
        let (mut risen, mut fallen) = (0_usize, 0_usize);
        for (at, later) in values.iter().enumerate() {
            for earlier in &values[..at] {
                risen += usize::from(later > earlier);
                fallen += usize::from(later < earlier);
            }
        }
        let groups = Ranks::new(values.iter().map(|value| (*value, false)).collect()).groups;
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

    /// In which direction the values drift: from 10 values on, at 1 %.
    pub fn drift(&self) -> Option<Drift> {
        let is_drift = self.trials >= Self::FEWEST && self.p.is_at_most(DRIFT);
        is_drift.then_some(if self.score > 0 { Drift::Up } else { Drift::Down })
    }
}
