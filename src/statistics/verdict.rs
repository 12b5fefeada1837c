//! The verdict on each row of a comparison.

use super::comparison::{Comparison, Scale};
use super::holm::holm;
use super::number::whole;
use super::probability::Probability;

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The higher ones.
    Higher,
    /// The lower ones.
    Lower,
}

/// The smallest changes that matter. Neither is negative or infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    relative: f64,
    absolute: f64,
}

impl Default for Thresholds {
    /// 5 %; for values without a ratio, every difference matters.
    fn default() -> Self {
        Self { relative: 0.05, absolute: 0.0 }
    }
}

impl Thresholds {
    /// Creates a relative threshold, such as 0.05 for 5 %, and an absolute one for differences of values without a
    /// ratio. Returns `None` if one is negative or not finite.
    pub fn new(relative: f64, absolute: f64) -> Option<Self> {
        let is_fine = |threshold: f64| threshold >= 0.0 && threshold.is_finite();
        (is_fine(relative) && is_fine(absolute)).then_some(Self { relative, absolute })
    }

    /// Returns the threshold for a comparison on this scale.
    pub const fn on(&self, scale: Scale) -> f64 {
        match scale {
            Scale::Ratio => self.relative,
            Scale::Difference => self.absolute,
        }
    }
}

/// A row: a metric at a point, compared with the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The comparison.
    pub comparison: Comparison,
    /// Which values are better, if known.
    pub better: Option<Direction>,
    /// The smallest changes that matter.
    pub thresholds: Thresholds,
}

/// The verdict on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// NEW is better, by the threshold or more.
    Better,
    /// NEW is worse, by the threshold or more.
    Worse,
    /// NEW differs by the threshold or more, and it is not known which values are better.
    Different,
    /// NEW and BASE differ by no more than the threshold.
    Same,
    /// The trials are not sufficient. About this many are needed.
    Undecided(TrialsNeeded),
}

impl Verdict {
    /// Returns its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::Same => "same",
            Self::Undecided(_) => "undecided",
        }
    }

    /// Returns the number of trials that it needs, if known.
    pub const fn trials_needed(self) -> Option<usize> {
        match self {
            Self::Undecided(TrialsNeeded::About(trials)) => Some(trials),
            _ => None,
        }
    }
}

/// The largest number of trials that is reported.
pub const MOST_TRIALS: usize = 200;

/// The number of trials of each point that a verdict needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialsNeeded {
    /// About this many, at most [`MOST_TRIALS`].
    About(usize),
    /// More than [`MOST_TRIALS`].
    MoreThanMost,
}

/// The verdict on a row, with its basis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The p-value, adjusted for all rows.
    pub adjusted: Probability,
}

/// Returns the verdicts on all rows of a gate, in order. The p-values are adjusted by Holm's method over all rows, so
/// that the probability of any wrong *better*, *worse* or *different* is at most 5 %.
///
/// - *better*, *worse* or *different*: the adjusted p-value is at most 5 %, and the estimate is at the threshold or
///   beyond.
/// - *same*: the interval, not adjusted, is completely between the thresholds. This is the interval-inclusion rule of
///   bioequivalence: Schuirmann, *A comparison of the two one-sided tests procedure and the power approach*, Journal of
///   Pharmacokinetics and Biopharmaceutics 15, 1987, here with 95 % instead of 90 %.
/// - *undecided* otherwise.
pub fn judge(rows: &[Row]) -> Vec<Judgement> {
    let values: Vec<_> = rows.iter().map(|row| row.comparison.shift.p).collect();
    let judgement =
        |(row, adjusted): (&Row, Probability)| Judgement { verdict: row.verdict(adjusted, rows.len()), adjusted };
    rows.iter().zip(holm(&values)).map(judgement).collect()
}

impl Row {
    fn verdict(&self, adjusted: Probability, rows: usize) -> Verdict {
        let (low, high) = self.boundaries();
        let shift = &self.comparison.shift;
        let is_lower = shift.estimate < 0.0 && shift.estimate <= low;
        let is_higher = shift.estimate > 0.0 && shift.estimate >= high;
        if adjusted.is_significant() && (is_lower || is_higher) {
            return match self.better {
                None => Verdict::Different,
                Some(better) if (better == Direction::Higher) == is_higher => Verdict::Better,
                Some(_) => Verdict::Worse,
            };
        }
        if shift.interval.is_some_and(|interval| interval.is_within(low, high)) {
            return Verdict::Same;
        }
        Verdict::Undecided(self.trials_needed(rows))
    }

    /// Returns the shifts at which the threshold is reached.
    fn boundaries(&self) -> (f64, f64) {
        let threshold = self.thresholds.on(self.comparison.scale);
        (self.comparison.inside(-threshold), self.comparison.inside(threshold))
    }

    /// Returns how many trials of each point are needed until the interval, whose length is proportional to the inverse
    /// square root of their number, ends before the nearer boundary: n · (half-width ÷ distance)². The result is larger
    /// than the current number, and at least what Holm's adjustment needs.
    fn trials_needed(&self, rows: usize) -> TrialsNeeded {
        let (low, high) = self.boundaries();
        let Comparison { shift, trials, design, .. } = self.comparison;
        let distance = (shift.estimate - low).abs().min((shift.estimate - high).abs());
        let needed = shift.interval.map_or(0.0, |interval| {
            let ratio = interval.half_width() / distance;
            trials * ratio * ratio
        });
        // If the distance is 0, it is infinite or not a number.
        let needed = if needed.is_nan() { usize::MAX } else { whole(needed.ceil()) };
        let needed = needed.max(whole(trials) + 1).max(design.fewest_trials(rows));
        if needed > MOST_TRIALS { TrialsNeeded::MoreThanMost } else { TrialsNeeded::About(needed) }
    }
}
