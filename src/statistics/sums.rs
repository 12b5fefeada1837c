//! Selection among all sums of a value of one list and a value of another, without listing the sums.

use super::distribution::Critical;
use super::interval::Interval;
use super::probability::Probability;
use super::sample::Sample;
use super::shift::{Method, Shift};

/// The sums of two sorted lists, as a matrix whose rows and columns are sorted.
///
/// Mirzaian & Arjomandi, *Selection in X + Y and matrices with sorted rows and columns*, Information Processing Letters
/// 20, 1985: the sums up to a limit are counted along a staircase, in time linear in n + m. The limit is found by
/// bisection of the at most 2⁶⁴ values of an `f64`: the result is the sum itself, in at most 64 counts.
pub(super) struct Sums {
    rows: Vec<f64>,
    columns: Vec<f64>,
    /// Whether only sums with a column at or after the row count, so that each pair of values counts once.
    is_triangle: bool,
}

impl Sums {
    /// Creates the Walsh averages of a sample, (xᵢ + xⱼ) ÷ 2 for i ≤ j.
    pub fn averages(sample: &Sample) -> Self {
        let halves: Vec<f64> = sample.sorted().iter().map(|value| value / 2.0).collect();
        Self { columns: halves.clone(), rows: halves, is_triangle: true }
    }

    /// Creates the differences of each value of `new` from each value of `base`.
    pub fn differences(base: &Sample, new: &Sample) -> Self {
        let rows = base.sorted().iter().rev().map(|value| -value).collect();
        Self { rows, columns: new.sorted().to_vec(), is_triangle: false }
    }

    /// Returns the number of sums.
    pub fn count(&self) -> usize {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        if self.is_triangle { rows * (rows + 1) / 2 } else { rows * columns }
    }

    /// Returns the number of sums that are at most `limit`.
    fn at_most(&self, limit: f64) -> usize {
        let mut end = self.columns.len();
        let mut count = 0;
        for (at, row) in self.rows.iter().enumerate() {
            while end > 0 && row + self.columns[end - 1] > limit {
                end -= 1;
            }
            count += end.saturating_sub(if self.is_triangle { at } else { 0 });
        }
        count
    }

    /// Returns the sum with this rank, from 1 for the smallest.
    pub fn select(&self, rank: usize) -> f64 {
        let last = self.rows.len() - 1;
        let mut low = position(self.rows[0] + self.columns[0]);
        let mut high = position(self.rows[last] + self.columns[self.columns.len() - 1]);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.at_most(at_position(middle)) >= rank {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // Convert negative zero to zero.
        at_position(low) + 0.0
    }

    /// Returns the sum in the middle, or halfway between the two in the middle.
    pub fn median(&self) -> f64 {
        let count = self.count();
        let before = self.select(count.div_ceil(2));
        if count % 2 == 1 { before } else { before / 2.0 + self.select(count / 2 + 1) / 2.0 }
    }

    /// Returns the shift: its estimate is the median, and its interval is between the sums at the critical rank from
    /// below and from above.
    pub fn shift(&self, critical: Option<Critical>, p: Probability, method: Method) -> Shift {
        let interval = critical.map(|Critical { rank, coverage }| Interval {
            low: self.select(rank),
            high: self.select(self.count() + 1 - rank),
            coverage,
        });
        Shift { estimate: self.median(), interval, p, method }
    }
}

/// The sign bit of an `f64`.
const SIGN: u64 = 1 << 63;

/// Returns the position of a number among all numbers, the smallest first.
const fn position(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

const fn at_position(position: u64) -> f64 {
    f64::from_bits(if position & SIGN == 0 { !position } else { position & !SIGN })
}
