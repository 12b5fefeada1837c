//! Tests of the plots of a run and their contents.

use super::*;
use crate::values::testing::{metric, point, run, series};
use crate::values::{Reading, Summary};

fn plots_of(values: &Values) -> Vec<Plot> {
    Summary::of_run(values).blocks.iter().flat_map(|block| plots(values, block)).collect()
}

fn titles(plots: &[Plot]) -> Vec<&str> {
    plots.iter().map(|plot| plot.title.as_str()).collect()
}

/// Counts the occurrences of a text in another.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_run_of_one_point_has_its_values_by_trial() {
    let values = run(metric("goodput", 0.05), &[941.0, 940.5, 943.0, 938.0, 939.0, 942.0]);
    let [plot] = &plots_of(&values)[..] else { panic!("one plot") };
    assert_eq!((plot.title.as_str(), plot.legend.len()), ("Values by trial", 0));
    assert_eq!(count(&plot.svg, "class=\"dot color-0\""), 6);
    assert_eq!(count(&plot.svg, "class=\"band color-0\""), 1);
    assert!(plot.svg.contains("<title>trial 3: 943 Mbit/s</title>"), "{}", plot.svg);
    let above = "<text class=\"tick\" x=\"0\" y=\"12\" text-anchor=\"start\">goodput, Mbit/s</text>";
    assert!(plot.svg.contains(above), "{}", plot.svg);
}

#[test]
fn one_value_needs_no_plot() {
    assert!(plots_of(&run(metric("goodput", 0.05), &[941.0])).is_empty());
}

#[test]
fn a_series_has_its_medians_over_each_numeric_parameter_and_its_changes() {
    let points = ["fq_codel", "codel"].into_iter().flat_map(|qdisc| ["10mbit", "100mbit"].map(|rate| (qdisc, rate)));
    let points: Vec<_> =
        points.zip(0..).map(|((qdisc, rate), at)| point(&[("qdisc", qdisc), ("rate", rate)], Some(at % 2))).collect();
    let rounds: Vec<Vec<f64>> =
        (0..8).map(f64::from).map(|up| vec![9.0 + up / 50.0, 93.0 + up, 8.0 + up / 40.0, 92.0 + up]).collect();
    let rounds: Vec<&[f64]> = rounds.iter().map(Vec::as_slice).collect();
    let values = series(metric("goodput", 0.02), points, &rounds);
    let plots = plots_of(&values);
    assert_eq!(titles(&plots), ["Values by round", "Median over rate", "Change from the baseline"]);
    let [by_round, over, changes] = &plots[..] else { panic!("three plots") };
    assert_eq!(by_round.legend.len(), 4);
    let names: Vec<&str> = over.legend.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["qdisc=fq_codel", "qdisc=codel"]);
    assert_eq!((count(&over.svg, "<polyline"), count(&over.svg, "whisker")), (2, 4));
    assert!(over.svg.contains(">rate, mbit</text>"), "{}", over.svg);
    assert_eq!((count(&changes.svg, "class=\"name\""), count(&changes.svg, "whisker")), (2, 2));
    assert!(changes.svg.contains("dot failed"), "{}", changes.svg);
}

#[test]
fn nothing_of_a_test_is_markup_in_a_plot() {
    let mut values = run(metric("<b>&\"", 0.05), &[1.0, 2.0]);
    values.metrics[0].unit = Some("</svg><script>".to_owned());
    let [plot] = &plots_of(&values)[..] else { panic!("one plot") };
    assert!(!plot.svg.contains("<b>") && !plot.svg.contains("<script>"), "{}", plot.svg);
    assert_eq!(count(&plot.svg, "</svg>"), 1);
}

#[test]
fn ten_thousand_values_take_little_room() {
    let all: Vec<f64> = (0..10_000).map(|number| 900.0 + f64::from(number % 97)).collect();
    let [plot] = &plots_of(&run(metric("goodput", 0.05), &all))[..] else { panic!("one plot") };
    assert!(plot.svg.len() < 200_000, "{} bytes", plot.svg.len());
}

#[test]
fn of_many_points_the_baseline_and_the_first_others_have_a_colour_of_their_own() {
    let points: Vec<_> =
        (0..9).map(|at| point(&[("size", ["a", "b", "c", "d", "e", "f", "g", "h", "i"][at])], Some(8))).collect();
    let rounds = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0][..]; 3];
    let plots = plots_of(&series(metric("goodput", 0.05), points, &rounds));
    let names: Vec<&str> = plots[0].legend.iter().map(|(name, _)| name.as_str()).collect();
    let first = ["size=i", "size=a", "size=b", "size=c", "size=d", "size=e", "size=f", "size=g", "other points"];
    assert_eq!(names, first);
    assert!((0..8).all(|at| count(&plots[0].svg, &format!("dot color-{at}")) == 3));
    assert_eq!(count(&plots[0].svg, "dot other"), 3);
}

#[test]
fn of_many_values_those_that_are_not_expected_are_rings_and_crosses_take_little_room() {
    let all: Vec<f64> = (0..10_000).map(|number| 900.0 + f64::from(number % 97)).collect();
    let mut values = run(metric("goodput", 0.05), &all);
    for (at, row) in values.rows.iter_mut().enumerate() {
        match at % 3 {
            0 => row.reading = Reading::Missing("nothing matches".into()),
            1 => row.reading = Reading::Number { value: 1.0, is_outside: true, is_default: false },
            _ => {}
        }
    }
    let [plot] = &plots_of(&values)[..] else { panic!("one plot") };
    let drawn = |class: &str, mark: &str| {
        let path = plot.svg.lines().find(|line| line.contains(&format!("class=\"{class}\"")));
        count(path.unwrap_or_default(), mark)
    };
    assert_eq!((drawn("dots color-0", "h0"), drawn("dots outside color-0", "h0")), (3333, 3333));
    assert_eq!(drawn("dots hole", "h0"), 3333);
    // At most one per position on the axis, which has 406.
    assert!((300..=407).contains(&drawn("missing color-0", "M")), "{}", drawn("missing color-0", "M"));
    assert!(plot.svg.len() < 200_000, "{} bytes", plot.svg.len());
}

#[test]
fn neither_warm_up_nor_a_replaced_attempt_is_drawn() {
    let mut values = run(metric("goodput", 0.05), &[941.0, 940.5, 943.0, 938.0, 939.0, 942.0, 941.5, 940.0]);
    for at in [0, 1, 2] {
        values.rows[at].reading = Reading::Missing("nothing matches".into());
    }
    (values.trials[0].is_warm_up, values.trials[1].is_replaced) = (true, true);
    let [plot] = &plots_of(&values)[..] else { panic!("one plot") };
    let crosses: Vec<_> = plot.svg.lines().filter(|line| line.contains("class=\"missing")).collect();
    assert_eq!((crosses.len(), count(crosses[0], "M"), count(&plot.svg, "dot color-0")), (1, 1, 5), "{}", plot.svg);
}

#[test]
fn a_parameter_with_prefixes_has_its_medians_in_order_and_each_of_eight_points_its_colour() {
    let sizes = ["4k", "64k", "1M", "16M", "512", "2k", "8k", "32k"];
    let points: Vec<_> = sizes.iter().map(|size| point(&[("bs", size)], Some(0))).collect();
    let rounds = [&[2.0, 4.0, 5.0, 6.0, 1.0, 1.5, 2.5, 3.0][..]; 3];
    let plots = plots_of(&series(metric("goodput", 0.05), points, &rounds));
    assert_eq!(titles(&plots)[..2], ["Values by round", "Median over bs"]);
    let written: Vec<usize> =
        ["512", "4k", "32k", "1M"].iter().filter_map(|size| plots[1].svg.find(&format!(">{size}</text>"))).collect();
    assert!(written.len() == 4 && written.is_sorted(), "{}", plots[1].svg);
    assert!(plots[1].svg.contains(">bs</text>"), "{}", plots[1].svg);
    assert_eq!((0..8).filter(|at| count(&plots[0].svg, &format!("dot color-{at}")) == 3).count(), 8);
    assert_eq!(plots[0].legend.iter().filter(|(name, _)| name.starts_with("bs=")).count(), plots[0].legend.len());
}
