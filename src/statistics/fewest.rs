//! How many trials a comparison needs at least.

use serde::Serialize;

use super::number::real;
use super::probability::Probability;

/// How two points are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// By round: each value of one point with that of the other.
    Paired,
    /// Each value of one with each of the other.
    Unpaired,
}

impl Design {
    /// The smallest p-value that so many trials of each point can have: 2 ÷ 2ⁿ for pairs, 2 ÷ (2n over n) for two
    /// samples. That is when all differences have the same sign, or all values of one sample are above those of the
    /// other.
    pub fn smallest_p(self, trials: usize) -> Probability {
        let cases: f64 = match self {
            Self::Paired => (0..trials).map(|_| 2.0).product(),
            Self::Unpaired => (1..=trials).map(|i| real(trials + i) / real(i)).product(),
        };
        Probability::limited(2.0 / cases)
    }

    /// How many trials of each point a gate with so many rows needs, so that Holm's adjustment can find something in
    /// each row, even if it is the only one: the smallest p-value times the number of rows is at most 5 %.
    ///
    /// For pairs: 6 for one row, 7 for two and three, 8 for four to six, 9 for seven to twelve. For two samples: 4 for
    /// one row.
    pub fn fewest_trials(self, rows: usize) -> usize {
        let adjusted = |trials| Probability::limited(self.smallest_p(trials).get() * real(rows.max(1)));
        let mut trials = 1;
        while !adjusted(trials).is_significant() {
            trials += 1;
        }
        trials
    }
}
