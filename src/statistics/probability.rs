//! Probabilities.

/// The accepted probability of an error: intervals cover with 95 %, and tests use a level of 5 %.
pub const ERROR: f64 = 0.05;

/// The rounding error that is accepted if a probability is compared with a limit.
const ROUNDING: f64 = 1e-12;

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// The probability 1.
    pub const ONE: Self = Self(1.0);

    /// Creates a probability from a number; returns `None` if it is not from 0 to 1.
    pub fn new(number: f64) -> Option<Self> {
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }

    /// Limits a sum or a multiple of probabilities, which may be above 1.
    pub(super) fn limited(number: f64) -> Self {
        Self(number.clamp(0.0, 1.0))
    }

    /// Returns the number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Returns whether it is at most `limit`, apart from rounding: 3 · 1/60 is at most 0.05.
    pub fn is_at_most(self, limit: f64) -> bool {
        self.0 <= limit + ROUNDING
    }

    /// Returns whether a p-value is significant: at most 5 %.
    pub fn is_significant(self) -> bool {
        self.is_at_most(ERROR)
    }
}
