//! How often intervals contain the true value and how often verdicts are wrong, by simulation with a fixed seed.
//!
//! `STATISTICS_SAMPLES` says how many samples are drawn of each size; `scripts/statistics-simulation` draws 100,000 of
//! each size from 6 to 50, and shows what is printed.

use std::f64::consts::{LN_2, TAU};

use conductor::statistics::{
    Comparison, Direction, Interval, Location, Pair, Pairs, Probability, Random, Row, Sample, Thresholds, Verdict,
    judge, rank_sum, signed_rank,
};

use crate::support::number_in;

/// Enough to find a gross error, in a few seconds without optimisation.
const FEW: usize = 1_000;

/// The number of samples from which each size is tried.
const MANY: usize = 100_000;

/// How many samples there are of each size.
fn samples() -> usize {
    number_in("STATISTICS_SAMPLES").unwrap_or(FEW)
}

/// How many comparisons there are.
fn comparisons() -> usize {
    if samples() >= MANY { samples() / 5 } else { samples() * 2 }
}

/// The sizes of samples.
fn sizes() -> Vec<usize> {
    if samples() >= MANY { (6..=50).collect() } else { vec![6, 9, 10, 17, 25, 50] }
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

/// What is accepted with `usual` samples, for the samples that there are: an error falls with the root of their number.
fn accepted(error: f64, usual: usize, count: usize) -> f64 {
    error * (real(usual) / real(count)).sqrt()
}

/// A number above 0 and up to 1.
fn uniform(random: &mut Random) -> f64 {
    let upper = u32::try_from(random.draw() >> 32).expect("32 bits");
    (f64::from(upper) + 1.0) / (f64::from(u32::MAX) + 1.0)
}

/// From an exponential distribution: skewed, with the median ln 2.
fn exponential(random: &mut Random) -> f64 {
    -uniform(random).ln()
}

/// From a standard normal distribution: Box & Muller, 1958.
fn normal(random: &mut Random) -> f64 {
    (2.0 * exponential(random)).sqrt() * (TAU * uniform(random)).cos()
}

fn sample(count: usize, mut draw: impl FnMut() -> f64) -> Sample {
    Sample::new((0..count).map(|_| draw()).collect()).expect("finite values")
}

/// How often an interval contains the true value.
struct Coverage {
    found: f64,
    exact: Probability,
}

/// Draws intervals for a true value.
fn coverage(truth: f64, mut draw: impl FnMut() -> Interval) -> Coverage {
    let mut exact = Probability::ONE;
    let mut covered = 0;
    for _ in 0..samples() {
        let interval = draw();
        exact = interval.coverage;
        covered += usize::from(interval.contains(truth));
    }
    Coverage { found: real(covered) / real(samples()), exact }
}

/// Draws intervals of continuous data for each size: they cover as often as they say, within 0.3 points.
fn covers_exactly(name: &str, sizes: &[usize], truth: f64, mut draw: impl FnMut(usize) -> Interval) {
    let mut farthest = 0.0_f64;
    for size in sizes {
        let Coverage { found, exact } = coverage(truth, || draw(*size));
        let exact = exact.get();
        println!("{name}, {size} values: {:.2} %, exactly {:.2} %", found * 100.0, exact * 100.0);
        assert!((found - exact).abs() <= accepted(0.003, MANY, samples()), "{name}: {size} {found} {exact}");
        farthest = farthest.max((found - exact).abs());
    }
    println!("{name}: at most {:.3} points from the exact value", farthest * 100.0);
}

/// Draws intervals of data with equal values for each size: they cover with at least 95 %.
fn covers_enough(name: &str, sizes: &[usize], mut draw: impl FnMut(usize) -> Interval) {
    let mut least = 1.0_f64;
    for size in sizes {
        let Coverage { found, .. } = coverage(0.0, || draw(*size));
        assert!(found >= 0.95, "{name}: {size} {found}");
        least = least.min(found);
    }
    println!("{name}: at least {:.2} %", least * 100.0);
}

#[test]
fn the_interval_of_the_median_covers_as_often_as_it_says() {
    let mut random = Random::seeded(1);
    covers_exactly("median", &sizes(), LN_2, |size| {
        Location::of(&sample(size, || exponential(&mut random))).interval.expect("an interval")
    });
    for spread in [0.8, 2.0] {
        covers_enough(&format!("median with ties, spread {spread}"), &sizes(), |size| {
            let sample = sample(size, || (normal(&mut random) * spread).round());
            Location::of(&sample).interval.expect("an interval")
        });
    }
}

/// Optimised code takes minutes for all sizes; without optimisation, two are enough.
fn costly_sizes() -> Vec<usize> {
    if samples() >= MANY { sizes() } else { vec![6, 20] }
}

#[test]
fn the_signed_rank_interval_covers_as_often_as_it_says() {
    let mut random = Random::seeded(2);
    covers_exactly("signed rank", &costly_sizes(), 0.0, |size| {
        signed_rank(&sample(size, || normal(&mut random))).interval.expect("an interval")
    });
    covers_enough("signed rank with ties", &costly_sizes(), |size| {
        signed_rank(&sample(size, || (normal(&mut random) * 2.0).round())).interval.expect("an interval")
    });
}

#[test]
fn the_rank_sum_interval_covers_as_often_as_it_says() {
    let mut random = Random::seeded(3);
    let sizes = if samples() >= MANY { [6, 7, 8, 9, 10, 12, 15, 20, 30, 50].to_vec() } else { vec![6, 10] };
    covers_exactly("rank sum", &sizes, 0.0, |size| {
        let base = sample(size, || exponential(&mut random));
        rank_sum(&base, &sample(size, || exponential(&mut random))).interval.expect("an interval")
    });
    let few: Vec<usize> = sizes.into_iter().filter(|size| *size <= 12).collect();
    covers_enough("rank sum with ties", &few, |size| {
        let base = sample(size, || (normal(&mut random) * 2.0).round());
        rank_sum(&base, &sample(size, || (normal(&mut random) * 2.0).round())).interval.expect("an interval")
    });
}

/// Values of a system with this mean and relative noise.
fn system(random: &mut Random, mean: f64, noise: f64) -> f64 {
    mean * (1.0 + noise * normal(random))
}

/// A comparison of two systems, with ten trials of each.
fn ten_trials(random: &mut Random, means: (f64, f64), noise: f64, is_paired: bool) -> Comparison {
    let mut pairs = Vec::new();
    for _ in 0..10 {
        pairs.push(Pair { base: system(random, means.0, noise), new: system(random, means.1, noise) });
    }
    if is_paired {
        return Comparison::paired(&Pairs::new(pairs).expect("finite values"));
    }
    let of = |value: fn(&Pair) -> f64| Sample::new(pairs.iter().map(value).collect()).expect("finite values");
    Comparison::unpaired(&of(|pair| pair.base), &of(|pair| pair.new))
}

/// The verdicts of a gate of several rows at one threshold.
fn verdicts(rows: &[Comparison], threshold: f64) -> Vec<Verdict> {
    let thresholds = Thresholds::new(threshold, 0.0).expect("a threshold");
    let row = |comparison: &Comparison| Row { comparison: *comparison, better: Some(Direction::Higher), thresholds };
    judge(&rows.iter().map(row).collect::<Vec<_>>()).into_iter().map(|judgement| judgement.verdict).collect()
}

fn is_wrong(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Better | Verdict::Worse | Verdict::Different)
}

#[test]
fn equal_systems_are_seldom_found_to_differ() {
    for (name, is_paired, rows, noise) in [
        ("10 pairs, 1 row", true, 1, 0.05),
        ("10 pairs, 3 rows", true, 3, 0.05),
        ("10 and 10 trials, 1 row", false, 1, 0.05),
    ] {
        let mut random = Random::seeded(4);
        let (mut at_zero, mut at_default) = (0, 0);
        for _ in 0..comparisons() {
            let mut gate = Vec::new();
            for _ in 0..rows {
                gate.push(ten_trials(&mut random, (100.0, 100.0), noise, is_paired));
            }
            at_zero += usize::from(verdicts(&gate, 0.0).into_iter().any(is_wrong));
            at_default += usize::from(verdicts(&gate, 0.05).into_iter().any(is_wrong));
        }
        let part = |count| real(count) / real(comparisons());
        let (at_zero, at_default) = (part(at_zero), part(at_default));
        println!(
            "equal systems, {name}: {:.2} % wrong at threshold 0, {:.2} % at 5 %",
            at_zero * 100.0,
            at_default * 100.0
        );
        assert!(at_zero <= 0.05 + accepted(0.005, MANY / 5, comparisons()), "{name}: {at_zero}");
        assert!(at_default <= at_zero, "{name}: {at_default}");
    }
}

#[test]
fn an_effect_of_5_percent_with_noise_of_2_percent_is_found() {
    let mut random = Random::seeded(5);
    let mut found = 0;
    for _ in 0..comparisons() {
        let comparison = ten_trials(&mut random, (100.0, 105.0), 0.02, true);
        found += usize::from(verdicts(&[comparison], 0.02) == [Verdict::Better]);
    }
    let found = real(found) / real(comparisons());
    println!("an effect of 5 % with noise of 2 %, 10 pairs, threshold 2 %: found in {:.2} %", found * 100.0);
    assert!(found >= 0.95, "{found}");
}
