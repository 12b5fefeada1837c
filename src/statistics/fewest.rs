//! The minimum number of trials for a comparison.

use serde::Serialize;

use super::number::real;
use super::probability::Probability;

/// How two points are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// By round: each value of one point is compared with that of the other.
    Paired,
    /// Each value of one point is compared with each value of the other.
    Unpaired,
}

impl Design {
    /// Returns the smallest p-value that this number of trials of each point can have: 2 ÷ 2ⁿ for pairs, 2 ÷ (2n over
    /// n) for two samples. It results if all differences have the same sign, or all values of one sample are above
    /// those of the other.
    pub fn smallest_p(self, trials: usize) -> Probability {
        let cases: f64 = match self {
            Self::Paired => (0..trials).map(|_| 2.0).product(),
            Self::Unpaired => (1..=trials).map(|i| real(trials + i) / real(i)).product(),
        };
        Probability::limited(2.0 / cases)
    }

    /// Returns how many trials of each point `rows` rows need, so that Holm's adjustment can find a difference in each,
    /// even if it is the only one: the smallest p-value times the number of rows is at most 5 %.
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
