//! Values that are far from the others.

use super::sample::Sample;

/// The modified z-score above which a value is unusual.
const LIMIT: f64 = 3.5;

/// The median absolute deviation of a normal distribution is 0.6745 standard deviations.
const NORMAL: f64 = 0.6745;

impl Outlier {
    /// The minimum number of values. For normally distributed values, 3 to 9 of 100 would count as outliers with 3 to 7
    /// values, and at most 2.4 with 8 or more: among a few values, the median deviation is often small by chance.
    pub const FEWEST: usize = 8;
}

/// A value that is far from the others. It stays in the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// The position of the value in the order of the trials, from 0.
    pub position: usize,
    /// The value.
    pub value: f64,
    /// The modified z-score: its distance from the median, roughly in standard deviations.
    pub score: f64,
}

/// Returns the values whose modified z-score, 0.6745 · |x − median| ÷ MAD, is above 3.5, in the order of the trials.
/// Returns none if the median absolute deviation (MAD) is 0, because more than half of the values are equal, or if
/// there are fewer than [`Outlier::FEWEST`] values.
///
/// Iglewicz & Hoaglin, *How to Detect and Handle Outliers*, ASQC Quality Press 1993: the modified z-score.
pub fn outliers(sample: &Sample) -> Vec<Outlier> {
    let median = sample.median();
    let distances = sample.in_order().iter().map(|value| (value - median).abs());
    let deviation = Sample::from_usable(distances.collect()).median();
    if deviation == 0.0 || sample.len() < Outlier::FEWEST {
        return Vec::new();
    }
    let score = |value: f64| NORMAL * ((value - median).abs() / deviation);
    let scored = sample.in_order().iter().enumerate();
    let scored = scored.map(|(position, value)| Outlier { position, value: *value, score: score(*value) });
    scored.filter(|outlier| outlier.score > LIMIT).collect()
}
