//! Probabilities.

/// The accepted probability of a wrong statement: intervals cover with 95 %, and tests are at 5 %.
pub const ERROR: f64 = 0.05;

/// What rounding may add to a probability that is compared with a limit.
const ROUNDING: f64 = 1e-12;

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// Certainty.
    pub const ONE: Self = Self(1.0);

    /// A number from 0 to 1; nothing for any other.
    pub fn new(number: f64) -> Option<Self> {
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }

    /// Of a sum or a multiple of probabilities, which may be above 1.
    pub(super) fn limited(number: f64) -> Self {
        Self(number.clamp(0.0, 1.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether it is at most this, apart from rounding: 3 · 1/60 is at most 0.05.
    pub fn is_at_most(self, limit: f64) -> bool {
        self.0 <= limit + ROUNDING
    }

    /// Whether a p-value is small enough for a statement: at most 5 %.
    pub fn is_significant(self) -> bool {
        self.is_at_most(ERROR)
    }
}
