//! Tests of the tables of metrics, with synthetic values.

use snapbox::IntoData as _;

use super::csv::line as csv_line;
use super::numbers::{Decimals, decimals, number};
use super::tables::{Told, tables};
use super::{write_markdown, write_text};
use crate::model::{Better, Phase, Verdict};
use crate::values::testing::{add, metric, point, series};
use crate::values::{Kind, Metric, Options, Reading, Summary, Values};

/// The run from the documentation: three queues, ten rounds, one of them unusual and one of them failed.
fn queues() -> Values {
    let points = ["fq_codel", "codel", "pfifo"].map(|value| point(&[("qdisc", value)], Some(0))).to_vec();
    let noise = [0.0, 2.1, -1.7, 3.2, -2.6, 1.1, -0.4, 2.9, -3.1, 0.7];
    let rounds: Vec<Vec<f64>> =
        noise.iter().rev().zip(noise).map(|(a, b)| vec![941.2 + a, 903.8 + b, 938.1 + a - b / 3.0]).collect();
    let rounds: Vec<&[f64]> = rounds.iter().map(Vec::as_slice).collect();
    let mut values = series(metric("goodput", 0.02), points, &rounds);
    values.rows[16].reading = Reading::Number { value: 812.0, is_outside: true, is_default: false };
    values.trials[16].verdict = Some(Verdict::Failed);
    values.trials[16].notes.push((Phase::Run, "client was out of reach for 3.1 s".to_owned()));
    values.rows[4].reading = Reading::Missing("nothing matches".into());
    values.trials[4].verdict = Some(Verdict::Failed);
    values
}

/// Formats the tables of these values as in the report.
fn text(values: &Values) -> String {
    let lines = write_text(&Summary::of_run(values), &Told::of_run(values));
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

#[test]
fn the_points_of_a_run_are_compared_in_a_table_whose_columns_are_aligned() {
    snapbox::assert_data_eq!(
        text(&queues()),
        snapbox::str![[r"

goodput, Mbit/s (higher is better)  median  95 % CI          trials  against qdisc=fq_codel, paired, threshold 2 %
  qdisc=fq_codel                     941.6  [938.6, 944.1]       10  baseline
  qdisc=codel                        903.4  [900.7, 906.7]  9 of 10  -4.2 %  [-8.9, -3.8]  worse
  qdisc=pfifo                        938.3  [935.1, 941.4]       10  -0.3 %  [-0.4, -0.3]  same
  trial 17 (qdisc=codel) is unusual: 812.0 Mbit/s; client was out of reach for 3.1 s
  1 of 9 values (qdisc=codel) is outside `expect`
Intervals are not adjusted for multiple comparisons; verdicts are adjusted for 2.

"]]
    );
}

#[test]
fn trials_that_were_run_again_later_are_said_to_be_in_no_pair() {
    let mut values = queues();
    for trial in [1, 3, 7] {
        values.trials[trial].attempt = 2;
    }
    let text = text(&values);
    let notes: Vec<&str> = text.lines().filter(|line| line.contains("run again")).collect();
    let expected = [
        "  1 trial (qdisc=fq_codel) was run again later and is not in pairs",
        "  2 trials (qdisc=codel) were run again later and are not in pairs",
    ];
    assert_eq!(notes, expected, "{text}");
    // Without pairs, there is no such note.
    values.design = crate::statistics::Design::Unpaired;
    assert!(!self::text(&values).contains("run again"));
}

#[test]
fn a_run_that_is_compared_with_itself_has_each_note_once() {
    let (runs, names) = ([queues(), queues()], ["r".to_owned(), "r".to_owned()]);
    let points = runs.iter().map(|run| run.points.as_slice()).collect();
    let told = Told { points, runs: &names, baseline: "r".to_owned() };
    let lines = write_text(&Summary::of_runs(&runs, &Options::default()), &told);
    let unusual = lines.iter().filter(|(_, line)| line.contains("is unusual")).count();
    let outside = lines.iter().filter(|(_, line)| line.contains("is outside `expect`")).count();
    assert_eq!((unusual, outside), (1, 1), "{lines:#?}");
}

#[test]
fn a_run_of_one_point_has_all_metrics_in_one_table() {
    let mut values = Values { metrics: vec![metric("goodput", 0.02)], ..Values::default() };
    let latency = Metric {
        unit: Some("ms".to_owned()),
        better: Some(Better::Lower),
        kind: Kind::Printed,
        ..metric("latency", 0.05)
    };
    values.metrics.push(latency);
    for round in 0..7 {
        let trial = add(&mut values, 0, 941.25 + f64::from(round));
        let reading = if round < 2 {
            Reading::Missing("no line".into())
        } else {
            Reading::Number { value: 0.001_25 * f64::from(round), is_outside: false, is_default: false }
        };
        values.rows.push(crate::values::Value { trial, metric: 1, worker: None, reading });
    }
    snapbox::assert_data_eq!(
        text(&values),
        snapbox::str![[r"

Metrics                                 median  95 % CI         trials
  goodput, Mbit/s (higher is better)     944.2  [941.2, 947.2]       7
  latency, ms (lower is better)       0.005000  needs 6 trials  5 of 7

"]]
    );
}

#[test]
fn a_run_without_metrics_has_no_table() {
    assert_eq!(text(&Values::default()), "");
}

#[test]
fn markdown_has_the_same_tables_and_nothing_in_them_is_markup() {
    let mut values = queues();
    values.metrics[0].name = "a|b <c>".to_owned();
    let told = Told::of_run(&values);
    let summary = Summary::of_run(&values);
    snapbox::assert_data_eq!(
        write_markdown(&summary, &told),
        snapbox::str![[r"

| a\|b &lt;c&gt;, Mbit/s (higher is better) | median | 95 % CI | trials | against qdisc=fq\_codel, paired, threshold 2 % |
| --- | ---: | --- | ---: | --- |
| qdisc=fq\_codel | 941.6 | \[938.6, 944.1\] | 10 | baseline |
| qdisc=codel | 903.4 | \[900.7, 906.7\] | 9 of 10 | -4.2 % \[-8.9, -3.8\] worse |
| qdisc=pfifo | 938.3 | \[935.1, 941.4\] | 10 | -0.3 % \[-0.4, -0.3\] same |

- trial 17 (qdisc=codel) is unusual: 812.0 Mbit/s; client was out of reach for 3.1 s
- 1 of 9 values (qdisc=codel) is outside `expect`

Intervals are not adjusted for multiple comparisons; verdicts are adjusted for 2.

"]]
        .raw()
    );
    assert_eq!(tables(&summary, &told).len(), 1);
}

#[test]
fn numbers_of_a_table_have_as_many_decimals_as_the_smallest_of_them_needs() {
    for (numbers, expected) in [
        (&[941.2, 903.84][..], &["941.2", "903.8"][..]),
        (&[0.001_25, 0.0, -0.5], &["0.001250", "0.000000", "-0.500000"]),
        (&[3.0, 12.0, 100.0], &["3", "12", "100"]),
        (&[123_456_789.5], &["123456790"]),
        (&[1e-9, 2.5e-9], &["1.000e-9", "2.500e-9"]),
        (&[0.0], &["0"]),
        (&[12_345.6, 1.5], &["12345.60", "1.50"]),
    ] {
        let how = decimals(numbers);
        let told: Vec<String> = numbers.iter().map(|value| number(*value, how)).collect();
        assert_eq!(told, expected);
    }
    assert_eq!(number(-0.01, Decimals::Fixed(1)), "0.0");
}

#[test]
fn cells_of_csv_are_quoted_where_they_must_be() {
    let mut written = Vec::new();
    csv_line(&mut written, ["plain", "a,b", "say \"no\"", "two\nlines", ""].map(Into::into).into_iter()).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\r\n");
}

#[test]
fn tables_have_at_most_so_many_rows_and_say_how_many_there_are_more() {
    let names: Vec<String> = (0..230).map(|number| number.to_string()).collect();
    let points = names.iter().map(|name| point(&[("n", name)], None)).collect();
    let values = series(metric("goodput", 0.02), points, &[&[1.0; 230]]);
    let (summary, told) = (Summary::of_run(&values), Told::of_run(&values));
    for text in [text(&values), write_markdown(&summary, &told)] {
        assert!(text.contains("n=199 ") && !text.contains("n=200 "), "{text}");
        assert!(text.contains("\n\nand 30 more rows, see the `json` report\n"), "{text}");
    }
}

#[test]
fn so_many_unusual_values_of_a_metric_are_listed_and_the_others_counted() {
    let mut values = Values { metrics: vec![metric("goodput", 0.02)], ..Values::default() };
    for at in 0..40_u8 {
        add(&mut values, 0, if at % 5 == 0 { 10.0 + f64::from(at) } else { 940.0 + f64::from(at % 7) });
    }
    let text = text(&values);
    let notes: Vec<&str> = text.lines().filter(|line| line.contains("unusual")).collect();
    assert_eq!(notes.len(), 6, "{text}");
    assert_eq!(notes[0], "  goodput, Mbit/s: trial 1 is unusual: 10 Mbit/s");
    assert_eq!(notes[5], "  goodput, Mbit/s: and 3 more unusual values");
}

#[test]
fn the_notes_of_a_metric_have_as_many_decimals_at_each_point() {
    let points = ["a", "b"].map(|name| point(&[("n", name)], None)).to_vec();
    let mut rounds: Vec<[f64; 2]> =
        (0..12).map(f64::from).map(|up| [0.1 + up / 1000.0, 0.012 + up / 10_000.0]).collect();
    rounds.push([0.359, 0.135_59]);
    let rounds: Vec<&[f64]> = rounds.iter().map(<[f64; 2]>::as_slice).collect();
    let told = text(&series(metric("took", 0.02), points, &rounds));
    assert!(told.contains("(n=a) is unusual: 0.35900 Mbit/s"), "{told}");
    assert!(told.contains("(n=b) is unusual: 0.13559 Mbit/s"), "{told}");
}
