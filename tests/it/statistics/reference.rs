//! Compared with R and scipy: `testdata/statistics/reference.json`, which `scripts/statistics-reference` writes.

use conductor::statistics::{
    Failures, Interval, Location, Method, Outlier, Probability, Trend, holm, outliers, rank_sum, signed_rank,
};
use serde_json::Value;

use super::{agree, sample};
use crate::support::documents::read;

fn rows(name: &str) -> Vec<Value> {
    let reference: Value = serde_json::from_str(&read("testdata/statistics/reference.json")).expect("JSON");
    reference[name].as_array().expect("rows").clone()
}

/// A list of numbers; a single number is a list of one.
fn numbers(value: &Value) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().expect("a number");
    value.as_array().map_or_else(|| vec![number(value)], |list| list.iter().map(number).collect())
}

fn count(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a count")).expect("a small one")
}

/// How many references were compared, by what was computed.
#[derive(Default)]
struct Compared(std::collections::BTreeMap<String, usize>);

impl Compared {
    /// Compares what we compute with each of these values of the row that is there.
    fn compare(&mut self, row: &Value, keys: &[&str], ours: &[f64]) {
        for key in keys {
            let Some(theirs) = row.get(*key) else { continue };
            let theirs = numbers(theirs);
            let is_equal = theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(a, b)| agree(*a, *b));
            assert!(is_equal, "{key}: {theirs:?}, ours: {ours:?}, of {row}");
            *self.0.entry((*key).to_owned()).or_default() += 1;
        }
    }

    /// Each of these was compared so often.
    fn check(&self, expected: &[(&str, usize)]) {
        let found: Vec<_> = self.0.iter().map(|(key, count)| (key.as_str(), *count)).collect();
        assert_eq!(found, expected);
    }
}

fn ends(interval: Option<Interval>) -> Vec<f64> {
    interval.map(|interval| vec![interval.low, interval.high]).unwrap_or_default()
}

#[test]
fn the_interval_of_the_median_has_the_order_statistics_and_the_coverage_of_r() {
    for row in rows("location") {
        let n = count(&row["n"]);
        let rank = numbers(&row["R qbinom(0.025, n, 0.5)"])[0];
        let ranks: Vec<f64> = (1..=n).map(|rank| f64::from(u32::try_from(rank).unwrap())).collect();
        let interval = Location::of(&sample(&ranks)).interval;
        assert_eq!(interval.is_some(), n >= Location::FEWEST, "{n}");
        // The values are their ranks.
        let Some(interval) = interval else {
            assert!(agree(rank, 0.0), "{row}");
            continue;
        };
        assert!(agree(interval.low, rank) && agree(interval.high, ranks[n - 1] + 1.0 - rank), "{row} {interval:?}");
        let coverage = numbers(&row["R 1 - 2 * pbinom(k - 1, n, 0.5)"])[0];
        assert!(agree(interval.coverage.get(), coverage), "{row} {interval:?}");
    }
}

#[test]
fn medians_their_intervals_and_deviations_are_those_of_r_and_scipy() {
    let mut compared = Compared::default();
    for row in rows("median") {
        let sample = sample(&numbers(&row["x"]));
        let location = Location::of(&sample);
        compared.compare(&row, &["R median"], &[location.median]);
        compared.compare(&row, &["scipy quantile_test.confidence_interval"], &ends(location.interval));
        let deviation = numbers(&row["R mad(constant = 1)"])[0];
        let limit = 3.5 * deviation / 0.6745;
        let is_far =
            |value: &f64| deviation > 0.0 && sample.len() >= Outlier::FEWEST && (value - location.median).abs() > limit;
        let far: Vec<f64> = sample.in_order().iter().copied().filter(is_far).collect();
        assert_eq!(outliers(&sample).iter().map(|outlier| outlier.value).collect::<Vec<_>>(), far, "{row}");
    }
    compared.check(&[("R median", 50), ("scipy quantile_test.confidence_interval", 40)]);
}

/// The keys of p-values that hold for what was computed in this way.
fn p_values(method: Method) -> &'static [&'static str] {
    match method {
        Method::Exact => &[
            "R wilcox.test(exact = TRUE)",
            "scipy mannwhitneyu(method='exact')",
            "R cor.test(method = 'kendall', exact = TRUE)",
            "scipy kendalltau(method='exact')",
        ],
        Method::ExactWithTies => {
            &["scipy wilcoxon(method=PermutationMethod)", "scipy mannwhitneyu(method=PermutationMethod)"]
        }
        Method::Normal => &[
            "R wilcox.test(exact = FALSE, correct = TRUE)",
            "R cor.test(method = 'kendall', exact = FALSE, continuity = TRUE)",
        ],
    }
}

#[test]
fn the_signed_rank_procedures_are_those_of_r_and_scipy() {
    let mut compared = Compared::default();
    for row in rows("signed_rank") {
        let sample = sample(&numbers(&row["x"]));
        let shift = signed_rank(&sample);
        compared.compare(&row, &["R median of Walsh averages"], &[shift.estimate]);
        compared.compare(&row, p_values(shift.method), &[shift.p.get()]);
        if shift.method == Method::Exact {
            compared.compare(&row, &["R wilcox.test(exact = TRUE, conf.int = TRUE)"], &ends(shift.interval));
        }
        assert_eq!(shift.interval.is_some(), sample.len() >= 6, "{row}");
    }
    compared.check(&[
        ("R median of Walsh averages", 50),
        ("R wilcox.test(exact = FALSE, correct = TRUE)", 10),
        ("R wilcox.test(exact = TRUE)", 20),
        ("R wilcox.test(exact = TRUE, conf.int = TRUE)", 15),
        ("scipy wilcoxon(method=PermutationMethod)", 8),
    ]);
}

#[test]
fn the_rank_sum_procedures_are_those_of_r_and_scipy() {
    let mut compared = Compared::default();
    for row in rows("rank_sum") {
        let (base, new) = (sample(&numbers(&row["x"])), sample(&numbers(&row["y"])));
        let shift = rank_sum(&base, &new);
        compared.compare(&row, &["R median of differences"], &[shift.estimate]);
        compared.compare(&row, p_values(shift.method), &[shift.p.get()]);
        if shift.method == Method::Exact && shift.interval.is_some() {
            compared.compare(&row, &["R wilcox.test(exact = TRUE, conf.int = TRUE)"], &ends(shift.interval));
        }
    }
    compared.check(&[
        ("R median of differences", 50),
        ("R wilcox.test(exact = FALSE, correct = TRUE)", 10),
        ("R wilcox.test(exact = TRUE)", 20),
        ("R wilcox.test(exact = TRUE, conf.int = TRUE)", 15),
        ("scipy mannwhitneyu(method='exact')", 20),
        ("scipy mannwhitneyu(method=PermutationMethod)", 10),
    ]);
}

#[test]
fn trends_are_those_of_r_and_scipy() {
    let mut compared = Compared::default();
    for row in rows("trend") {
        let trend = Trend::of(&sample(&numbers(&row["x"])));
        compared.compare(&row, p_values(trend.method), &[trend.p.get()]);
    }
    compared.check(&[
        ("R cor.test(method = 'kendall', exact = FALSE, continuity = TRUE)", 10),
        ("R cor.test(method = 'kendall', exact = TRUE)", 19),
        ("scipy kendalltau(method='exact')", 19),
    ]);
}

#[test]
fn fishers_test_is_that_of_r_and_scipy() {
    let mut compared = Compared::default();
    for row in rows("failures") {
        let failures = |value: &Value| Failures::new(count(&value[0]), count(&value[1])).expect("a part");
        let p = failures(&row["new"]).more_often_than(failures(&row["base"]));
        let keys = ["scipy fisher_exact(alternative='greater')", "R fisher.test(alternative = 'greater')"];
        compared.compare(&row, &keys, &[p.get()]);
    }
    compared
        .check(&[("R fisher.test(alternative = 'greater')", 48), ("scipy fisher_exact(alternative='greater')", 48)]);
}

#[test]
fn holms_adjustment_is_that_of_r() {
    let mut compared = Compared::default();
    for row in rows("holm") {
        let values: Vec<_> = numbers(&row["p"]).into_iter().map(|p| Probability::new(p).expect("0 to 1")).collect();
        let adjusted: Vec<f64> = holm(&values).into_iter().map(Probability::get).collect();
        compared.compare(&row, &["R p.adjust(method = 'holm')"], &adjusted);
    }
    compared.check(&[("R p.adjust(method = 'holm')", 7)]);
}

/// Beyond 50 values the normal approximation chooses the order statistics; R has the exact ones.
#[test]
fn beyond_fifty_values_intervals_are_near_the_exact_ones() {
    let mut seen = 0;
    for (name, key) in [("signed_rank", "x"), ("rank_sum", "y")] {
        for row in rows(name) {
            let Some(exact) = row.get("R wilcox.test(exact = TRUE, conf.int = TRUE)").map(numbers) else { continue };
            let x = sample(&numbers(&row["x"]));
            let shift = if key == "x" { signed_rank(&x) } else { rank_sum(&x, &sample(&numbers(&row[key]))) };
            if shift.method != Method::Normal {
                continue;
            }
            let ours = shift.interval.expect("an interval");
            let width = exact[1] - exact[0];
            let is_near = |a: f64, b: f64| (a - b).abs() < width / 50.0;
            assert!(is_near(ours.low, exact[0]) && is_near(ours.high, exact[1]), "{exact:?} {ours:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 7);
}
