//! Holm's adjustment of p-values for several tests.

use super::number::real;
use super::probability::Probability;

/// Returns the p-values, each adjusted for all of them, in the same order. Whatever the dependence of the tests, the
/// probability that any adjusted value of at most 5 % is wrong is at most 5 %.
///
/// Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6, 1979: the
/// i-th smallest of m is multiplied by m + 1 − i, and is not smaller than the one before.
pub fn holm(values: &[Probability]) -> Vec<Probability> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].get().total_cmp(&values[*b].get()));
    let mut adjusted = vec![Probability::ONE; values.len()];
    let mut least = 0.0_f64;
    for (before, at) in order.into_iter().enumerate() {
        least = least.max(values[at].get() * real(values.len() - before));
        adjusted[at] = Probability::limited(least);
    }
    adjusted
}
