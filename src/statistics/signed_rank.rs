//! The signed-rank procedures of Wilcoxon, Hodges & Lehmann and Tukey.

use super::distribution::Distribution;
use super::normal;
use super::number::real;
use super::probability::Probability;
use super::ranks::Ranks;
use super::sample::Sample;
use super::shift::{Method, Shift};
use super::sums::Sums;

/// Computes the shift of values, such as differences of pairs, from 0.
///
/// Hollander, Wolfe & Chicken, sections 3.1 (test), 3.2 (estimate: the median of the Walsh averages) and 3.3 (interval:
/// order statistics of the Walsh averages).
///
/// - The test ignores values of 0 (Wilcoxon 1945); estimate and interval include them.
/// - With up to 50 values, the test is exact; with ties, it is exact given the ties (Streitberg & Röhmel 1986). For
///   more, the normal approximation has a correction for ties and for continuity.
/// - The interval uses the order statistics for data without ties. With ties, it covers with at least that probability:
///   it contains the limit of the intervals of data that differ from these by less and less, without ties (Noether,
///   *Wilcoxon confidence intervals for location parameters in the discrete case*, Journal of the American Statistical
///   Association 62, 1967).
pub fn signed_rank(sample: &Sample) -> Shift {
    let count = sample.len();
    let averages = Sums::averages(sample);
    let not_zero = sample.sorted().iter().filter(|value| **value != 0.0);
    let ranks = Ranks::new(not_zero.map(|value| (value.abs(), *value > 0.0)).collect());
    let has_ties = ranks.has_ties() || ranks.doubled.len() < count;
    let (critical, p, method) = if count > Method::MOST_EXACT {
        let number = real(count);
        let variance = number * (number + 1.0) * (2.0 * number + 1.0) / 24.0;
        (normal::critical(number * (number + 1.0) / 4.0, variance.sqrt()), approximate(&ranks), Method::Normal)
    } else {
        let untied = Distribution::signed_ranks(&(1..=count).collect::<Vec<_>>());
        if has_ties {
            let p = Distribution::signed_ranks(&ranks.doubled).two_sided(ranks.marked);
            (untied.critical(), p, Method::ExactWithTies)
        } else {
            (untied.critical(), untied.two_sided(ranks.marked / 2), Method::Exact)
        }
    };
    averages.shift(critical, p, method)
}

/// Returns the p-value of the normal approximation: Hollander, Wolfe & Chicken, section 3.1, large samples and ties.
fn approximate(ranks: &Ranks) -> Probability {
    let number = real(ranks.doubled.len());
    let mean = number * (number + 1.0) / 4.0;
    let variance = number * (number + 1.0) * (2.0 * number + 1.0) / 24.0 - ranks.tie_correction() / 48.0;
    normal::two_sided(real(ranks.marked) / 2.0 - mean, 0.5, variance.sqrt())
}
