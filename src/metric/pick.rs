//! Picks one of several numbers: `pick` for the matches in a text, `across` for the numbers of several workers.

use crate::model::Pick;

/// The maximum number of numbers that are kept, for the median.
pub(super) const MOST: usize = 1_000_000;

/// The number that is picked from a sequence.
#[derive(Debug, Clone)]
pub struct Picked {
    pick: Pick,
    count: u64,
    value: f64,
    /// The rounding error of the sum so far (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
    /// Summen", ZAMM 54, 1974).
    lost: f64,
    all: Vec<f64>,
}

impl Picked {
    /// Creates a picker without numbers.
    pub const fn new(pick: Pick) -> Self {
        Self { pick, count: 0, value: 0.0, lost: 0.0, all: Vec::new() }
    }

    /// Adds the next number. Returns `false` if there are too many for a median.
    pub fn take(&mut self, number: f64) -> bool {
        self.count += 1;
        let is_first = self.count == 1;
        match self.pick {
            Pick::First if !is_first => {}
            Pick::Min if !is_first => self.value = self.value.min(number),
            Pick::Max if !is_first => self.value = self.value.max(number),
            Pick::First | Pick::Min | Pick::Max | Pick::Last => self.value = number,
            Pick::Mean | Pick::Sum => self.add(number),
            Pick::Median if self.all.len() == MOST => return false,
            Pick::Median => self.all.push(number),
            Pick::Count => {}
        }
        true
    }

    fn add(&mut self, number: f64) {
        let sum = self.value + number;
        self.lost +=
            if self.value.abs() >= number.abs() { (self.value - sum) + number } else { (number - sum) + self.value };
        self.value = sum;
    }

    /// Returns the value; `None` if there was no number, except that `count` is then 0.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 numbers")]
    pub fn value(mut self) -> Option<f64> {
        let count = self.count as f64;
        if self.pick == Pick::Count {
            return Some(count);
        }
        if self.count == 0 {
            return None;
        }
        Some(match self.pick {
            Pick::Sum => self.value + self.lost,
            Pick::Mean => (self.value + self.lost) / count,
            Pick::Median => {
                self.all.sort_unstable_by(f64::total_cmp);
                let middle = |at: usize| self.all.get(at).copied().unwrap_or_default();
                let length = self.all.len();
                if length % 2 == 1 { middle(length / 2) } else { middle(length / 2 - 1).midpoint(middle(length / 2)) }
            }
            _ => self.value,
        })
    }

    /// Picks from these numbers.
    pub fn of(pick: Pick, numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
        let mut picked = Self::new(pick);
        numbers.into_iter().all(|number| picked.take(number)).then(|| picked.value())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pick_has_its_value() {
        let expected = [4.0, 2.0, 1.0, 9.0, 4.0, 3.0, 16.0, 4.0];
        for (pick, expected) in Pick::ALL.into_iter().zip(expected) {
            assert_eq!(Picked::of(pick, [4.0, 1.0, 9.0, 2.0]), Some(expected), "{pick}");
            let none = (pick == Pick::Count).then_some(0.0);
            assert_eq!(Picked::of(pick, []), none, "{pick} of nothing");
        }
        assert_eq!(Picked::of(Pick::Median, [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(Picked::of(Pick::Max, [-3.0, -1.0, -2.0]), Some(-1.0));
    }

    #[test]
    fn sums_do_not_lose_small_numbers() {
        assert_eq!(Picked::of(Pick::Sum, [1e16, 1.0, 1.0, -1e16]), Some(2.0));
        assert_eq!(Picked::of(Pick::Mean, [1e100, 1.0, -1e100, 3.0]), Some(1.0));
    }
}
