//! The normal distribution, for samples that are too large to count.

use std::f64::consts::PI;

use super::distribution::Critical;
use super::number::whole;
use super::probability::{ERROR, Probability};

/// 97.5 % of the standard normal distribution are below it.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// Where the series ends and the continued fraction begins.
const TAIL: f64 = 2.0;

/// How many terms of the continued fraction are taken. At 2, fewer are enough for all digits of a `f64`.
const TERMS: u32 = 200;

/// The probability that a standard normal variable is above a number that is not negative.
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

/// The two-sided p-value of a statistic that is so far from its mean, with a continuity correction.
///
/// Where the standard deviation is 0, nothing can be said: 1.
pub(super) fn two_sided(distance: f64, correction: f64, deviation: f64) -> Probability {
    let corrected = (distance.abs() - correction).max(0.0);
    if corrected == 0.0 || deviation == 0.0 {
        return Probability::ONE;
    }
    Probability::limited(2.0 * above(corrected / deviation))
}

/// The order statistics that are the ends of an interval, as [`super::distribution::Distribution::critical`], where the
/// statistic has this mean and standard deviation.
///
/// Hollander, Wolfe & Chicken, sections 3.3 and 4.3, large samples, with a continuity correction.
pub(super) fn critical(mean: f64, deviation: f64) -> Option<Critical> {
    let rank = whole(mean - QUANTILE * deviation + 0.5);
    (rank > 0).then_some(Critical { rank, coverage: Probability::limited(1.0 - ERROR) })
}
