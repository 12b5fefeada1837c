//! The rank-sum procedures of Wilcoxon, Mann & Whitney, Hodges & Lehmann and Moses.

use super::distribution::Distribution;
use super::normal;
use super::number::real;
use super::probability::Probability;
use super::ranks::Ranks;
use super::sample::Sample;
use super::shift::{Method, Shift};
use super::sums::Sums;

/// Computes the shift of the values of `new` from those of `base`.
///
/// Hollander, Wolfe & Chicken, sections 4.1 (test), 4.2 (estimate: the median of all differences) and 4.3 (interval:
/// order statistics of the differences).
///
/// - With up to 50 values in each sample, the test is exact; with ties, it is exact given the ties (Streitberg & Röhmel
///   1986). For more, the normal approximation has a correction for ties and for continuity.
/// - The interval uses the order statistics for data without ties. With ties, it covers with at least that probability,
///   like that of [`super::signed_rank()`].
/// - The differences are not listed, so that two samples of 10,000 values need no more memory than the samples.
pub fn rank_sum(base: &Sample, new: &Sample) -> Shift {
    let differences = Sums::differences(base, new);
    let mark = |sample: &Sample, is_new| sample.sorted().iter().map(|value| (*value, is_new)).collect::<Vec<_>>();
    let ranks = Ranks::new([mark(base, false), mark(new, true)].concat());
    let (n, m) = (base.len(), new.len());
    let (critical, p, method) = if n.max(m) > Method::MOST_EXACT {
        let (n, m) = (real(n), real(m));
        let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
        (normal::critical(n * m / 2.0, deviation), approximate(&ranks, n, m), Method::Normal)
    } else {
        let untied = Distribution::mann_whitney(n, m);
        if ranks.has_ties() {
            let p = Distribution::chosen_ranks(&ranks.doubled, m).two_sided(ranks.marked);
            (untied.critical(), p, Method::ExactWithTies)
        } else {
            (untied.critical(), untied.two_sided((ranks.marked - m * (m + 1)) / 2), Method::Exact)
        }
    };
    differences.shift(critical, p, method)
}

/// Returns the p-value of the normal approximation: Hollander, Wolfe & Chicken, section 4.1, large samples and ties.
fn approximate(ranks: &Ranks, n: f64, m: f64) -> Probability {
    let all = n + m;
    let mean = m * (all + 1.0) / 2.0;
    let variance = n * m / 12.0 * (all + 1.0 - ranks.tie_correction() / (all * (all - 1.0)));
    normal::two_sided(real(ranks.marked) / 2.0 - mean, 0.5, variance.max(0.0).sqrt())
}
