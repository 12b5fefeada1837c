//! Distributions of whole numbers under a null hypothesis, computed by counting.

use super::number::real;
use super::probability::Probability;

/// A distribution of the whole numbers from 0: the number of equally likely cases for each.
///
/// The numbers of cases are exact up to 2⁵³, and have a relative error of about 10⁻¹³ beyond.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    cases: Vec<f64>,
    total: f64,
}

/// The order statistics at the ends of an interval: the `rank`-th from below and from above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Critical {
    /// The rank, from 1.
    pub rank: usize,
    /// How often the interval contains the true value, if the data are continuous.
    pub coverage: Probability,
}

impl Distribution {
    fn new(cases: Vec<f64>) -> Self {
        let total = cases.iter().sum();
        Self { cases, total }
    }

    /// Returns the binomial distribution of `n` draws with probability ½. It is computed from the ratios of neighbours,
    /// starting in the middle, so that no number is too large.
    pub fn binomial(n: usize) -> Self {
        let mut cases = vec![0.0; n + 1];
        let middle = n / 2;
        cases[middle] = 1.0;
        for k in (0..middle).rev() {
            cases[k] = cases[k + 1] * real(k + 1) / real(n - k);
        }
        for k in middle + 1..=n {
            cases[k] = cases[n - k];
        }
        Self::new(cases)
    }

    /// Returns the distribution of the sum of the ranks with a positive sign, if both signs are equally likely.
    ///
    /// Streitberg & Röhmel, *Exact distributions for permutation and rank tests*, Statistical Software Newsletter 12,
    /// 1986: the shift algorithm, which also handles tied ranks, if they are doubled.
    pub fn signed_ranks(ranks: &[usize]) -> Self {
        let mut cases = vec![0.0; ranks.iter().sum::<usize>() + 1];
        cases[0] = 1.0;
        let mut largest = 0;
        for rank in ranks {
            for sum in (0..=largest).rev() {
                cases[sum + rank] += cases[sum];
            }
            largest += rank;
        }
        Self::new(cases)
    }

    /// Returns the distribution of the sum of the ranks of `chosen` of the values, if each choice is equally likely.
    /// Source: as for [`Self::signed_ranks`].
    pub fn chosen_ranks(ranks: &[usize], chosen: usize) -> Self {
        let mut largest = ranks.to_vec();
        largest.sort_unstable_by(|a, b| b.cmp(a));
        let length = largest[..chosen].iter().sum::<usize>() + 1;
        // The cases by the number of chosen values.
        let mut cases = vec![vec![0.0; length]; chosen + 1];
        cases[0][0] = 1.0;
        for (seen, rank) in ranks.iter().enumerate() {
            for count in (1..=chosen.min(seen + 1)).rev() {
                let (before, after) = cases.split_at_mut(count);
                let (from, to) = (&before[count - 1], &mut after[0]);
                to.iter_mut().skip(*rank).zip(from).for_each(|(to, from)| *to += from);
            }
        }
        Self::new(cases.pop().unwrap_or_default())
    }

    /// Returns the distribution of the Mann–Whitney statistic of samples of `n` and `m` values without ties: the
    /// coefficients of the Gaussian binomial coefficient, Π (1 − q^(m+i)) ÷ (1 − q^i) for i from 1 to n.
    ///
    /// Mann & Whitney, *On a test of whether one of two random variables is stochastically larger than the other*,
    /// Annals of Mathematical Statistics 18, 1947; Andrews, *The Theory of Partitions*, 1976, chapter 3. The numbers
    /// are exact: for 50 and 50 values, their sum is below 2⁹⁷.
    pub fn mann_whitney(n: usize, m: usize) -> Self {
        let (n, m) = (n.min(m), n.max(m));
        let mut cases = vec![0_i128; n * m + 1];
        cases[0] = 1;
        for i in 1..=n {
            for at in (m + i..cases.len()).rev() {
                cases[at] -= cases[at - m - i];
            }
            for at in i..cases.len() {
                cases[at] += cases[at - i];
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a relative error of 2⁻⁵³ is small enough")]
        Self::new(cases.into_iter().map(|cases| cases as f64).collect())
    }

    /// Returns the distribution of the number of inversions in a random order of values, with `groups` of equal values.
    ///
    /// The q-multinomial coefficient, as a product of those of [`Self::mann_whitney`]: Stanley, *Enumerative
    /// Combinatorics* I, 2nd edition, proposition 1.7.1.
    pub fn inversions(groups: &[usize]) -> Self {
        let mut cases = vec![1.0];
        let mut before = 0;
        for group in groups {
            cases = product(&cases, &Self::mann_whitney(before, *group).cases);
            before += group;
        }
        Self::new(cases)
    }

    /// Returns the probability of this number or a smaller one.
    fn at_most(&self, number: usize) -> f64 {
        self.cases.iter().take(number + 1).sum::<f64>() / self.total
    }

    /// Returns the probability of this number or a larger one.
    fn at_least(&self, number: usize) -> f64 {
        self.cases.iter().skip(number).rev().sum::<f64>() / self.total
    }

    /// Returns the two-sided p-value: twice the smaller tail, at most 1.
    pub fn two_sided(&self, number: usize) -> Probability {
        Probability::limited(2.0 * self.at_most(number).min(self.at_least(number)))
    }

    /// Returns the largest rank with 2 · P(X ≤ rank − 1) ≤ 5 % of a symmetric distribution; `None` if there is none.
    pub fn critical(&self) -> Option<Critical> {
        let mut below = 0.0;
        let mut found = None;
        for (number, cases) in self.cases.iter().enumerate() {
            below += cases;
            let outside = Probability::limited(2.0 * below / self.total);
            if !outside.is_significant() {
                break;
            }
            found = Some(Critical { rank: number + 1, coverage: Probability::limited(1.0 - outside.get()) });
        }
        found
    }
}

/// Returns the product of two polynomials.
fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; a.len() + b.len() - 1];
    for (at, a) in a.iter().enumerate() {
        product[at..].iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
    }
    product
}
