//! Reports beside the results, the results folder, and what is left when something goes wrong.

use std::process::Command;

use crate::support::{CONDUCTOR, Folder, Player, conductor, eventually, finish, run, start};
use serde_json::Value;
use snapbox::str;

/// The lines of a `jsonl` report. Only the last can be torn.
fn lines(text: &str) -> Vec<Value> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What a step printed, by the lines of a `jsonl` report.
fn printed(lines: &[Value], label: &str, stream: &str) -> String {
    let of_step = |line: &&Value| line["event"] == "output" && line["label"] == label && line["stream"] == stream;
    lines.iter().filter(of_step).filter_map(|line| line["text"].as_str()).collect()
}

#[test]
fn each_report_goes_to_its_file_and_the_results_where_they_always_go() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo out\n").file("old.json", "of an earlier run");
    let reports = ["--report", "json=old.json", "--report", "jsonl=events", "--report", "text=text"];
    let arguments = ["conduct", "-q", "-f", "classic", "-p", "run", "test.cfg"].iter().chain(&reports);
    run(&folder, arguments).assert(
        0,
        str![[r#"
0 phase received
0 out

65535 phases complete

"#]],
        str![""],
    );
    let document: Value = serde_json::from_str(&folder.read("old.json")).expect("a document");
    assert_eq!(document["metadata"]["verdict"], "passed");
    assert!(folder.read("text").contains("      | out\n"));
    let lines = lines(&folder.read("events"));
    assert_eq!(printed(&lines, "s", "stdout"), "out\n");
    assert_eq!(lines.last().map(|line| &line["event"]), Some(&"run_ended".into()));
}

#[test]
fn a_report_needs_a_format_and_a_file() {
    let folder = Folder::new();
    for (argument, why) in [
        ("html", "expected FORMAT=FILE"),
        (
            "xml=x",
            "unknown format `xml` (expected text, classic, json, jsonl, junit, html, github, trace, markdown, csv)",
        ),
        ("json=", "the file name is missing; expected FORMAT=FILE"),
    ] {
        let finished = run(&folder, ["conduct", "--report", argument, "test.cfg"]);
        assert_eq!(finished.status, Some(2), "{finished:#?}");
        assert!(finished.stderr.contains(why), "{finished:#?}");
    }
}

#[test]
fn a_folder_of_results_has_all_that_a_run_left() {
    let player = Player::start();
    let folder = Folder::new();
    let steps = "[Run]\nspawn1 = echo up; sleep 600\nquiet = true\nmany lines = seq 300000; echo err >&2\n";
    folder.test("results = kept\nmax_message_size = 1", &["w"]).worker("w", player.port, steps);
    let first = run(&folder, ["conduct", "-q", "-p", "run", "--run-id", "first", "test.cfg"]);
    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""), "{first:#?}");
    let whole: String = (1..=300_000).flat_map(|number| [number.to_string(), "\n".to_owned()]).collect();
    let outputs = |name: &str| folder.read(&format!("kept/latest/outputs/trial-1/w/{name}"));
    assert!(outputs("run-03-many_lines.stdout") == whole, "more than the reports keep");
    assert_eq!(outputs("run-03-many_lines.stderr"), "err\n");
    assert_eq!(outputs("run-01-spawn1.stdout"), "up\n");
    let names = |path: &str| {
        let entries = std::fs::read_dir(folder.join(path)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names("kept/latest/outputs/trial-1/w").len(), 3, "a step that printed nothing has no file");
    assert_eq!(
        names("kept/first"),
        [
            "configuration.json",
            "events.jsonl",
            "junit.xml",
            "outputs",
            "report.html",
            "report.json",
            "report.txt",
            "resume.json",
            "values.csv"
        ]
    );
    let plan: Value = serde_json::from_str(&folder.read("kept/first/configuration.json")).expect("a document");
    assert_eq!(plan["workers"][0]["phases"]["run"][1]["command"], "true");
    assert!(printed(&lines(&folder.read("kept/first/events.jsonl")), "many lines", "stdout") == whole);

    let second = run(&folder, ["conduct", "-q", "-p", "run", "--run-id", "second", "test.cfg"]);
    assert_eq!(second.status, Some(0), "{second:#?}");
    assert_eq!(names("kept"), ["first", "latest", "second"]);
    let link = std::fs::read_link(folder.join("kept/latest")).expect("a link");
    assert_eq!(link.to_str(), Some("second"));
    run(&folder, ["conduct", "-q", "--run-id", "first", "test.cfg"]).assert(
        1,
        str![[r#"
not carried out: the results folder `kept/first` already exists; use another name for the run
not carried out: no step was run

"#]],
        str![[r#"
error: the results folder `kept/first` already exists; use another name for the run

"#]],
    );
}

#[test]
fn a_run_that_was_never_begun_leaves_its_reports_too() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\ntrials = none\n[Workers]\nw = nowhere.cfg\n");
    let arguments = ["conduct", "-q", "--results", "kept", "--run-id", "r", "--report", "jsonl=events", "test.cfg"];
    let finished = run(&folder, arguments);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for name in [
        "events",
        "kept/r/events.jsonl",
        "kept/r/report.txt",
        "kept/r/report.json",
        "kept/r/junit.xml",
        "kept/r/report.html",
    ] {
        assert!(folder.read(name).contains("the configuration `test.cfg` has 2 errors"), "{name}");
    }
}

#[test]
fn of_a_killed_conductor_there_is_all_that_had_been_received() {
    let player = Player::start();
    let folder = Folder::new();
    let steps = "[Run]\nbefore = echo over\nopen = echo early; echo quick; sleep 600\n";
    folder.test("lease = 1s", &["w"]).worker("w", player.port, steps);
    let arguments =
        ["conduct", "-q", "--results", "kept", "--report", "jsonl=events", "--report", "json=whole", "test.cfg"];
    let mut child = start(conductor(&folder, arguments));
    let kept = |name: &str| folder.read(&format!("kept/latest/outputs/trial-1/w/{name}"));
    // The folder of results is written by a thread of its own.
    eventually("the step's output is there", || {
        printed(&lines(&folder.read("events")), "open", "stdout").len() == 12 && kept("run-02-open.stdout").len() == 12
    });
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let lines = lines(&folder.read("events"));
    assert_eq!(printed(&lines, "open", "stdout"), "early\nquick\n");
    assert!(lines.iter().any(|line| line["event"] == "step_ended" && line["label"] == "before"));
    assert!(!folder.join("whole").exists(), "no half document has the report's name");
    assert_eq!(kept("run-02-open.stdout"), "early\nquick\n");
}

#[test]
fn an_output_that_is_full_is_told_of_and_the_run_goes_on() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo out\n[Reset]\nr = echo reset\n");
    // A report that is larger than its buffer fails at another place than a small one.
    folder.worker("large", player.port, "[Run]\ns = seq 30000\n[Reset]\nr = echo reset\n");
    folder.file("large-test.cfg", "[Test]\n[Workers]\nw = large.cfg\n");
    let small = ["text", "json", "jsonl", "junit", "html"].map(|format| (format, "test.cfg"));
    let large = ["json", "junit", "html"].map(|format| (format, "large-test.cfg"));
    for (format, test) in small.into_iter().chain(large) {
        let report = format!("{format}=/dev/full");
        let finished = run(&folder, ["conduct", "-q", "-f", "classic", "--report", &report, test]);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        let message = "cannot write output `/dev/full`: No space left on device (os error 28)";
        assert!(finished.stderr.contains(message), "{finished:#?}");
        assert!(finished.stdout.contains("0 reset\n"), "{finished:#?}");
        // What is written when the run is over can fail only then.
        assert_eq!(finished.stdout.contains(message), !matches!(format, "json" | "junit" | "html"), "{finished:#?}");
    }
}

#[test]
fn a_report_that_did_not_fit_is_not_there() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo out\n").file("report", "of an earlier run");
    let mut command = Command::new("/bin/sh");
    // The largest file that the conductor may make is one block.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" conduct -q -f classic --report json=report test.cfg";
    command.current_dir(folder.path()).args(["-c", script, CONDUCTOR]);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("cannot write output `report`: File too large"), "{finished:#?}");
    let left = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["test.cfg", "w.cfg"]);
}

#[test]
fn whoever_reads_the_results_may_stop_reading() {
    let player = Player::start();
    let folder = Folder::new();
    let (reset, gone) = (folder.join("reset"), folder.join("gone"));
    let steps = format!(
        "[Run]\none = echo first\nwait = until test -e {}; do sleep 0.02; done\ntwo = seq 100000\n[Reset]\nr = : > {}\n",
        gone.display(),
        reset.display()
    );
    folder.test("", &["w"]).worker("w", player.port, &steps);
    let mut child = start(conductor(&folder, ["conduct", "-q", "-f", "classic", "test.cfg"]));
    drop(child.stdout.take());
    folder.file("gone", "");
    let finished = finish(child);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("cannot write output `standard output`: Broken pipe"), "{finished:#?}");
    assert!(reset.exists(), "Reset was run");
}
