//! What holds for all samples.

use conductor::statistics::{Comparison, Location, Random, Sample, Shift, Trend, outliers, rank_sum, signed_rank};
use proptest::prelude::*;

use super::{agree, paired, sample};

/// How many samples are tried.
const CASES: u32 = 64;

/// Whole numbers, so that shifts and scales by powers of two are exact; often equal ones. Up to 20 of them, or more
/// than are compared exactly.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = || prop_oneof![-1000..1000_i32, -5..5_i32].prop_map(f64::from);
    prop_oneof![4 => prop::collection::vec(value(), 1..20), 1 => prop::collection::vec(value(), 51..60)]
}

fn map(values: &[f64], change: impl Fn(f64) -> f64) -> Sample {
    Sample::new(values.iter().copied().map(change).collect()).expect("finite values")
}

/// A shift as numbers: estimate, ends of the interval, p-value.
fn numbers(shift: &Shift) -> Vec<f64> {
    let ends = shift.interval.map(|interval| [interval.low, interval.high]);
    [vec![shift.estimate, shift.p.get()], ends.into_iter().flatten().collect()].concat()
}

/// The same of a shift in the other direction.
fn mirrored(shift: &Shift) -> Vec<f64> {
    let ends = shift.interval.map(|interval| [-interval.high, -interval.low]);
    [vec![-shift.estimate, shift.p.get()], ends.into_iter().flatten().collect()].concat()
}

fn all_agree(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(*a, *b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_location_moves_and_grows_with_its_values(values in values(), shift in -1000..1000_i32) {
        let shift = f64::from(shift);
        let before = Location::of(&sample(&values));
        let moved = Location::of(&map(&values, |value| value + shift));
        let grown = Location::of(&map(&values, |value| value * 4.0));
        prop_assert!(agree(moved.median, before.median + shift) && agree(grown.median, before.median * 4.0));
        let ends = |location: &Location| location.interval.map(|interval| (interval.low, interval.high));
        prop_assert_eq!(ends(&moved), ends(&before).map(|(low, high)| (low + shift, high + shift)));
        prop_assert_eq!(ends(&grown), ends(&before).map(|(low, high)| (low * 4.0, high * 4.0)));
        prop_assert!(before.interval.is_none_or(|interval| interval.contains(before.median)));
    }

    #[test]
    fn the_order_of_trials_matters_only_for_the_trend(values in values(), others in values(), seed: u64) {
        let mut mixed = values.clone();
        Random::seeded(seed).shuffle(&mut mixed);
        let (before, after, others) = (sample(&values), sample(&mixed), sample(&others));
        prop_assert_eq!(Location::of(&before), Location::of(&after));
        prop_assert_eq!(signed_rank(&before), signed_rank(&after));
        prop_assert_eq!(rank_sum(&before, &others), rank_sum(&after, &others));
        prop_assert_eq!(outliers(&before).len(), outliers(&after).len());
    }

    #[test]
    fn swapped_samples_give_the_opposite_shift(x in values(), y in values()) {
        let (a, b) = (rank_sum(&sample(&x), &sample(&y)), rank_sum(&sample(&y), &sample(&x)));
        prop_assert!(all_agree(&numbers(&a), &mirrored(&b)), "{a:?} {b:?}");
        prop_assert_eq!(a.method, b.method);
        let (a, b) = (signed_rank(&sample(&x)), signed_rank(&map(&x, |value| -value)));
        prop_assert!(all_agree(&numbers(&a), &mirrored(&b)), "{a:?} {b:?}");
    }

    #[test]
    fn a_shift_moves_with_one_sample_and_grows_with_both(x in values(), y in values(), by in -1000..1000_i32) {
        let by = f64::from(by);
        let before = rank_sum(&sample(&x), &sample(&y));
        let both = rank_sum(&map(&x, |value| value + by), &map(&y, |value| value + by));
        prop_assert!(all_agree(&numbers(&before), &numbers(&both)));
        let grown = rank_sum(&map(&x, |value| value * 8.0), &map(&y, |value| value * 8.0));
        prop_assert!(agree(grown.estimate, before.estimate * 8.0) && agree(grown.p.get(), before.p.get()));
        let moved = rank_sum(&sample(&x), &map(&y, |value| value + by));
        prop_assert!(agree(moved.estimate, before.estimate + by));
        let alone = signed_rank(&map(&x, |value| value + by));
        prop_assert!(agree(alone.estimate, signed_rank(&sample(&x)).estimate + by));
    }

    #[test]
    fn ratios_do_not_depend_on_the_unit(pairs in prop::collection::vec((1..1000_u32, 1..1000_u32), 1..16)) {
        let base: Vec<f64> = pairs.iter().map(|(base, _)| f64::from(*base)).collect();
        let new: Vec<f64> = pairs.iter().map(|(_, new)| f64::from(*new)).collect();
        let grown = |values: &[f64]| values.iter().map(|value| value * 1024.0).collect::<Vec<_>>();
        prop_assert_eq!(paired(&base, &new), paired(&grown(&base), &grown(&new)));
        let unpaired = |base: &[f64], new: &[f64]| Comparison::unpaired(&sample(base), &sample(new)).shift;
        let (a, b) = (unpaired(&base, &new), unpaired(&grown(&base), &grown(&new)));
        prop_assert!((a.estimate - b.estimate).abs() < 1e-9 && agree(a.p.get(), b.p.get()));
        // A swap gives the inverse ratio.
        let (a, b) = (paired(&base, &new), paired(&new, &base));
        prop_assert!(((1.0 + a.change()) * (1.0 + b.change()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_interval_contains_the_estimate_and_excludes_zero_only_with_a_small_p_value(x in values(), y in values()) {
        for shift in [signed_rank(&sample(&x)), rank_sum(&sample(&x), &sample(&y))] {
            prop_assert!(shift.interval.is_none_or(|interval| interval.contains(shift.estimate)));
            let excludes_zero = shift.interval.is_some_and(|interval| !interval.contains(0.0));
            prop_assert!(!excludes_zero || shift.p.is_significant(), "{shift:?}");
        }
    }

    #[test]
    fn a_trend_turns_with_the_order_and_ignores_the_scale(values in values()) {
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        let (a, b) = (Trend::of(&sample(&values)), Trend::of(&sample(&reversed)));
        prop_assert_eq!(a.score, -b.score);
        prop_assert!(agree(a.p.get(), b.p.get()));
        prop_assert_eq!(Trend::of(&map(&values, |value| value.mul_add(16.0, 3.0))), a);
    }
}
