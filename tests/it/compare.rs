//! `conductor compare` and `conductor history`, with runs that `conduct` made.

use crate::support::{Finished, Folder, run};
use serde_json::Value;
use snapbox::{assert_data_eq, str};

/// Runs a test of so many trials in which `load` prints the number that this shell arithmetic comes to; `t` is the number
/// of the trial. The results are in `results/NAME`.
fn measured(folder: &Folder, name: &str, trials: u32, load: &str, metrics: &str) {
    let text = format!(
        "[Test]\ntrials = {trials}\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = t=$CONDUCTOR_TRIAL; echo $(({load}))\n\
         {metrics}\n[*:Coordinator]\nplayer = 127.0.0.1\n"
    );
    folder.file("test.cfg", &text);
    let finished = run(folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", name, "test.cfg"]);
    assert!(matches!(finished.status, Some(0 | 3)), "{finished:#?}");
}

const GOODPUT: &str = "[Metric goodput]\nfrom = client.run.load\nunit = Mbit/s\nbetter = higher\nthreshold = 2%\n";

fn compare(folder: &Folder, arguments: &[&str]) -> Finished {
    run(folder, [&["compare"], arguments].concat())
}

/// What a comparison prints behind the table of runs, whose dates differ.
fn told(finished: &Finished) -> String {
    finished.stdout.split_once("\n\n").map_or(finished.stdout.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn a_metric_that_became_worse_ends_with_status_3() {
    let folder = Folder::new();
    measured(&folder, "before", 10, "1000 + t * 7 % 10", GOODPUT);
    measured(&folder, "after", 10, "900 + t * 7 % 10", GOODPUT);
    let finished = compare(&folder, &["results/before", "results/latest"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
    assert_data_eq!(
        told(&finished),
        str![[r#"
in after, this differs from before:
  workers client phases run load command: `t=$CONDUCTOR_TRIAL; echo $((900 + t * 7 % 10))` instead of `t=$CONDUCTOR_TRIAL; echo $((1000 + t * 7 % 10))`

goodput of client, Mbit/s (higher is better)  median  95 % CI           trials  against before, unpaired, threshold 2 %
  before                                      1004.5  [1001.0, 1008.0]      10  baseline
  after                                        904.5  [901.0, 908.0]        10  -10.0 %  [-10.2, -9.7]  worse

worse: 1 worse

"#]]
    );
    let back = compare(&folder, &["results/after", "results/before"]);
    assert_eq!(back.status, Some(0), "{back:#?}");
    assert!(back.stdout.ends_with("not worse: 1 better\n"), "{}", back.stdout);
    let wide = compare(&folder, &["--threshold", "20%", "results/before", "results/after"]);
    assert_eq!(wide.status, Some(0), "{wide:#?}");
    assert!(wide.stdout.ends_with("not worse: 1 same\n"), "{}", wide.stdout);
    let json = compare(&folder, &["-f", "json", "results/before", "results/after"]);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["metrics"][0]["points"][1]["comparison"]["verdict"], "worse");
    assert_eq!(json["exit_status"], 3);
    let csv = compare(&folder, &["-f", "csv", "results/before", "results/after"]);
    assert!(
        csv.stdout.lines().nth(2).is_some_and(|line| line.contains(",after,") && line.contains(",worse,")),
        "{csv:#?}"
    );
    let markdown = compare(&folder, &["-f", "markdown", "results/before", "results/after"]);
    assert!(markdown.stdout.starts_with("## worse: 1 worse\n\n| Runs |"), "{}", markdown.stdout);
    let difference = "\n- after differs: workers client phases run load command: \
                      `t=$CONDUCTOR_TRIAL; echo $((900 + t * 7 % 10))` instead of \
                      `t=$CONDUCTOR_TRIAL; echo $((1000 + t * 7 % 10))`\n";
    assert!(markdown.stdout.contains(difference), "{}", markdown.stdout);
}

#[test]
fn three_trials_each_are_undecided_and_say_how_many_are_needed() {
    let folder = Folder::new();
    measured(&folder, "a", 3, "1000 + t", GOODPUT);
    measured(&folder, "b", 3, "500 + t", GOODPUT);
    let finished = compare(&folder, &["results/a", "results/b"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_data_eq!(
        told(&finished),
        str![[r#"
in b, this differs from a:
  workers client phases run load command: `t=$CONDUCTOR_TRIAL; echo $((500 + t))` instead of `t=$CONDUCTOR_TRIAL; echo $((1000 + t))`

goodput of client, Mbit/s (higher is better)  median  95 % CI         trials  against a, unpaired, threshold 2 %
  a                                             1002  needs 6 trials       3  baseline
  b                                              502  needs 6 trials       3  -49.9 %  undecided, needs about 4 trials

not worse: 1 undecided

"#]]
    );
    assert_eq!(compare(&folder, &["--strict", "results/a", "results/b"]).status, Some(4));
}

#[test]
fn a_metric_that_is_missing_ends_with_status_4_and_without_any_in_common_with_status_1() {
    let folder = Folder::new();
    let drops = "[Metric drops]\nfrom = client.run.load\nunit = packets\n";
    measured(&folder, "both", 4, "t", &format!("{GOODPUT}{drops}"));
    measured(&folder, "one", 4, "t", GOODPUT);
    measured(&folder, "none", 1, "t", "");
    let finished = compare(&folder, &["results/both", "results/one"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(
        finished.stdout.contains("\nmissing: one has no value of drops of client, packets\n"),
        "{}",
        finished.stdout
    );
    assert_eq!(compare(&folder, &["results/one", "results/both"]).status, Some(0), "more is not missing");
    let none = compare(&folder, &["results/none", "results/one"]);
    assert_eq!(none.status, Some(1), "{none:#?}");
    assert!(none.stdout.ends_with("not comparable: no metric has values in both\n"), "{}", none.stdout);
    let finished = compare(&folder, &["results", "results/one"]);
    assert_eq!(finished.status, Some(1));
    assert!(finished.stderr.contains("`results` is not the folder of a run"), "{finished:#?}");
    let finished = compare(&folder, &["--by", "rate", "results/one"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(1), "error: the runs have no parameter `rate`\n"));
}

#[test]
fn a_run_that_fails_more_often_ends_with_status_3() {
    let folder = Folder::new();
    let expected = format!("{GOODPUT}expect = 0..1006\n");
    measured(&folder, "good", 10, "1000", &expected);
    measured(&folder, "bad", 10, "1000 + t", &expected);
    let finished = compare(&folder, &["results/good", "results/bad"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let expected =
        "bad fails more often: 4 of 10 trials, 0 of 10 in good (p = 0.043)\nworse: 1 same, 1 failing more often\n";
    assert!(finished.stdout.ends_with(expected), "{}", finished.stdout);
}

#[test]
fn the_history_of_a_metric_has_a_row_for_each_run_in_the_order_of_time() {
    let folder = Folder::new();
    measured(&folder, "z", 7, "1000 + t", GOODPUT);
    measured(&folder, "m", 7, "1001 + t", GOODPUT);
    measured(&folder, "a", 7, "800 + t", GOODPUT);
    measured(&folder, "other", 1, "t", "");
    let history = |metric: &str| run(&folder, ["history", "results", "--metric", metric]);
    let finished = history("goodput");
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let undated: String = finished
        .stdout
        .lines()
        .map(|line| line.rsplit_once("  20").map_or(line, |(line, _)| line).trim_end().to_owned() + "\n")
        .collect();
    assert_data_eq!(
        undated,
        str![[r#"
goodput of client, Mbit/s (higher is better)  median  95 % CI       trials  against the run before, unpaired, threshold 2 %  started
  z                                             1004  [1001, 1007]       7
  m                                             1005  [1002, 1008]       7   +0.1 %  [-0.2, +0.4]    same
  a                                              804  [801, 807]         7  -20.0 %  [-20.3, -19.7]  worse
Intervals are not adjusted for multiple comparisons; verdicts are adjusted for 2.

"#]]
    );
    let times = history("step.client.run.load");
    assert_eq!(
        (times.status, times.stdout.lines().filter(|line| line.contains("  20")).count()),
        (Some(0), 4),
        "{times:#?}"
    );
    let none = history("latency");
    assert_eq!(none.stderr, "error: no run in `results` has the metric `latency`\n");
    assert_eq!(none.status, Some(1));
}

/// The lines of CSV, each as the cells of these columns. None of the cells is in quotation marks.
fn csv_columns(text: &str, wanted: &[&str]) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heads = lines.next().expect("a head");
    let places = wanted.iter().map(|name| heads.iter().position(|head| head == name).expect(name));
    let places: Vec<usize> = places.collect();
    lines.map(|line| places.iter().map(|place| line[*place]).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_history_as_csv_has_the_columns_of_a_comparison_with_plain_numbers() {
    let folder = Folder::new();
    for (name, base) in [("z", 1000), ("a", 800)] {
        let text = format!(
            "[Test]\ntrials = 7\n[Parameters]\nqdisc = fq, codel\n[Series]\norder = blocked\nbaseline = qdisc=fq\n\
             [Workers]\nclient = @ 127.0.0.1\n[client:Run]\n\
             load = : %(qdisc)s; echo $(({base} + $CONDUCTOR_TRIAL))\n{GOODPUT}"
        );
        folder.file("test.cfg", &text);
        let finished = run(&folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", name, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
    let finished = run(&folder, ["history", "results", "--metric", "goodput", "-f", "csv"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let heads = "metric,worker,unit,run,started,point,param.qdisc,median,low,high,counted,trials,scale,change,change_low,\
                 change_high,verdict,trials_needed";
    assert_eq!(finished.stdout.lines().next(), Some(heads));
    let columns =
        ["metric", "worker", "unit", "run", "point", "param.qdisc", "median", "low", "high", "counted", "trials"];
    assert_eq!(
        csv_columns(&finished.stdout, &columns),
        [
            "goodput client Mbit/s z qdisc=fq fq 1004 1001 1007 7 7",
            "goodput client Mbit/s a qdisc=fq fq 804 801 807 7 7",
            "goodput client Mbit/s z qdisc=codel codel 1011 1008 1014 7 7",
            "goodput client Mbit/s a qdisc=codel codel 811 808 814 7 7",
        ]
    );
    assert_eq!(csv_columns(&finished.stdout, &["scale", "verdict"]), [" ", "ratio worse", " ", "ratio worse"]);
    for started in csv_columns(&finished.stdout, &["started"]) {
        assert!(started.starts_with("20") && started.ends_with('Z') && started.contains('T'), "{started}");
    }
    let compared = compare(&folder, &["-f", "csv", "results/z", "results/a"]);
    assert_eq!(compared.stdout.lines().next(), Some(heads), "{compared:#?}");
}

/// The verdict about two equal points of ten trials each, on a system that becomes 10 % slower from the first trial to the
/// last.
fn verdict_of_a_drift(order: &str, seed: u32) -> String {
    let folder = Folder::new();
    let text = format!(
        "[Test]\ntrials = 10\n[Parameters]\nqueue = a, b\n[Series]\norder = {order}\nseed = {seed}\nbaseline = queue=a\n\
         [Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = : %(queue)s; echo $((100000 - 500 * $CONDUCTOR_TRIAL))\n\
         {GOODPUT}\n[*:Coordinator]\nplayer = 127.0.0.1\n"
    );
    folder.file("test.cfg", &text);
    let finished = run(&folder, ["conduct", "--local", "-q", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let points = &document["metrics"][0]["points"];
    assert_eq!((&points[0]["counted"], &points[1]["counted"]), (&Value::from(10), &Value::from(10)), "{points:#}");
    points[1]["comparison"]["verdict"].as_str().expect("a verdict").to_owned()
}

#[test]
fn a_drift_makes_equal_points_differ_only_if_one_is_measured_after_the_other() {
    for (order, seed) in [("shuffled", 1), ("shuffled", 4711), ("interleaved", 1)] {
        let verdict = verdict_of_a_drift(order, seed);
        assert!(["same", "undecided"].contains(&verdict.as_str()), "{order}, seed {seed}: {verdict}");
    }
    assert_eq!(verdict_of_a_drift("blocked", 1), "worse");
}

#[test]
fn a_step_that_differs_at_several_points_is_told_once() {
    let folder = Folder::new();
    for (name, load, save) in [("before", "1", "n"), ("after", "2", "$((n > 1 ? 0 : n))")] {
        let text = format!(
            "[Test]\ntrials = 1\n[Parameters]\nn = 1, 2, 3\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\n\
             load = echo %(n)s{load}\nsave = n=%(n)s; echo {save}\n{GOODPUT}"
        );
        folder.file("test.cfg", &text);
        let finished = run(&folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", name, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
    let finished = compare(&folder, &["results/before", "results/after"]);
    let differences: Vec<_> = finished.stdout.lines().filter(|line| line.contains("instead of")).collect();
    assert_eq!(
        differences,
        [
            "  workers client phases run load command, and at 2 more points: `echo 12` instead of `echo 11`",
            "  workers client phases run save command, and at 2 more points: `n=1; echo $((n > 1 ? 0 : n))` instead of `n=1; echo n`",
        ]
    );
    let json = compare(&folder, &["-f", "json", "results/before", "results/after"]);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let whats: Vec<_> =
        json["runs"][1]["differences"].as_array().expect("a list").iter().map(|own| &own["what"]).collect();
    assert_eq!(whats[0], "series points n=2 workers client phases run load command", "{whats:?}");
    assert_eq!(whats.len(), 6, "{whats:?}");
}

#[test]
fn the_number_of_trials_their_order_and_the_lines_of_the_test_file_are_no_differences() {
    let folder = Folder::new();
    for (name, trials, comment) in [("before", 3, ""), ("after", 2, "# Another line\n")] {
        let text = format!(
            "{comment}[Test]\ntrials = {trials}\n[Parameters]\nn = 1, 2\n[Workers]\nclient = @ 127.0.0.1\n\
             [client:Run]\nload = echo %(n)s\n{GOODPUT}"
        );
        folder.file("test.cfg", &text);
        let finished = run(&folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", name, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
    let finished = compare(&folder, &["results/before", "results/after"]);
    assert!(!finished.stdout.contains("differs"), "{}", finished.stdout);
}

#[test]
fn a_point_that_one_run_does_not_have_is_missing_and_no_difference_of_the_configurations() {
    let folder = Folder::new();
    for (name, values) in [("before", "1, 2"), ("after", "2, 3")] {
        let text = format!(
            "[Test]\ntrials = 1\n[Parameters]\nn = {values}\n[Workers]\nclient = @ 127.0.0.1\n\
             [client:Run]\nload = echo %(n)s\n{GOODPUT}"
        );
        folder.file("test.cfg", &text);
        let finished = run(&folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", name, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
    let finished = compare(&folder, &["results/before", "results/after"]);
    assert!(finished.stdout.contains("\nmissing: after does not have the point n=1\n"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("series points"), "{}", finished.stdout);
}
