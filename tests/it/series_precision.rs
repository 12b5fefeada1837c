//! Rounds that a series adds until its medians are known precisely enough, with values that follow from the trial.

use crate::support::{Finished, Folder, conductor, eventually, kill, run, start};

/// In the first ten rounds, the values of `codel` are far apart; later ones are in the middle.
const STEP: &str = "round=$(((CONDUCTOR_TRIAL + 1) / 2)); case %(qdisc)s in codel) \
    [ $round -le 10 ] && echo goodput $((900 + 10 * round)) || echo goodput 955;; *) echo goodput 1000;; esac";

fn test(folder: &Folder, series: &str) {
    let text = format!(
        "[Test]\ntrials = 10\nresults = results\n\
         [Parameters]\nqdisc = fq_codel, codel\n\
         [Series]\norder = interleaved\n{series}\n\
         [Workers]\nclient = @ 127.0.0.1\n\
         [client:Run]\nload = {STEP}\n\
         [Metric goodput]\nfrom = client.run.load\nregex = goodput (\\d+)\n"
    );
    folder.file("test.cfg", &text);
}

fn conduct(folder: &Folder, more: &[&str]) -> Finished {
    run(folder, ["conduct", "--local", "--quiet"].iter().chain(more))
}

/// What is said about the precision.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("Precision: ")).collect()
}

/// The numbers of the trials that began, with their points.
fn trials(folder: &Folder) -> Vec<(u64, String)> {
    let events = folder.read("results/r/events.jsonl");
    let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let begun = events.filter(|event| event["event"] == "trial_started");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    begun.map(|event| (event["trial"].as_u64().expect("a number"), text(&event["point"]))).collect()
}

fn planned(last: u64) -> Vec<(u64, String)> {
    let point = |trial| if trial % 2 == 1 { "qdisc=fq_codel" } else { "qdisc=codel" };
    (1..=last).map(|trial| (trial, point(trial).to_owned())).collect()
}

const FIRST: &str = "Precision: goodput of client at qdisc=codel: ±3.66 %, wanted 3 %: at most 40 more trials";
const SECOND: &str = "Precision: goodput of client at qdisc=codel: ±3.66 %, wanted 3 %: at most 38 more trials";
const ENOUGH: &str = "Precision: all medians are precise enough after 24 trials";

#[test]
fn rounds_are_added_until_the_medians_are_precise_and_every_report_says_why() {
    let folder = Folder::new();
    test(&folder, "precision = 3%\nmax_trials = 30");
    let reports = ["--report", "json=report.json", "--report", "markdown=report.md", "--report", "jsonl=lines"];
    let finished = conduct(&folder, &[&["--run-id", "r", "test.cfg"][..], &reports].concat());
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(lines(&finished.stdout), [FIRST, SECOND, ENOUGH]);
    assert!(finished.stdout.contains("20 to 60 trials of"), "{finished:#?}");
    assert!(finished.stdout.contains("Trial 20 of 20 (qdisc=codel)"), "{finished:#?}");
    assert!(finished.stdout.contains("Trial 22 of 22 (qdisc=codel)"), "{finished:#?}");
    assert!(finished.stdout.contains("\npassed: 24 of 24 trials; "), "{finished:#?}");
    assert_eq!(trials(&folder), planned(24));
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    let expected = serde_json::json!({"reached": true, "text": ENOUGH.trim_start_matches("Precision: ")});
    assert_eq!((&report["precision"], &report["metadata"]["total_trials"]), (&expected, &24.into()));
    assert_eq!(lines(&folder.read("report.md")), [ENOUGH]);
    assert!(folder.read("results/r/report.html").contains(ENOUGH));
    // A report that is made from the record says the same.
    let again = run(&folder, ["report", "results/r", "-f", "text"]);
    assert_eq!(lines(&again.stdout), [FIRST, SECOND, ENOUGH], "{again:#?}");
    assert!(again.stdout.contains("\npassed: 24 of 24 trials; "), "{again:#?}");
}

#[test]
fn a_series_that_does_not_become_precise_ends_at_the_most_trials_and_goes_on_when_more_are_allowed() {
    let folder = Folder::new();
    test(&folder, "precision = 3%\nmax_trials = 11");
    let finished = conduct(&folder, &["--run-id", "r", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let last =
        "Precision: goodput of client at qdisc=codel: ±3.66 %, wanted 3 %: no more trials, because of `max_trials`";
    assert_eq!(lines(&finished.stdout).last(), Some(&last), "{finished:#?}");
    assert_eq!(trials(&folder), planned(22));
    // Neither the precision nor the number of trials changes what the run does.
    test(&folder, "precision = 3%\nmax_trials = 30");
    let finished = run(&folder, ["conduct", "--quiet", "--resume", "results/r"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains(": 22 of 22 trials are done"), "{finished:#?}");
    assert_eq!(lines(&finished.stdout).last(), Some(&ENOUGH), "{finished:#?}");
    assert_eq!(trials(&folder), planned(24));
    // Now it has all that it needs.
    let finished = run(&folder, ["conduct", "--quiet", "--resume", "results/r"]);
    assert_eq!((finished.status, trials(&folder)), (Some(0), planned(24)), "{finished:#?}");
    assert_eq!(lines(&finished.stdout).last(), Some(&ENOUGH), "{finished:#?}");
}

#[test]
fn a_series_that_is_killed_while_trials_are_added_goes_on_as_if_it_had_not_been() {
    let folder = Folder::new();
    test(&folder, "precision = 3%\nmax_trials = 30");
    let here = folder.path().display();
    let wait = format!(
        "[ $CONDUCTOR_TRIAL != 22 ] || until test -e {here}/go; do : > {here}/waits; sleep 0.02; done; \
                 echo $CONDUCTOR_TRIALS >> {here}/planned; "
    );
    folder.file("test.cfg", &folder.read("test.cfg").replace("load = ", &format!("load = {wait}")));
    let mut child =
        start(conductor(&folder, ["conduct", "--local", "--quiet", "--run-id", "r", "test.cfg", "-o", "out"]));
    eventually("trial 22", || folder.join("waits").exists() && trials(&folder).len() == 22);
    kill(child.id(), 9);
    child.wait().expect("it is killed");
    folder.file("go", "");
    let finished = run(&folder, ["conduct", "--quiet", "--resume", "results/r"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(lines(&finished.stdout), [FIRST, SECOND, ENOUGH], "{finished:#?}");
    assert!(finished.stdout.contains(": 21 of 22 trials are done"), "{finished:#?}");
    let told = folder.read("planned");
    assert!(told.lines().all(|trials| trials == "20"), "those that were added are not counted: {told}");
    let begun: Vec<_> = planned(22).into_iter().chain(planned(24).split_off(21)).collect();
    assert_eq!(trials(&folder), begun);
}

#[test]
fn precision_is_refused_without_what_it_needs() {
    let folder = Folder::new();
    for (series, message) in [
        ("precision = 3%", "`precision` needs `max_trials` in `[Series]`"),
        ("precision = 3%\nmax_trials = 9", "`max_trials` is less than `trials`, 10"),
        ("max_trials = 20", "`max_trials` needs a `precision`"),
        ("precision = 3 percent\nmax_trials = 20", "`3 percent` is neither a percentage such as `3%` nor a number"),
        ("precision = 3%\nmax_trials = 6000", "the series has 12000 trials, more than 10000"),
    ] {
        test(&folder, series);
        let finished = conduct(&folder, &["test.cfg"]);
        assert_eq!(finished.status, Some(1), "{series}: {finished:#?}");
        assert!(finished.stderr.contains(message), "{series}: {finished:#?}");
    }
    let workers = "[Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = echo 1\n";
    let metric = "[Metric m]\nfrom = w.run.s\n";
    for (text, message) in [
        (format!("[Series]\nprecision = 3%\nmax_trials = 20\n{workers}"), "`precision` needs a metric"),
        (format!("{workers}{metric}precision = 3%\n"), "`precision` needs `max_trials` in `[Series]`"),
        (
            format!("[Series]\nprecision = 3%\nmax_trials = 9\n{workers}{metric}"),
            "a median cannot be precise enough with fewer than 10 trials",
        ),
    ] {
        folder.file("test.cfg", &format!("[Test]\ntrials = 2\n{text}"));
        let finished = conduct(&folder, &["test.cfg"]);
        assert_eq!(finished.status, Some(1), "{text}: {finished:#?}");
        assert!(finished.stderr.contains(message), "{text}: {finished:#?}");
    }
}

#[test]
fn validate_and_a_dry_run_say_how_many_trials_there_are_at_most() {
    let folder = Folder::new();
    test(&folder, "warmup = 1\nprecision = 3%\nmax_trials = 30");
    run(&folder, ["validate", "test.cfg"]).assert(0, "", "test.cfg: 2 points, 22 to 62 trials\n");
    let finished = conduct(&folder, &["--dry-run", "test.cfg"]);
    assert!(finished.stdout.starts_with("test.cfg: 22 to 62 trials of "), "{finished:#?}");
}
