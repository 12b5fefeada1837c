//! Compared with an enumeration of all cases, of small samples with and without equal values.

use std::cmp::Ordering;

use conductor::statistics::{Failures, Location, Method, Random, Trend, rank_sum, signed_rank};

use super::{agree, sample};

/// The two-sided p-value of a statistic, given that of each equally likely case.
fn two_sided(cases: &[i64], found: i64) -> f64 {
    let part = |count: usize| 2.0 * ratio(count, cases.len());
    let below = part(cases.iter().filter(|case| **case <= found).count());
    below.min(part(cases.iter().filter(|case| **case >= found).count())).min(1.0)
}

fn ratio(part: usize, all: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(all).unwrap())
}

/// Values from few (with ties) or many.
fn values(random: &mut Random, count: usize, is_tied: bool) -> Vec<f64> {
    let (bound, middle) = if is_tied { (7, 3) } else { (1_000_003, 500_000) };
    let mut draw = || random.below(std::num::NonZeroU64::new(bound).unwrap());
    (0..count).map(|_| f64::from(i32::try_from(draw()).unwrap() - middle)).collect()
}

/// The doubled rank of a value: how many are smaller, twice, and how many are equal.
fn doubled_rank(value: f64, all: &[f64]) -> i64 {
    let count = |order| i64::try_from(all.iter().filter(|other| other.total_cmp(&value) == order).count()).unwrap();
    2 * count(Ordering::Less) + count(Ordering::Equal) + 1
}

/// The value in the middle of all, and the ones of this rank from below and above.
fn middle_and_ends(mut all: Vec<f64>, rank: usize) -> (f64, f64, f64) {
    all.sort_by(f64::total_cmp);
    let count = all.len();
    (f64::midpoint(all[(count - 1) / 2], all[count / 2]), all[rank - 1], all[count - rank])
}

#[test]
fn the_signed_rank_test_counts_all_signs() {
    let mut random = Random::seeded(1);
    for count in 1..=10 {
        for is_tied in [false, true, true, true] {
            let values = values(&mut random, count, is_tied);
            let sizes: Vec<f64> = values.iter().filter(|value| **value != 0.0).map(|value| value.abs()).collect();
            let ranks: Vec<i64> = sizes.iter().map(|size| doubled_rank(*size, &sizes)).collect();
            let sum = |signs: usize| -> i64 {
                ranks.iter().enumerate().filter(|(at, _)| signs >> at & 1 == 1).map(|(_, rank)| rank).sum()
            };
            let positive = values.iter().filter(|value| **value > 0.0);
            let found = positive.map(|value| doubled_rank(*value, &sizes)).sum();
            let cases: Vec<i64> = (0..1 << ranks.len()).map(sum).collect();
            let shift = signed_rank(&sample(&values));
            assert!(agree(shift.p.get(), two_sided(&cases, found)), "{values:?} {shift:?}");
        }
    }
}

/// All ways to choose some of so many things, as bits.
fn choices(all: usize, chosen: u32) -> impl Iterator<Item = u32> {
    (0..1_u32 << all).filter(move |choice| choice.count_ones() == chosen)
}

#[test]
fn the_rank_sum_test_counts_all_choices() {
    let mut random = Random::seeded(2);
    for (n, m) in [(1, 1), (1, 5), (3, 3), (4, 4), (5, 3), (2, 8), (6, 6), (7, 4)] {
        for is_tied in [false, true, true] {
            let all = values(&mut random, n + m, is_tied);
            let ranks: Vec<i64> = all.iter().map(|value| doubled_rank(*value, &all)).collect();
            let sum = |choice: u32| -> i64 {
                ranks.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, rank)| rank).sum()
            };
            let cases: Vec<i64> = choices(n + m, u32::try_from(m).unwrap()).map(sum).collect();
            let shift = rank_sum(&sample(&all[..n]), &sample(&all[n..]));
            let found = ranks[n..].iter().sum();
            assert!(agree(shift.p.get(), two_sided(&cases, found)), "{n} and {m} of {all:?}: {shift:?}");
        }
    }
}

/// All orders of a list.
fn orders(list: &[f64]) -> Vec<Vec<f64>> {
    if list.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let mut rest = list.to_vec();
        let first = rest.remove(at);
        orders(&rest).into_iter().map(move |order| [&[first], &order[..]].concat()).collect::<Vec<_>>()
    };
    (0..list.len()).flat_map(with_first).collect()
}

fn score(values: &[f64]) -> i64 {
    let later = |at: usize| values[at + 1..].iter().map(move |later| (values[at], *later));
    let pairs = (0..values.len()).flat_map(later);
    pairs.map(|(earlier, later)| i64::from(later > earlier) - i64::from(later < earlier)).sum()
}

#[test]
fn the_trend_counts_all_orders() {
    let mut random = Random::seeded(3);
    for count in 1..=7 {
        for is_tied in [false, true, true, true] {
            let values = values(&mut random, count, is_tied);
            let cases: Vec<i64> = orders(&values).iter().map(|order| score(order)).collect();
            let trend = Trend::of(&sample(&values));
            assert_eq!(trend.score, score(&values));
            assert!(agree(trend.p.get(), two_sided(&cases, trend.score)), "{values:?} {trend:?}");
        }
    }
}

#[test]
fn fishers_test_counts_all_choices() {
    for (base, new) in [(1, 1), (3, 3), (4, 6), (8, 5), (2, 9)] {
        for all in 0..=base + new {
            // The trials of NEW are the first ones.
            let cases: Vec<u32> = choices(base + new, u32::try_from(all).unwrap())
                .map(|failed| (failed & ((1 << new) - 1)).count_ones())
                .collect();
            for failed in all.saturating_sub(base)..=all.min(new) {
                let so_many = cases.iter().filter(|case| **case >= u32::try_from(failed).unwrap()).count();
                let expected = ratio(so_many, cases.len());
                let baseline = Failures::new(all - failed, base).unwrap();
                let p = Failures::new(failed, new).unwrap().more_often_than(baseline);
                assert!(agree(p.get(), expected), "{failed} of {new}, {} of {base}", all - failed);
            }
        }
    }
}

/// With values on both sides of the median at random, the interval contains the median where neither side has too many.
#[test]
fn the_coverage_of_the_median_counts_all_sides() {
    for count in 6..=16_usize {
        let values: Vec<f64> = (1..=u32::try_from(count).unwrap()).map(f64::from).collect();
        let interval = Location::of(&sample(&values)).interval.unwrap();
        let contains = |sides: &usize| {
            let below = f64::from(sides.count_ones());
            // The median is between the values of these two ranks.
            interval.low <= below && below + 1.0 <= interval.high
        };
        let covered = (0..1_usize << count).filter(contains).count();
        assert!(agree(interval.coverage.get(), ratio(covered, 1 << count)), "{count}: {interval:?}");
    }
}

#[test]
fn estimates_and_intervals_are_found_in_the_list_of_all_averages_and_differences() {
    let mut random = Random::seeded(4);
    for count in [1, 2, 5, 6, 7, 20, 51, 120, 200] {
        for is_tied in [false, true] {
            let (x, y) = (values(&mut random, count, is_tied), values(&mut random, count.div_ceil(2), is_tied));
            let averages: Vec<f64> = (0..count)
                .flat_map(|i| x[i..].iter().map(|other| f64::midpoint(x[i], *other)).collect::<Vec<_>>())
                .collect();
            let differences: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| y - x)).collect();
            let shifts = [signed_rank(&sample(&x)), rank_sum(&sample(&x), &sample(&y))];
            for (all, shift) in [averages, differences].into_iter().zip(shifts) {
                assert_eq!(shift.method == Method::Normal, count > 50);
                let (middle, ..) = middle_and_ends(all.clone(), 1);
                assert!(agree(shift.estimate, middle), "{x:?} {y:?} {shift:?}");
                let Some(interval) = shift.interval else { continue };
                // The ends are of the same rank, from below and from above.
                let mut sorted = all.clone();
                sorted.sort_by(f64::total_cmp);
                let ranks = 1..=sorted.len() / 2;
                let is_so = |rank: usize| {
                    let (_, low, high) = (0.0, sorted[rank - 1], sorted[sorted.len() - rank]);
                    low.total_cmp(&interval.low).is_eq() && high.total_cmp(&interval.high).is_eq()
                };
                assert!(ranks.into_iter().any(is_so), "{shift:?}");
            }
        }
    }
}
