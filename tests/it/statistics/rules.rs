//! The rules: which verdict, how many trials, what is unusual, which order.

use std::num::NonZeroU64;

use conductor::statistics::{
    Comparison, Design, Direction, Drift, Failures, Judgement, Location, Method, Pair, Pairs, Probability, Random, Row,
    Sample, Scale, Thresholds, Trend, TrialsNeeded, Verdict, holm, judge, outliers, rank_sum, signed_rank,
};

use super::{agree, paired, sample};
use crate::support::documents::table;

/// The verdict of a single row, with a threshold of 5 %.
fn verdict(comparison: Comparison, better: Option<Direction>) -> Verdict {
    judge(&[Row { comparison, better, thresholds: Thresholds::default() }])[0].verdict
}

/// Ten values around 100, no two of them equal.
const BASE: [f64; 10] = [99.1, 100.2, 100.9, 98.7, 101.3, 99.6, 100.4, 98.9, 101.1, 99.8];

/// The values, each larger by this part; and by a little that differs from value to value.
fn changed(by: f64) -> Vec<f64> {
    let noise = [0.3, -0.2, 0.1, -0.4, 0.25, -0.15, 0.35, -0.05, 0.2, -0.3];
    BASE.iter().zip(noise).map(|(value, noise)| value * (1.0 + by) + noise).collect()
}

#[test]
fn a_change_beyond_the_threshold_is_better_worse_or_different() {
    let up = paired(&BASE, &changed(0.1));
    let down = paired(&BASE, &changed(-0.1));
    assert_eq!(verdict(up, Some(Direction::Higher)), Verdict::Better);
    assert_eq!(verdict(up, Some(Direction::Lower)), Verdict::Worse);
    assert_eq!(verdict(up, None), Verdict::Different);
    assert_eq!(verdict(down, Some(Direction::Higher)), Verdict::Worse);
    assert_eq!(verdict(down, Some(Direction::Lower)), Verdict::Better);
    assert_eq!(verdict(down, None), Verdict::Different);
}

#[test]
fn a_change_that_is_certainly_below_the_threshold_is_the_same() {
    let little = paired(&BASE, &changed(0.02));
    assert!(little.shift.p.is_significant(), "it is a change");
    assert_eq!(verdict(little, Some(Direction::Higher)), Verdict::Same);
    assert_eq!(verdict(paired(&BASE, &BASE), Some(Direction::Higher)), Verdict::Same);
}

#[test]
fn three_trials_are_undecided_and_say_how_many_are_needed() {
    let three = paired(&BASE[..3], &changed(0.5)[..3]);
    assert_eq!(three.interval(), None);
    assert_eq!(verdict(three, Some(Direction::Higher)), Verdict::Undecided(TrialsNeeded::About(6)));
    let runs = Comparison::unpaired(&sample(&BASE[..3]), &sample(&changed(0.5)[..3]));
    assert_eq!(verdict(runs, Some(Direction::Higher)), Verdict::Undecided(TrialsNeeded::About(4)));
    let four = Comparison::unpaired(&sample(&BASE[..4]), &sample(&changed(0.5)[..4]));
    assert_eq!(verdict(four, Some(Direction::Higher)), Verdict::Better);
}

#[test]
fn an_interval_across_a_threshold_is_undecided_and_says_how_many_trials_are_needed() {
    let comparison = paired(&BASE, &changed(0.049));
    let interval = comparison.shift.interval.unwrap();
    let distance = 1.05_f64.ln() - comparison.shift.estimate;
    let needed = 10.0 * (interval.half_width() / distance).powi(2);
    assert!((11.0..200.0).contains(&needed), "{needed}");
    let Verdict::Undecided(TrialsNeeded::About(trials)) = verdict(comparison, None) else { panic!("{comparison:?}") };
    assert_eq!(u32::try_from(trials).map(f64::from), Ok(needed.ceil()));
    // Nearer to the threshold, it would take too many.
    let near = changed(0.0495);
    assert_eq!(verdict(paired(&BASE, &near), None), Verdict::Undecided(TrialsNeeded::MoreThanMost));
}

#[test]
fn values_that_are_not_above_zero_are_compared_by_difference_with_the_absolute_threshold() {
    let base = [0.0, 1.0, 2.0, 0.5, 1.5, 0.3, 0.8];
    let new = base.map(|value| value + 10.0 + value / 10.0);
    let runs = Comparison::unpaired(&sample(&base), &sample(&new));
    for comparison in [paired(&base, &new), runs] {
        assert_eq!(comparison.scale, Scale::Difference);
        assert!((comparison.change() - 10.0).abs() < 1.0, "{comparison:?}");
        let row = |absolute| Row {
            comparison,
            better: Some(Direction::Lower),
            thresholds: Thresholds::new(0.05, absolute).unwrap(),
        };
        assert_eq!(judge(&[row(5.0)])[0].verdict, Verdict::Worse);
        assert_eq!(judge(&[row(20.0)])[0].verdict, Verdict::Same);
    }
    assert_eq!(paired(&[1.0, 2.0], &[3.0, 4.0]).scale, Scale::Ratio);
    assert_eq!(Thresholds::new(-0.1, 0.0), None);
    assert_eq!(Thresholds::new(0.1, f64::INFINITY), None);
    // Nothing falls by more than 100 %.
    let fallen = paired(&BASE, &BASE.map(|value| value / 1e6 * (1.0 + value / 1e6)));
    let row = Row { comparison: fallen, better: None, thresholds: Thresholds::new(1.5, 0.0).unwrap() };
    assert_eq!(judge(&[row])[0].verdict, Verdict::Same);
}

#[test]
fn a_ratio_is_shown_as_a_relative_change() {
    let comparison = paired(&[100.0; 6], &[96.0; 6]);
    let interval = comparison.interval().unwrap();
    assert!(agree(comparison.change(), -0.04) && agree(interval.low, -0.04) && agree(interval.high, -0.04));
    assert_eq!(comparison.shift.method, Method::ExactWithTies);
    assert!(agree(comparison.shift.p.get(), 1.0 / 32.0));
}

#[test]
fn no_change_at_all_is_never_significant() {
    for count in [1, 6, 50, 51, 200] {
        let equal = vec![3.0; count];
        assert!(agree(signed_rank(&sample(&vec![0.0; count])).p.get(), 1.0));
        assert!(agree(rank_sum(&sample(&equal), &sample(&equal)).p.get(), 1.0));
        assert!(agree(Trend::of(&sample(&equal)).p.get(), 1.0));
        // Not even at threshold 0.
        let comparison = paired(&equal, &equal);
        let row = Row { comparison, better: None, thresholds: Thresholds::new(0.0, 0.0).unwrap() };
        let expected = if count < 6 { Verdict::Undecided(TrialsNeeded::About(6)) } else { Verdict::Same };
        assert_eq!(judge(&[row])[0].verdict, expected);
    }
}

#[test]
fn the_p_values_of_a_gate_are_adjusted_for_all_of_its_rows() {
    let clear =
        Row { comparison: paired(&BASE[..6], &changed(0.1)[..6]), better: None, thresholds: Thresholds::default() };
    let verdicts = |rows: &[Row]| judge(rows).into_iter().map(|Judgement { verdict, .. }| verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(&[clear]), [Verdict::Different]);
    // Six pairs cannot decide two rows; seven can.
    let undecided = Verdict::Undecided(TrialsNeeded::About(7));
    assert_eq!(verdicts(&[clear; 2]), [undecided; 2]);
    let more = Row { comparison: paired(&BASE[..7], &changed(0.1)[..7]), ..clear };
    assert_eq!(verdicts(&[more; 3]), [Verdict::Different; 3]);
    assert!(agree(judge(&[more; 3])[2].adjusted.get(), 3.0 / 64.0));
    assert_eq!(verdicts(&[more; 4]), [Verdict::Undecided(TrialsNeeded::About(8)); 4]);
    assert_eq!(judge(&[]), []);
}

#[test]
fn a_gate_needs_more_trials_the_more_rows_it_has() {
    let needed = |design: Design, rows: std::ops::RangeInclusive<usize>| {
        rows.map(|rows| design.fewest_trials(rows)).collect::<Vec<_>>()
    };
    assert_eq!(needed(Design::Paired, 1..=12), [6, 7, 7, 8, 8, 8, 9, 9, 9, 9, 9, 9]);
    assert_eq!(Design::Paired.fewest_trials(13), 10);
    assert_eq!(needed(Design::Unpaired, 1..=7), [4, 5, 5, 5, 5, 5, 6]);
    assert_eq!(Design::Paired.fewest_trials(usize::MAX), 70);
    // It is the p-value of the clearest sample that there is.
    for trials in 1..=50_u32 {
        let low: Vec<f64> = (1..=trials).map(f64::from).collect();
        let high: Vec<f64> = low.iter().map(|value| value + 100.0).collect();
        let count = low.len();
        assert!(agree(Design::Paired.smallest_p(count).get(), signed_rank(&sample(&low)).p.get()), "{trials}");
        let clearest = rank_sum(&sample(&low), &sample(&high)).p.get();
        assert!(agree(Design::Unpaired.smallest_p(count).get(), clearest), "{trials}");
    }
}

#[test]
fn the_tables_of_the_document_are_what_is_computed() {
    let number = |cell: &String| cell.parse::<usize>().unwrap();
    let needed = table("docs/statistics.md", "rows | pairs | trials of each run");
    for row in &needed {
        let found = [Design::Paired, Design::Unpaired].map(|design| design.fewest_trials(number(&row[0])));
        assert_eq!(row[1..], found.map(|trials| trials.to_string()), "{row:?}");
    }
    let intervals = table("docs/statistics.md", "trials | from the k-th smallest to the k-th largest value | coverage");
    for row in &intervals {
        let ranks: Vec<f64> = (1..=row[0].parse().unwrap()).map(f64::from).collect::<Vec<f64>>();
        let interval = Location::of(&sample(&ranks)).interval.unwrap();
        let coverage = format!("{:.1} %", interval.coverage.get() * 100.0);
        assert_eq!(row[1..], [interval.low.to_string(), coverage], "{row:?}");
    }
    assert!(needed.len() > 5 && intervals.len() > 5);
}

#[test]
fn holm_never_lowers_and_stops_at_one() {
    let adjusted = |values: &[f64]| {
        let values: Vec<_> = values.iter().map(|p| Probability::new(*p).unwrap()).collect();
        holm(&values).into_iter().map(Probability::get).collect::<Vec<_>>()
    };
    assert_eq!(adjusted(&[0.01, 0.6, 0.04, 0.7]), [0.04, 1.0, 0.12, 1.0]);
    assert_eq!(adjusted(&[]), [0.0; 0]);
    assert!(Probability::new(1.0 / 60.0).is_some_and(|p| holm(&[p; 3])[0].is_significant()), "3 · 1/60 is 5 %");
}

#[test]
fn a_value_far_from_the_others_is_an_outlier_and_none_is_where_most_are_equal() {
    let values = [941.0, 938.5, 812.0, 940.2, 943.1, 939.0, 942.2, 941.5];
    let found = outliers(&sample(&values));
    assert_eq!(found.iter().map(|outlier| outlier.position).collect::<Vec<_>>(), [2]);
    // The median is 940.6; the distances are 0.4, 0.4, 0.9, 1.6, 1.6, 2.1, 2.5 and 128.6.
    assert!(agree(found[0].score, 0.6745 * 128.6 / 1.6), "{found:?}");
    assert_eq!(outliers(&sample(&values[..7])), [], "7 values are too few");
    assert_eq!(outliers(&sample(&[5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 900.0])), []);
    assert_eq!(outliers(&sample(&[5.0])), []);
}

#[test]
fn a_drift_is_named_from_ten_trials_on() {
    let rising: Vec<f64> = (0..10).map(f64::from).collect();
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    assert_eq!(Trend::of(&sample(&rising)).drift(), Some(Drift::Up));
    assert_eq!(Trend::of(&sample(&falling)).drift(), Some(Drift::Down));
    assert_eq!(Trend::of(&sample(&rising[..9])).drift(), None);
    assert_eq!(Trend::of(&sample(&BASE)).drift(), None);
    let long: Vec<f64> = (0..60).map(|at| f64::from(at / 3)).collect();
    let trend = Trend::of(&sample(&long));
    assert_eq!((trend.method, trend.drift()), (Method::Normal, Some(Drift::Up)));
}

#[test]
fn more_failures_are_noticed() {
    let of_ten = |failed| Failures::new(failed, 10).unwrap();
    assert!(of_ten(5).more_often_than(of_ten(0)).is_significant());
    assert!(!of_ten(3).more_often_than(of_ten(0)).is_significant());
    // Fewer are never more.
    assert!(!of_ten(0).more_often_than(of_ten(10)).is_significant());
    assert_eq!(Failures::new(11, 10), None);
    let none = Failures::new(0, 0).unwrap();
    assert!(agree(none.more_often_than(none).get(), 1.0));
    // Large numbers are neither too large nor too small.
    let (many, few) = (Failures::new(60_000, 100_000).unwrap(), Failures::new(40_000, 100_000).unwrap());
    assert!(many.more_often_than(few).get() < 1e-300 && agree(few.more_often_than(many).get(), 1.0));
}

#[test]
fn what_is_not_finite_or_not_there_is_no_sample() {
    assert_eq!(Sample::new(Vec::new()), None);
    assert_eq!(Pairs::new(Vec::new()), None);
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        assert_eq!(Sample::new(vec![1.0, wrong]), None);
        let pairs = vec![Pair { base: 1.0, new: 2.0 }, Pair { base: 3.0, new: wrong }];
        assert_eq!(Pairs::new(pairs), None);
    }
    // The largest and smallest values are no problem.
    let far = [f64::MAX / 4.0, -f64::MAX / 4.0, 1.0, 2.0, 3.0, 4.0, f64::MIN_POSITIVE];
    let shift = rank_sum(&sample(&far), &sample(&far));
    assert!(shift.interval.is_some_and(|interval| interval.low.is_finite() && interval.high.is_finite()));
    let tiny = [f64::MIN_POSITIVE; 6];
    let huge = [f64::MAX / 4.0; 6];
    assert!(paired(&tiny, &huge).shift.estimate.is_finite() && paired(&huge, &tiny).shift.estimate.is_finite());
    assert!(Location::of(&sample(&huge)).median.is_finite());
}

/// The order of a series is recorded by its seed: these numbers must never change.
#[test]
fn a_seed_leads_to_the_same_order_for_ever() {
    // The numbers of `splitmix64.c` by Vigna.
    let mut random = Random::seeded(1_234_567);
    let drawn: Vec<u64> = (0..5).map(|_| random.draw()).collect();
    let published = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(drawn, published);
    let mut order: Vec<usize> = (0..10).collect();
    Random::seeded(7).shuffle(&mut order);
    assert_eq!(order, [9, 5, 8, 6, 1, 2, 4, 7, 0, 3]);
    let mut random = Random::seeded(7);
    let drawn: Vec<u64> = (0..10).map(|_| random.below(NonZeroU64::new(6).unwrap())).collect();
    assert_eq!(drawn, [2, 0, 5, 3, 2, 1, 2, 1, 0, 2]);
}

#[test]
fn every_order_and_every_number_is_equally_likely() {
    let mut random = Random::seeded(11);
    let mut orders = std::collections::BTreeMap::<Vec<u8>, u32>::new();
    for _ in 0..24_000 {
        let mut list = vec![0, 1, 2, 3];
        random.shuffle(&mut list);
        *orders.entry(list).or_default() += 1;
    }
    assert_eq!(orders.len(), 24);
    assert!(orders.values().all(|count| (850..1150).contains(count)), "{orders:?}");
    // With this bound, a third of the draws would favour the lower half if they were not drawn again.
    let bound = NonZeroU64::new((1 << 63) + (1 << 62)).unwrap();
    let low = (0..10_000).filter(|_| random.below(bound) < bound.get() / 3).count();
    assert!((3_100..3_570).contains(&low), "{low}");
    // Lists of none and one have one order.
    random.shuffle::<u8>(&mut []);
    random.shuffle(&mut [1]);
}
