//! A series that goes on: each point has each round once, whatever has changed since it began.

use std::collections::BTreeSet;

use super::{each_counts_once, events, killed_at_random};
use crate::support::{Folder, Player, conductor, eventually, kill, run, start};
use serde_json::Value;
use snapbox::str;

/// A series of 60 trials: four points, each with one trial of warm-up and 14 that count.
const SERIES: &str = "\
[Test]
trials = 14
results = kept
lease = 10m
[Parameters]
qdisc = codel, pfifo
streams = 1, 2
[Series]
warmup = 1
[Metric trial]
from = w.run.s
[Workers]
w = @ 127.0.0.1
[w:Reset]
r = true
[w:Run]
";

#[test]
fn each_point_of_a_series_that_is_killed_at_any_moment_is_complete_and_has_each_round_once() {
    let player = Player::start();
    killed_series(&format!("127.0.0.1:{}", player.port), &[]);
}

#[test]
fn a_series_on_machines_that_are_reached_through_commands_is_complete_too() {
    killed_series("127.0.0.1", &["--local"]);
}

/// Kills a series at random moments, and checks that nothing of it is missing or there twice.
fn killed_series(address: &str, how: &[&str]) {
    let folder = Folder::new();
    let step = format!("s = echo trial $CONDUCTOR_TRIAL; echo $CONDUCTOR_TRIAL >> {}/ran", folder.path().display());
    let series = SERIES.replace("127.0.0.1", address);
    folder.file("test.cfg", &format!("{series}{step}; : %(qdisc)s %(streams)s; sleep 0.02\n"));
    let first = [&["conduct", "-q"], how, &["--run-id", "r", "test.cfg", "-o", "out"]].concat();
    let context = killed_at_random(&folder, &first);
    each_counts_once(&folder, &context);
    let expected: BTreeSet<(u64, String)> =
        (1..=15).flat_map(|round| POINTS.map(|point| (round, point.to_owned()))).collect();
    // By the record, each point has each round in one trial, whatever attempt at it.
    let begun = events(&folder).into_iter().filter(|event| event["event"] == "trial_started");
    let places = begun.map(|event| {
        let text = |name: &str| event[name].to_string().trim_matches('"').to_owned();
        (event["trial"].as_u64().unwrap_or(0), (event["round"].as_u64().unwrap_or(0), text("point")))
    });
    let places: BTreeSet<_> = places.collect();
    assert_eq!(places.len(), 60, "{context}");
    assert_eq!(places.into_iter().map(|(_, place)| place).collect::<BTreeSet<_>>(), expected, "{context}");
    // So it is by the values; those of warm-up do not count.
    let counted = counted(&folder, &context);
    let expected: BTreeSet<_> = expected.into_iter().filter(|(round, _)| *round > 1).collect();
    assert_eq!(counted.len(), 56, "{context}");
    assert_eq!(counted.into_iter().collect::<BTreeSet<_>>(), expected, "{context}");
}

/// The round and the point of each value that counts; checks that it is the number of its trial.
fn counted(folder: &Folder, context: &str) -> Vec<(u64, String)> {
    let text = folder.read("kept/r/values.csv");
    // The names of points are in quotation marks, because they have commas.
    let rows = text.split_terminator("\r\n").skip(1).map(|row| row.split('"').collect::<Vec<_>>());
    let counted = rows.filter(|cells| cells[2].contains(",trial,") && cells[2].contains(",true,")).map(|cells| {
        let number = |at| cells[0].split(',').nth(at).and_then(|cell| cell.parse::<u64>().ok()).expect("a number");
        assert!(cells[2].ends_with(&format!(",w,{},,true,", number(0))), "{cells:?}: {context}");
        (number(1), cells[1].to_owned())
    });
    counted.collect()
}

/// The points of the series.
const POINTS: [&str; 4] =
    ["qdisc=codel,streams=1", "qdisc=codel,streams=2", "qdisc=pfifo,streams=1", "qdisc=pfifo,streams=2"];

/// A series of two points, one after the other, with two trials each.
const BLOCKED: &str = "\
[Test]
trials = 2
results = kept
[Parameters]
qdisc = codel, pfifo
[Series]
order = blocked
[Metric trial]
from = w.run.s
[Workers]
w = @ 127.0.0.1
[w:Reset]
r = true
[w:Run]
send = put:data-%(qdisc)s -> HERE/sent
s = echo at %(qdisc)s $CONDUCTOR_TRIAL
wait = test $CONDUCTOR_TRIAL != 3 || { : > HERE/waits; until test -e HERE/go; do sleep 0.02; done; }
";

/// That series, which is killed in its third trial, the first of its second point.
fn killed_in_the_third() -> Folder {
    let folder = Folder::new();
    folder.file("test.cfg", &BLOCKED.replace("HERE", &folder.path().display().to_string()));
    for name in ["data-codel", "data-pfifo", "data-cake"] {
        folder.file(name, "before");
    }
    let mut child = start(conductor(&folder, ["conduct", "-q", "--local", "--run-id", "r", "test.cfg", "-o", "out"]));
    // The record can be behind what the workers do.
    let begun = || folder.read("kept/r/events.jsonl").matches(r#""event":"trial_started""#).count();
    eventually("its third trial", || folder.join("waits").exists() && begun() == 3);
    kill(child.id(), 9);
    child.wait().expect("it is killed");
    folder.file("go", "");
    folder
}

/// Replaces something in a file.
fn change(folder: &Folder, file: &str, from: &str, to: &str) {
    let text = folder.read(file);
    assert!(text.contains(from), "{file} has `{from}`: {text}");
    folder.file(file, &text.replace(from, to));
}

/// The place of each trial that passed: `TRIAL POINT ROUND`.
fn places(folder: &Folder) -> Vec<String> {
    let (mut open, mut ended) = (String::new(), BTreeSet::new());
    for event in events(folder) {
        match event["event"].as_str() {
            Some("trial_started") => {
                let point = event["point"].as_str().unwrap_or("?").replace("qdisc=", "");
                open = format!("{} {point} {}", event["trial"], event["round"]);
            }
            Some("trial_ended") if event["verdict"] == "passed" => _ = ended.insert(open.clone()),
            _ => {}
        }
    }
    ended.into_iter().collect()
}

fn digest(folder: &Folder, file: &str) -> String {
    let document: Value = serde_json::from_str(&folder.read(&format!("kept/r/{file}"))).expect("JSON");
    document["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn trials_that_are_added_to_blocks_are_those_that_each_point_needs() {
    let folder = killed_in_the_third();
    let before = digest(&folder, "configuration.json");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--trials", "3", "-o", "out"]).assert(0, "", "");
    assert_eq!(places(&folder), ["1 codel 1", "2 codel 2", "3 pfifo 1", "4 codel 3", "5 pfifo 2", "6 pfifo 3"]);
    assert_eq!(digest(&folder, "configuration.json"), before, "it does what it did");
    let report: Value = serde_json::from_str(&folder.read("kept/r/report.json")).expect("a report");
    let trials = report["trials"].as_array().expect("a list").iter();
    let shown: Vec<_> = trials
        .map(|trial| format!("{} {} {}", trial["trial_number"], trial["point"].as_str().unwrap_or("?"), trial["round"]))
        .collect();
    assert_eq!(shown.join(" ").replace("qdisc=", ""), places(&folder).join(" "));
    run(&folder, ["report", "kept/r", "-f", "json", "-o", "again.json"]).assert(0, "", "");
    snapbox::assert_data_eq!(folder.read("again.json"), snapbox::Data::text(folder.read("kept/r/report.json")).raw());
}

#[test]
fn what_has_changed_in_a_series_is_refused_with_its_line() {
    let folder = killed_in_the_third();
    let record = folder.read("kept/r/events.jsonl");
    for (file, from, to, expected) in [
        (
            "test.cfg",
            "codel, pfifo",
            "codel, cake",
            "  test.cfg:5: parameter `qdisc`: `codel, pfifo` -> `codel, cake`\n\
             \x20 points: without: `qdisc=pfifo`\n\
             \x20 points: new: `qdisc=cake`\n",
        ),
        (
            "test.cfg",
            "echo at %(qdisc)s",
            "echo %(qdisc)s",
            "  test.cfg:16: w, run step 02 at `qdisc=codel`: `s = echo at codel $CONDUCTOR_TRIAL (at most 1h)` -> \
             `s = echo codel $CONDUCTOR_TRIAL (at most 1h)` (and at another point)\n",
        ),
        (
            "test.cfg",
            "[w:Reset]\nr = true",
            "[w:Reset]\nr = false",
            "  test.cfg:13: w, reset step 01: `r = true (at most 5m)` -> `r = false (at most 5m)`\n",
        ),
        ("test.cfg", "blocked", "interleaved", "  order: `blocked` -> `interleaved`\n"),
        ("test.cfg", "[Metric", "warmup = 1\n[Metric", "  warmup: `0` -> `1`\n"),
        ("test.cfg", "codel, pfifo", "pfifo, codel", "  point 1: `qdisc=codel` -> `qdisc=pfifo`\n"),
        (
            "test.cfg",
            "[Test]",
            "[Test]\ncheck = : %(qdisc)s",
            "  test.cfg:2: check at `qdisc=codel`: `` -> `: codel` (and at another point)\n",
        ),
        ("data-pfifo", "before", "after", "  test.cfg:15: w, contents of `data-pfifo`: `[..]` -> `[..]`\n"),
    ] {
        let before = folder.read(file);
        change(&folder, file, from, to);
        let finished = run(&folder, ["conduct", "-q", "--resume", "kept/r"]);
        folder.file(file, &before);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        let hint = "  hint: undo the changes; or use `--accept-changes`, and the statistics will not put trials from before and \
                    after together\n";
        let whole = format!("error: cannot resume run `r`: what it does has changed since it began:\n{expected}{hint}");
        snapbox::assert_data_eq!(finished.stderr, whole);
    }
    assert_eq!(folder.read("kept/r/events.jsonl"), record, "nothing was done");
}

#[test]
fn a_run_whose_report_cannot_be_opened_is_not_resumed_and_stays_as_it_is() {
    let folder = killed_in_the_third();
    change(&folder, "test.cfg", "blocked", "interleaved");
    change(&folder, "data-pfifo", "before", "after");
    let kept = || {
        let entries = std::fs::read_dir(folder.join("kept/r")).expect("a folder").map(|entry| entry.expect("an entry"));
        let names = entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name());
        names.map(|name| name.into_string().expect("UTF-8")).collect::<BTreeSet<_>>()
    };
    let all = || kept().into_iter().map(|name| (folder.read(&format!("kept/r/{name}")), name)).collect::<Vec<_>>();
    let before = all();
    let line = ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "none/out"];
    let refused = run(&folder, line);
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:#?}");
    assert!(refused.stderr.contains("none/out"), "{refused:#?}");
    assert_eq!(all(), before);
    // The changes are still found.
    let line = ["conduct", "-q", "--resume", "kept/r", "-o", "out"];
    let refused = run(&folder, line).stderr;
    assert!(refused.contains("order: ") && refused.contains("contents of `data-pfifo`"), "{refused}");
    let line = ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "out"];
    run(&folder, line).assert(0, "", "");
    assert!(folder.join("kept/r/configuration-1.json").exists());
}

#[test]
fn in_another_order_each_trial_keeps_its_point_and_its_round() {
    let folder = killed_in_the_third();
    let before = digest(&folder, "configuration.json");
    // The new order would begin with the trial of the second point that is not done.
    change(&folder, "test.cfg", "codel, pfifo", "pfifo, codel");
    change(&folder, "test.cfg", "blocked", "interleaved");
    change(&folder, "test.cfg", "s = echo at", "new = true\ns = echo at");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "out"]).assert(0, "", "");
    // Each trial has the steps with which it was run.
    let junit = folder.read("kept/r/junit.xml");
    let has = |trial: u32, step: &str| junit.contains(&format!("name=\"{step}\" classname=\"trial-{trial}.w.run\""));
    let of_trial = |trial| ["send", "new", "s", "wait"].map(|step| has(trial, step));
    assert_eq!((of_trial(1), of_trial(4)), ([true, false, true, true], [true; 4]), "{junit}");
    assert_eq!(places(&folder), ["1 codel 1", "2 codel 2", "3 pfifo 1", "4 pfifo 2"]);
    assert_eq!(digest(&folder, "configuration-1.json"), before);
    assert_ne!(digest(&folder, "configuration.json"), before);
    // What was measured before does not count with what comes.
    let values = folder.read("kept/r/values.csv");
    let rows: Vec<&str> = values.split_terminator("\r\n").filter(|row| row.contains(",trial,")).collect();
    let changed = "the configuration was changed after the trial";
    let expected = [
        format!("1,1,1,1,qdisc=codel,codel,trial,w,1,,false,{changed}"),
        format!("2,2,1,1,qdisc=codel,codel,trial,w,2,,false,{changed}"),
        format!("3,1,1,1,qdisc=pfifo,pfifo,trial,,,,false,the trial did not end; {changed}"),
        "3,1,2,2,qdisc=pfifo,pfifo,trial,w,3,,true,".to_owned(),
        "4,2,1,2,qdisc=pfifo,pfifo,trial,w,4,,true,".to_owned(),
    ];
    assert_eq!(rows, expected);
    let report: Value = serde_json::from_str(&folder.read("kept/r/report.json")).expect("a report");
    let shown = |trial: &Value| {
        format!("{} {} {} {}", trial["trial_number"], trial["point"], trial["generation"], trial["attempt"])
    };
    let trials: Vec<_> = report["trials"].as_array().expect("a list").iter().map(shown).collect();
    let [codel, pfifo] = ["\"qdisc=codel\"", "\"qdisc=pfifo\""];
    let expected = [
        format!("1 {codel} 1 null"),
        format!("2 {codel} 1 null"),
        format!("3 {pfifo} 2 2"),
        format!("4 {pfifo} 2 null"),
    ];
    assert_eq!(trials, expected);
    let left_out = "2 trials with an earlier configuration are not in the tables; there are no others of ";
    for text in [run(&folder, ["report", "kept/r", "-f", "markdown"]).stdout, folder.read("kept/r/report.txt")] {
        assert!(text.contains(left_out) && text.contains("qdisc=codel"), "{text}");
    }
    let page = folder.read("kept/r/report.html");
    assert!(page.contains(&format!("{left_out}<code>qdisc=codel</code></p>")), "{page}");
    // The medians are 1.5 and 3.5, and no report has the first.
    let markdown = run(&folder, ["report", "kept/r", "-f", "markdown"]);
    let compared = run(&folder, ["history", "kept", "--metric", "trial"]);
    for text in [markdown.stdout, compared.stdout, folder.read("kept/r/report.txt")] {
        assert!(text.contains("3.5") && !text.contains(" 1.5 "), "{text}");
    }
}

#[test]
fn a_series_keeps_the_points_of_trials_that_are_done_and_may_get_others() {
    let folder = killed_in_the_third();
    change(&folder, "test.cfg", "codel, pfifo", "pfifo, cake");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--accept-changes"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume run `r`: trial 1 is done, and the series does not have it any more: round 1 of `qdisc=codel`
  hint: keep its point, its round and the number of warm-up rounds; or begin another run

"#]],
    );
    change(&folder, "test.cfg", "pfifo, cake", "cake, codel");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "out"]).assert(0, "", "");
    assert_eq!(places(&folder), ["1 codel 1", "2 codel 2", "3 cake 1", "4 cake 2"]);
}
