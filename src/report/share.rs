//! How much of each output a report of bounded size can keep: short ones whole, and of the long ones the same amount.

/// The most bytes that can be kept of each of the outputs of these lengths, so that together they are no more than
/// `budget`; never more than `most` of one.
pub(super) fn fair_limit(lengths: impl Iterator<Item = u64>, budget: u64, most: u64) -> u64 {
    let mut lengths: Vec<u64> = lengths.map(|length| length.min(most)).filter(|length| *length > 0).collect();
    lengths.sort_unstable();
    let mut left = budget;
    let mut others = lengths.len() as u64;
    for length in lengths {
        let share = left / others;
        if length > share {
            return share;
        }
        left -= length;
        others -= 1;
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_whole() {
        assert_eq!(fair_limit([10, 20, 30].into_iter(), 60, 100), 100);
        assert_eq!(fair_limit([].into_iter(), 0, 100), 100);
    }

    #[test]
    fn the_long_ones_share_what_the_short_ones_leave() {
        assert_eq!(fair_limit([10, 500, 0, 900].into_iter(), 110, 1000), 50);
        assert_eq!(fair_limit([1_000_000].into_iter(), 500, 100), 100);
    }
}
