//! The normal distribution, for samples that are too large for exact distributions.

use std::f64::consts::PI;

use super::distribution::Critical;
use super::number::whole;
use super::probability::{ERROR, Probability};

/// The 97.5 % quantile of the standard normal distribution.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// The number below which the series is used, and from which on the continued fraction.
const TAIL: f64 = 2.0;

/// The number of terms of the continued fraction. At 2, fewer are enough for all digits of an `f64`.
const TERMS: u32 = 200;

/// Returns the probability that a standard normal variable is above a number that is not negative.
///
/// Abramowitz & Stegun, *Handbook of Mathematical Functions*, 1964: below 2 the series 26.2.11, from there on the
/// continued fraction 26.2.14.
fn above(z: f64) -> f64 {
    let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    if z >= TAIL {
        let fraction = (1..=TERMS).rev().fold(z, |rest, term| z + f64::from(term) / rest);
        return density / fraction;
    }
    let (mut term, mut sum, mut divisor) = (z, z, 1.0);
    while term > sum * f64::EPSILON / 4.0 {
        divisor += 2.0;
        term *= z * z / divisor;
        sum += term;
    }
    0.5 - density * sum
}

/// Returns the two-sided p-value of a statistic at this distance from its mean, with a continuity correction.
///
/// If the standard deviation is 0, it is 1: the data contain no information.
pub(super) fn two_sided(distance: f64, correction: f64, deviation: f64) -> Probability {
    let corrected = (distance.abs() - correction).max(0.0);
    if corrected == 0.0 || deviation == 0.0 {
        return Probability::ONE;
    }
    Probability::limited(2.0 * above(corrected / deviation))
}

/// Returns the order statistics at the ends of an interval, as [`super::distribution::Distribution::critical`], if the
/// statistic has this mean and standard deviation.
///
/// Hollander, Wolfe & Chicken, sections 3.3 and 4.3, large samples, with a continuity correction.
pub(super) fn critical(mean: f64, deviation: f64) -> Option<Critical> {
    let rank = whole(mean - QUANTILE * deviation + 0.5);
    (rank > 0).then_some(Critical { rank, coverage: Probability::limited(1.0 - ERROR) })
}
