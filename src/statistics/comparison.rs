//! How the values of one point differ from those of its baseline.

use super::fewest::Design;
use super::interval::Interval;
use super::number::real;
use super::rank_sum::rank_sum;
use super::sample::{Pair, Pairs, Sample};
use super::shift::Shift;
use super::signed_rank::signed_rank;

/// The scale on which two points are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The ratio of their values, NEW ÷ BASE, if all values are above 0. It is computed with its logarithm.
    Ratio,
    /// The difference of their values, NEW − BASE, if a value is 0 or negative.
    Difference,
}

impl Scale {
    /// Returns its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Difference => "difference",
        }
    }
}

/// The difference of NEW from BASE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The scale.
    pub scale: Scale,
    /// Whether values of the same round were compared, or all with all.
    pub design: Design,
    /// The shift; for [`Scale::Ratio`], that of the logarithms.
    pub shift: Shift,
    /// The number of pairs; for two samples, the harmonic mean of their sizes.
    pub trials: f64,
}

impl Comparison {
    /// Compares two points of one run, by round: Wilcoxon's signed-rank test of ln(new ÷ base), see
    /// [`signed_rank()`](super::signed_rank()).
    pub fn paired(pairs: &Pairs) -> Self {
        let pairs = pairs.get();
        let is_positive = pairs.iter().all(|pair| pair.base > 0.0 && pair.new > 0.0);
        let scale = if is_positive { Scale::Ratio } else { Scale::Difference };
        let change = match scale {
            Scale::Ratio => log_ratio,
            Scale::Difference => |pair: &Pair| pair.new - pair.base,
        };
        let changes = Sample::from_usable(pairs.iter().map(change).collect());
        Self { scale, design: Design::Paired, shift: signed_rank(&changes), trials: real(pairs.len()) }
    }

    /// Compares two independent samples, such as two runs: the Mann–Whitney test, see
    /// [`rank_sum()`](super::rank_sum()).
    pub fn unpaired(base: &Sample, new: &Sample) -> Self {
        let (n, m) = (real(base.len()), real(new.len()));
        let is_positive = base.is_positive() && new.is_positive();
        let (scale, shift) = if is_positive {
            (Scale::Ratio, rank_sum(&base.logarithms(), &new.logarithms()))
        } else {
            (Scale::Difference, rank_sum(base, new))
        };
        Self { scale, design: Design::Unpaired, shift, trials: 2.0 * n * m / (n + m) }
    }

    /// Returns the estimated change: for [`Scale::Ratio`] relative to the baseline, so that −0.04 is 4 % less.
    pub fn change(&self) -> f64 {
        self.outside(self.shift.estimate)
    }

    /// Returns the 95 % interval of the change. It is not adjusted for other comparisons.
    pub fn interval(&self) -> Option<Interval> {
        let inside = self.shift.interval?;
        Some(Interval { low: self.outside(inside.low), high: self.outside(inside.high), coverage: inside.coverage })
    }

    /// Converts a shift to a change.
    fn outside(&self, shift: f64) -> f64 {
        match self.scale {
            Scale::Ratio => shift.exp_m1(),
            Scale::Difference => shift,
        }
    }

    /// Converts a change to a shift. A decrease by 100 % or more is infinite.
    pub(super) fn inside(&self, change: f64) -> f64 {
        match self.scale {
            Scale::Ratio => change.max(-1.0).ln_1p(),
            Scale::Difference => change,
        }
    }
}

/// Returns ln(new ÷ base). The difference of the logarithms is less precise for values that are close to each other.
fn log_ratio(pair: &Pair) -> f64 {
    let ratio = pair.new / pair.base;
    if ratio.is_normal() { ratio.ln() } else { pair.new.ln() - pair.base.ln() }
}
