//! A series of points in one run: what steps and `check` get, which trial is of which point, and which points are chosen.

use crate::support::{Folder, run};

const TEST: &str = "\
[Test]
trials = 2
check = echo check %(qdisc)s $CONDUCTOR_PARAM_RTT
results = results
[Parameters]
qdisc = codel, pfifo
rtt = 10ms, 20ms
[Series]
order = interleaved
warmup = 1
[Workers]
a = @ 127.0.0.1
b = @ 127.0.0.1
[Environment]
QDISC = %(qdisc)s
[*:Run]
qdisc = echo %(worker)s %(qdisc)s $CONDUCTOR_PARAM_RTT $QDISC
[*:Reset]
undo = echo undo %(qdisc)s
";

fn conduct(folder: &Folder, more: &[&str]) -> crate::support::Finished {
    let arguments = ["conduct", "--local", "-q", "--run-id", "r", "test.cfg"];
    run(folder, arguments.iter().chain(more))
}

#[test]
fn each_trial_has_the_values_of_its_point_in_steps_environment_and_check() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    let finished = conduct(&folder, &["-f", "json", "-o", "report.json"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let points = [("codel", "10ms"), ("codel", "20ms"), ("pfifo", "10ms"), ("pfifo", "20ms")];
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    let trials = report["trials"].as_array().expect("a list");
    assert_eq!(trials.len(), 12);
    for (trial, (qdisc, rtt)) in trials.iter().zip(points.iter().cycle()) {
        let number = trial["trial_number"].as_u64().expect("a number");
        assert_eq!(trial["point"], format!("qdisc={qdisc},rtt={rtt}"));
        assert_eq!(trial["round"], 1 + (number - 1) / 4);
        assert_eq!(trial["warm_up"].as_bool(), (number <= 4).then_some(true));
        assert_eq!(trial["check"]["stdout"], format!("check {qdisc} {rtt}\n"));
        for worker in ["a", "b"] {
            let printed = |phase: &str| &trial["phases"][phase]["workers"][worker]["results"][0]["stdout"];
            assert_eq!(*printed("run"), format!("{worker} {qdisc} {rtt} {qdisc}\n"), "{trial:#}");
            assert_eq!(*printed("reset"), format!("undo {qdisc}\n"));
        }
    }
}

#[test]
fn durations_are_those_of_all_points_without_warm_up_and_say_so() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    let finished = conduct(&folder, &["--report", "json=report.json", "--report", "html=page.html"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("\nStatistics of 8 trials, over all points\n"), "{}", finished.stdout);
    assert!(folder.read("page.html").contains("<h2>Durations of 8 trials, over all points</h2>"));
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    let rows = report["statistics"].as_array().expect("a list");
    let run: Vec<_> = rows.iter().filter(|row| row["phase"] == "run").map(|row| (&row["of"], &row["count"])).collect();
    let expected = [("phase", 8), ("start_skew", 8), ("step", 16)];
    let expected = expected.map(|(of, count)| (of.into(), count.into()));
    assert_eq!(run, expected.iter().map(|(of, count): &(serde_json::Value, _)| (of, count)).collect::<Vec<_>>());
}

#[test]
fn a_report_of_a_kept_run_names_the_points_as_the_run_did() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    let report = ["--report", "text=report.txt", "--report", "json=report.json"];
    assert_eq!(conduct(&folder, &report).status, Some(0));
    for (format, file) in [("text", "report.txt"), ("json", "report.json")] {
        let again = run(&folder, ["report", "results/r", "-f", format, "-o", "again"]);
        assert_eq!(again.status, Some(0), "{again:#?}");
        let without_times = |text: String| {
            text.lines()
                .filter(|line| line.contains("Trial") || line.contains("\"point\""))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let (first, second) = (without_times(folder.read(file)), without_times(folder.read("again")));
        assert!(first.contains("qdisc=pfifo,rtt=20ms"), "{first}");
        assert_eq!(first, second);
    }
}

#[test]
fn the_command_line_chooses_points_and_sets_parameters() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    for (more, expected) in [
        (&["-P", "qdisc=codel"][..], "qdisc=codel,rtt=10ms qdisc=codel,rtt=20ms"),
        (&["-P", "qdisc=cake", "--points", "rtt=20ms"], "qdisc=cake,rtt=20ms"),
        (
            &["--points", "qdisc=pfifo,rtt=20ms", "--points", "qdisc=codel,rtt=10ms"],
            "qdisc=codel,rtt=10ms qdisc=pfifo,rtt=20ms",
        ),
    ] {
        let finished = conduct(&folder, &[&["--dry-run"], more].concat());
        let points: Vec<&str> = finished.stdout.lines().filter_map(|line| line.strip_prefix("point ")).collect();
        assert_eq!(points.join(" "), expected, "{finished:#?}");
    }
    for (more, expected) in [
        (["-P", "qdis=codel"], "there is no parameter `qdis`"),
        (["--points", "qdisc=cake"], "`--points` selects no point"),
        (["--points", "codel"], "`--points codel`: it does not have the form"),
    ] {
        let finished = conduct(&folder, &more);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains(expected), "{finished:#?}");
    }
}

#[test]
fn a_finding_that_does_not_occur_at_all_points_names_the_point() {
    let folder = Folder::new();
    let steps = "[w:Run]\nall = cd /tmp\nsome = %(command)s\n";
    let parameters = "[Parameters]\ncommand = true, cd /var\n";
    folder.file("test.cfg", &format!("[Test]\n{parameters}[Workers]\nw = @ 127.0.0.1\n{steps}"));
    let finished = run(&folder, ["validate", "test.cfg"]);
    let titles: Vec<&str> = finished.stdout.lines().filter(|line| line.contains("]: ")).collect();
    assert_eq!(titles.len(), 2, "{finished:#?}");
    assert!(titles[0].starts_with("warning[lost-state]") && !titles[0].contains("point"), "{titles:?}");
    assert!(titles[1].ends_with("(at the point `command=cd%20%2Fvar`)"), "{titles:?}");
}

#[test]
fn validate_says_how_many_points_and_trials_there_are() {
    let folder = Folder::new();
    folder.file("test.cfg", &TEST.replace("[*:Run]", "[*:Coordinator]\nplayer = 127.0.0.1\n[*:Run]"));
    run(&folder, ["validate", "test.cfg"]).assert(0, "", "test.cfg: 4 points, 12 trials\n");
    // One point is one too, and an ordinary test has none.
    folder.file("one.cfg", "[Workers]\nw = @ 127.0.0.1\n[Parameters]\nx = 1\n[w:Run]\ns = echo %(x)s\n");
    folder.file("none.cfg", "[Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = true\n");
    run(&folder, ["validate", "one.cfg", "none.cfg"]).assert(0, "", "one.cfg: 1 point, 1 trial\n");
    run(&folder, ["validate", "-f", "json", "one.cfg"]).assert(0, "[]\n", "one.cfg: 1 point, 1 trial\n");
}

#[test]
fn a_dry_run_shows_order_duration_and_what_differs_at_each_point() {
    let folder = Folder::new();
    folder
        .file("test.cfg", &TEST.replace("qdisc = codel, pfifo\nrtt = 10ms, 20ms", "qdisc = codel, pfifo\nrtt = 10ms"));
    let finished = conduct(&folder, &["--dry-run"]);
    let expected = "\
test.cfg: 6 trials of startup, run, collect, reset on 2 workers
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m
order interleaved
point qdisc=codel,rtt=10ms
point qdisc=pfifo,rtt=10ms
trial 1 (qdisc=codel,rtt=10ms, warm-up)
trial 2 (qdisc=pfifo,rtt=10ms, warm-up)
trial 3 (qdisc=codel,rtt=10ms)
trial 4 (qdisc=pfifo,rtt=10ms)
trial 5 (qdisc=codel,rtt=10ms)
trial 6 (qdisc=pfifo,rtt=10ms)
expected duration unknown: the results folder has no earlier run of this test
steps of the point qdisc=codel,rtt=10ms; those that differ at other points follow them
check echo check codel $CONDUCTOR_PARAM_RTT

a at 127.0.0.1:6970
...
at the point qdisc=pfifo,rtt=10ms
  a run    qdisc (at most 1h)  echo a pfifo $CONDUCTOR_PARAM_RTT $QDISC
  a reset  undo (at most 5m)   echo undo pfifo
  b run    qdisc (at most 1h)  echo b pfifo $CONDUCTOR_PARAM_RTT $QDISC
  b reset  undo (at most 5m)   echo undo pfifo
  check                        echo check pfifo $CONDUCTOR_PARAM_RTT
";
    snapbox::assert_data_eq!(finished.stdout, expected);
    // After a run, it is as long as that.
    assert_eq!(conduct(&folder, &[]).status, Some(0));
    let finished = conduct(&folder, &["--dry-run"]);
    assert!(finished.stdout.contains("\nexpected duration about "), "{finished:#?}");
    assert!(finished.stdout.contains(" s, by the trials of run r\n"), "{finished:#?}");
    let finished = conduct(&folder, &["--dry-run", "-f", "json"]);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let expected = &json["expected_duration"];
    assert!(expected["run"] == "r" && expected["seconds"].as_f64().is_some_and(|own| own > 0.0), "{finished:#?}");
}

#[test]
fn the_page_names_the_point_of_each_trial_and_has_no_such_column_without_points() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    assert_eq!(conduct(&folder, &[]).status, Some(0));
    let page = folder.read("results/r/report.html");
    assert!(page.contains("<th scope=\"col\">Point</th>"), "{page}");
    let cell = |row: &str| {
        let cell = row.split_once("<td data-label=\"Point\">").expect("a cell").1;
        cell.split_once("</td>").expect("its end").0.to_owned()
    };
    let rows: Vec<_> = page.split("<tr id=\"trial-").skip(1).map(cell).collect();
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[3], "<code>qdisc=pfifo,rtt=20ms</code> <span class=\"dim small\">warm-up</span>");
    assert_eq!(rows[4], "<code>qdisc=codel,rtt=10ms</code>");
    folder.file("test.cfg", "[Test]\nresults = results\n[Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = true\n");
    let plain = run(&folder, ["conduct", "--local", "-q", "--run-id", "plain", "test.cfg"]);
    assert_eq!(plain.status, Some(0), "{plain:#?}");
    assert!(!folder.read("results/plain/report.html").contains(">Point<"));
}

#[test]
fn a_run_that_is_resumed_has_the_points_that_it_had() {
    for option in [["-P", "qdisc=codel"], ["--points", "qdisc=codel"]] {
        let finished = run(&Folder::new(), ["conduct", "--resume", "results/r"].iter().chain(&option));
        assert_eq!(finished.status, Some(2), "{finished:#?}");
        let expected = "error: the argument '--resume <RUN>' cannot be used with '--p";
        assert!(finished.stderr.starts_with(expected), "{finished:#?}");
    }
    run(&Folder::new(), ["conduct", "--resume", "latest", "--local"]).assert(
        2,
        "",
        "\
error: the argument '--resume <RUN>' cannot be used with '--local'

  hint: a run that is resumed keeps the options with which it began; remove this one

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.
",
    );
}

#[test]
fn so_few_trials_are_reported_as_the_rows_of_the_report_need() {
    let folder = Folder::new();
    let text = |metrics: &str| {
        format!(
            "[Test]\ntrials = 6\n[Parameters]\nx = 1, 2, 3\n[Series]\nbaseline = x=1\n\
             [Workers]\na[1-3] = @ 127.0.0.1\n[*:Run]\ngo = echo %(x)s\n{metrics}"
        )
    };
    for (metrics, hint) in [
        ("[Metric m]\nfrom = a[1-3].run.go\nacross = sum\n", "use at least 7 trials to compare 2 points by 1 metric"),
        (
            "[Metric m]\nfrom = a[1-3].run.go\n[Metric t]\nfrom = step.a[1-3].run.go\n[Metric s]\nfrom = start_skew.run\n",
            "use at least 10 trials to compare 2 points by 3 metrics, 14 rows with those of each worker",
        ),
    ] {
        folder.file("test.cfg", &text(metrics));
        let finished = run(&folder, ["validate", "test.cfg"]);
        assert!(finished.stdout.contains("warning[few-trials]"), "{finished:#?}");
        assert!(finished.stdout.contains(&format!("hint: {hint}\n")), "{finished:#?}");
    }
}

#[test]
fn several_values_in_one_option_are_refused_with_the_form_that_is_meant() {
    let folder = Folder::new();
    folder.file("test.cfg", TEST);
    let finished = conduct(&folder, &["--dry-run", "-P", "qdisc=codel,pfifo"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for text in [
        "the parameter `qdisc` has no value `codel,pfifo`",
        "hint: for several values, repeat the option: `-P qdisc=codel -P qdisc=pfifo`\n",
    ] {
        assert!(finished.stderr.contains(text), "{finished:#?}");
    }
}

#[test]
fn a_mistake_in_a_parameter_has_no_other_findings_as_its_consequences() {
    let folder = Folder::new();
    let rest = "[Workers]\nw1 = @ 127.0.0.1\n[w1:Run]\ngo = echo %(level)s\n";
    for (lines, expected) in [
        (
            "[Parameters]\nlevel = [6-1]\n[Series]\nbaseline = level=1\nexclude = level=2\n",
            &["error[invalid-value]: the parameter `level` has the range `[6-1]`, which ends before it begins"][..],
        ),
        (
            "[Parameters]\nlevel = 1\n[w1:Collect]\ndone = echo %(levle)s\n[Metric n]\nfrom = w1.collect.done\n",
            &["error[undefined-variable]: the variable `levle` is not defined"],
        ),
        (
            "[Parameters]\nlevel = 1\n[Metric n]\nfrom = w1.run.go\n[Metric n]\nfrom = w1.run.go\n",
            &["error[duplicate-section]: `[Metric n]` is defined twice"],
        ),
    ] {
        folder.file("test.cfg", &format!("{lines}{rest}"));
        let finished = run(&folder, ["validate", "test.cfg"]);
        let titles: Vec<&str> = finished.stdout.lines().filter(|line| line.contains("]: ")).collect();
        assert_eq!(titles, expected, "{finished:#?}");
    }
    folder.file("test.cfg", "[Series]\nbaseline = a=1\n[Workers]\nw = @ 127.0.0.1\n[w:Run]\ngo = true\n");
    let finished = run(&folder, ["validate", "test.cfg"]);
    assert!(
        finished.stdout.contains("hint: the test has no parameters; add them to `[Parameters]`\n"),
        "{finished:#?}"
    );
}

#[test]
fn a_misspelt_section_of_a_series_or_metric_is_an_error() {
    let folder = Folder::new();
    for (name, meant) in [("Serie", "Series"), ("Parameter", "Parameters"), ("Metrics v", "Metric v")] {
        folder.file("test.cfg", &format!("[Workers]\nw = @ 127.0.0.1\n[w:Run]\ngo = true\n[{name}]\na = 1\n"));
        let finished = run(&folder, ["validate", "test.cfg"]);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        for text in
            [format!("error[section-name]: unknown section `[{name}]`\n"), format!("hint: did you mean `[{meant}]`?\n")]
        {
            assert!(finished.stdout.contains(&text), "{finished:#?}");
        }
    }
}
