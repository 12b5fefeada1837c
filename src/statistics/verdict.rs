//! What is said about each row of a comparison.

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

/// From which change on a difference matters. Neither is negative or infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    relative: f64,
    absolute: f64,
}

impl Default for Thresholds {
    /// 5 %, and for values that have no ratio every difference.
    fn default() -> Self {
        Self { relative: 0.05, absolute: 0.0 }
    }
}

impl Thresholds {
    /// A relative one, such as 0.05 for 5 %, and one for differences of values that have no ratio; nothing if one is
    /// negative or not finite.
    pub fn new(relative: f64, absolute: f64) -> Option<Self> {
        let is_fine = |threshold: f64| threshold >= 0.0 && threshold.is_finite();
        (is_fine(relative) && is_fine(absolute)).then_some(Self { relative, absolute })
    }

    /// The one for a comparison on this scale.
    pub const fn on(&self, scale: Scale) -> f64 {
        match scale {
            Scale::Ratio => self.relative,
            Scale::Difference => self.absolute,
        }
    }
}

/// One row: a metric at a point, compared with the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// How they differ.
    pub comparison: Comparison,
    /// Which values are better, if that was said.
    pub better: Option<Direction>,
    /// From which change on it matters.
    pub thresholds: Thresholds,
}

/// What is said about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// NEW is better, by the threshold or more.
    Better,
    /// NEW is worse, by the threshold or more.
    Worse,
    /// NEW differs by the threshold or more, and it was not said which values are better.
    Different,
    /// They differ by no more than the threshold.
    Same,
    /// The trials do not tell. About so many are needed.
    Undecided(TrialsNeeded),
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::Same => "same",
            Self::Undecided(_) => "undecided",
        }
    }

    /// How many trials it needs, if that can be said.
    pub const fn trials_needed(self) -> Option<usize> {
        match self {
            Self::Undecided(TrialsNeeded::About(trials)) => Some(trials),
            _ => None,
        }
    }
}

/// The largest number of trials that is named.
pub const MOST_TRIALS: usize = 200;

/// How many trials of each point a verdict needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialsNeeded {
    /// About so many, at most [`MOST_TRIALS`].
    About(usize),
    /// More than [`MOST_TRIALS`].
    MoreThanMost,
}

/// The verdict of a row, with what it is based on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is said.
    pub verdict: Verdict,
    /// The p-value, adjusted for all rows.
    pub adjusted: Probability,
}

/// The verdicts of all rows of a gate, in their order. The p-values are adjusted by Holm's method over all of them, so
/// that the probability of any wrong *better*, *worse* or *different* is at most 5 %.
///
/// - *better*, *worse* or *different*: the adjusted p-value is at most 5 %, and the estimate is at the threshold or
///   beyond.
/// - *same*: the interval, not adjusted, is between the thresholds with both ends. This is the interval-inclusion rule
///   of bioequivalence: Schuirmann, *A comparison of the two one-sided tests procedure and the power approach*, Journal
///   of Pharmacokinetics and Biopharmaceutics 15, 1987, here with 95 % instead of 90 %.
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

    /// The shifts at which the threshold is reached.
    fn boundaries(&self) -> (f64, f64) {
        let threshold = self.thresholds.on(self.comparison.scale);
        (self.comparison.inside(-threshold), self.comparison.inside(threshold))
    }

    /// How many trials of each point are needed until the interval, whose length falls with the root of their number,
    /// ends before the nearer boundary: n · (half-width ÷ distance)². At least one more than there are, and as many as
    /// Holm's adjustment needs.
    fn trials_needed(&self, rows: usize) -> TrialsNeeded {
        let (low, high) = self.boundaries();
        let Comparison { shift, trials, design, .. } = self.comparison;
        let distance = (shift.estimate - low).abs().min((shift.estimate - high).abs());
        let needed = shift.interval.map_or(0.0, |interval| {
            let ratio = interval.half_width() / distance;
            trials * ratio * ratio
        });
        // Where the distance is 0, it is infinite or not a number.
        let needed = if needed.is_nan() { usize::MAX } else { whole(needed.ceil()) };
        let needed = needed.max(whole(trials) + 1).max(design.fewest_trials(rows));
        if needed > MOST_TRIALS { TrialsNeeded::MoreThanMost } else { TrialsNeeded::About(needed) }
    }
}
