//! Samples: the values for statistics, which are finite, and at least one.

/// The values of one metric at one point, in the order of the trials and sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    in_order: Vec<f64>,
    sorted: Vec<f64>,
}

impl Sample {
    /// The largest magnitude of a value. It keeps differences of two values and sums of two differences finite.
    pub const LARGEST: f64 = f64::MAX / 4.0;

    /// Creates a sample from values in trial order. `None` if it is empty or a value is not finite or too large.
    pub fn new(values: Vec<f64>) -> Option<Self> {
        let is_usable = !values.is_empty() && values.iter().all(|value| is_usable(*value));
        is_usable.then(|| Self::from_usable(values))
    }

    /// Creates a sample of values that are known to be finite. There must be at least one.
    pub(super) fn from_usable(mut values: Vec<f64>) -> Self {
        // Convert negative zero to zero.
        for value in &mut values {
            *value += 0.0;
        }
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Self { in_order: values, sorted }
    }

    /// Returns the number of values: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a sample is never empty")]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the values in the order of the trials.
    pub fn in_order(&self) -> &[f64] {
        &self.in_order
    }

    /// Returns the values, the smallest first.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// Returns the value in the middle, or halfway between the two in the middle.
    pub fn median(&self) -> f64 {
        let after = self.len() / 2;
        let before = (self.len() - 1) / 2;
        self.sorted[before] / 2.0 + self.sorted[after] / 2.0
    }

    /// Returns whether each value is above 0, so that it has a logarithm.
    pub(super) fn is_positive(&self) -> bool {
        self.sorted[0] > 0.0
    }

    /// Returns the logarithms of values that are above 0.
    pub(super) fn logarithms(&self) -> Self {
        Self::from_usable(self.in_order.iter().map(|value| value.ln()).collect())
    }
}

/// The values of two points in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The value of the baseline.
    pub base: f64,
    /// The value of the point that is compared with it.
    pub new: f64,
}

/// The values of two points, by round.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs(Vec<Pair>);

impl Pairs {
    /// Creates pairs from the rounds of two points. `None` if there are none, or a value is not finite or too large.
    pub fn new(pairs: Vec<Pair>) -> Option<Self> {
        let is_usable = !pairs.is_empty() && pairs.iter().all(|pair| is_usable(pair.base) && is_usable(pair.new));
        is_usable.then_some(Self(pairs))
    }

    /// Returns the pairs in the order of the rounds.
    pub fn get(&self) -> &[Pair] {
        &self.0
    }
}

fn is_usable(value: f64) -> bool {
    value.abs() <= Sample::LARGEST
}
