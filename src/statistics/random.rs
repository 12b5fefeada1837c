//! Pseudorandom numbers from a seed, for the order of trials.

use std::num::NonZeroU64;

/// A pseudorandom number generator. A series records its order as a seed, so the numbers for a seed never change.
///
/// `SplitMix64`: Steele, Lea & Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014, with the constants
/// of Vigna's `splitmix64.c`. It is not suitable for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Creates the generator with this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number; all are equally likely.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a bound; all are equally likely.
    ///
    /// Lemire, *Fast random integer generation in an interval*, ACM Transactions on Modeling and Computer Simulation
    /// 29, 2019, algorithm 5: the upper half of the product, drawn again if the lower half would favour some numbers.
    pub const fn below(&mut self, bound: NonZeroU64) -> u64 {
        let bound = bound.get();
        let excess = bound.wrapping_neg() % bound;
        loop {
            let product = self.draw() as u128 * bound as u128;
            #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
            let (upper, lower) = ((product >> 64) as u64, product as u64);
            if lower >= excess {
                return upper;
            }
        }
    }

    /// Shuffles a list; all orders are equally likely.
    ///
    /// Fisher–Yates: Durstenfeld, *Algorithm 235: Random permutation*, Communications of the ACM 7, 1964; from the last
    /// position to the second.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let bound = NonZeroU64::MIN.saturating_add(last as u64);
            let chosen = usize::try_from(self.below(bound)).unwrap_or(last);
            list.swap(last, chosen);
        }
    }
}
