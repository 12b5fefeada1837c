//! What the reports say of why something is as it is: steps that were not run, and what became of what was left.

use std::process::Command;

use crate::support::surroundings::own_name;
use crate::support::{Finished, Folder, Player, run};
use serde_json::Value;

/// A run of `conduct --local` on the test in this folder.
fn conduct(folder: &Folder, arguments: &[&str]) -> Finished {
    run(folder, ["conduct", "--local", "--quiet", "test.cfg"].iter().chain(arguments))
}

/// The line of the `text` report on this step of this worker.
fn line<'a>(finished: &'a Finished, worker: &str, label: &str) -> &'a str {
    let of_step = |line: &&str| line.split_whitespace().take(2).eq([worker, label]);
    finished.stdout.lines().find(of_step).unwrap_or_else(|| panic!("no {label} of {worker} in {finished:#?}"))
}

/// The result of a step of the first trial in the `json` report.
fn result(folder: &Folder, phase: &str, worker: &str, position: usize) -> Value {
    let document: Value = serde_json::from_str(&folder.read("report.json")).expect("a document");
    document["trials"][0]["phases"][phase]["workers"][worker]["results"][position].clone()
}

#[test]
fn a_step_that_was_skipped_says_why() {
    let folder = Folder::new();
    folder.test("", &["a", "b", "c"]);
    folder.worker("a", 1, "[Run]\nmeet = timeout0.2:barrier:x\nnext = true\n");
    folder.worker("b", 1, "[Run]\nlate = sleep 0.5\nmeet = barrier:x\nnext = true\n");
    folder.worker("c", 1, "[Run]\nfirst = must:false\nnext = true\n");
    let reports = ["json=report.json", "jsonl=report.jsonl", "junit=report.xml", "html=report.html"];
    let reports: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    let finished = conduct(&folder, &reports);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    for (worker, position, why) in
        [("a", 1, "barrier `x` failed"), ("b", 2, "barrier `x` failed"), ("c", 1, "`must:` step `first` failed")]
    {
        let line = line(&finished, worker, "next");
        assert!(line.contains(" skipped ") && line.ends_with(&format!("  ({why})")), "{line}");
        assert_eq!(result(&folder, "run", worker, position)["reason"], why);
    }
    assert!(folder.read("report.jsonl").contains(
        r#""outcome":"skipped","exit_status":null,"signal":null,"limit_ns":null,"reason":"barrier `x` failed""#
    ));
    assert!(folder.read("report.xml").contains(r#"<skipped message="not run: barrier `x` failed"/>"#));
    assert!(folder.read("report.html").contains(r#""skipped: barrier `x` failed""#));
}

#[test]
fn a_step_that_was_skipped_because_another_worker_failed_names_the_step_that_did() {
    let folder = Folder::new();
    folder.test("on_failure = stop", &["a", "b"]);
    folder.worker("a", 1, "[Run]\nmeet = barrier:x\nnext = true\n");
    folder.worker("b", 1, "[Run]\nbad = false\nmeet = barrier:x\n");
    let finished = conduct(&folder, &["--report", "json=report.json"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let why = "`on_failure = stop`: step `bad` failed on worker `b`";
    let line = line(&finished, "a", "next");
    assert!(line.contains(" skipped ") && line.ends_with(&format!("  ({why})")), "{line}");
    assert_eq!(result(&folder, "run", "a", 1)["reason"], why);
}

#[test]
fn what_becomes_of_the_processes_of_a_leaky_step_is_said_with_their_names() {
    let folder = Folder::new();
    let is_asleep = "until [ \"$(cat /proc/$!/comm)\" = sleep ]; do sleep 0.01; done";
    folder.test("", &["w"]).worker("w", 1, &format!("[Run]\nleaves = sleep 600 & {is_asleep}\n"));
    for (phases, then) in [
        ("run,reset", "stopped after the trial, if still running"),
        ("run", "not stopped after the trial, because this run has no Reset"),
    ] {
        let finished = conduct(&folder, &["-p", phases]);
        let warning = finished.stdout.lines().find(|line| line.contains("is leaky")).expect("a warning");
        let named = format!(" ({}): `sleep 600`; {then}", own_name());
        assert!(warning.ends_with(&named), "{warning}");
    }
}

#[test]
fn a_step_that_had_to_be_killed_is_told_of_even_if_it_passed() {
    let folder = Folder::new();
    let deaf = "for0.1:trap '' INT TERM; echo deaf; sleep 600; sleep 600";
    folder.test("", &["w"]).worker("w", 1, &format!("[Run]\nheeds = for0.1:sleep 600\ndeaf = {deaf}\n"));
    let finished = conduct(&folder, &[]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(finished.stdout.matches("  warning: ").count(), 1, "{finished:#?}");
    let begin = "  warning: w: step `deaf` in run of trial 1 had to be stopped with SIGKILL and ended ";
    let warning = finished.stdout.lines().find(|line| line.starts_with(begin)).expect("a warning");
    assert!(warning.ends_with("s after the first signal"), "{warning}");
}

#[test]
fn the_failures_at_the_end_have_their_reasons_and_attempts_that_all_failed_say_so() {
    let folder = Folder::new();
    folder.test("", &["w"]);
    let steps = "[Run]\nslow = timeout0.1:sleep 600\ntry = until1.7:echo no; exit 7\n";
    folder.worker("w", 1, steps);
    let reports = ["json=report.json", "junit=report.xml", "html=report.html"];
    let reports: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    let finished = conduct(&folder, &reports);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let (body, end) = finished.stdout.split_once("\n\nfailed: `slow`").expect("failures");
    let attempts = result(&folder, "run", "w", 1)["attempts"].as_array().map(Vec::len).expect("attempts");
    let why = format!("all {attempts} attempts failed, the last with exit status 7");
    for line in ["      stopped after 100ms\n".to_owned(), format!("      gave up after 1s 700ms: {why}\n")] {
        assert!(body.contains(&line), "{line} {finished:#?}");
    }
    for said in
        [" on w in run of trial 1: timed out after 100ms\n".to_owned(), format!(": timed out after 1s 700ms: {why}\n")]
    {
        assert!(end.contains(&said), "{said} {finished:#?}");
    }
    assert_eq!(result(&folder, "run", "w", 1)["reason"], why);
    for report in ["report.xml", "report.html"] {
        assert!(folder.read(report).contains(&why), "{report}");
    }
}

#[test]
fn a_player_that_may_have_no_more_descriptors_says_so_and_runs_reset_all_the_same() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\"", crate::support::CONDUCTOR]);
    command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]);
    let player = Player::from(command);
    let folder = Folder::new();
    let spawned: Vec<String> = (1..=60).map(|number| format!("server{number} = spawn:sleep 600\n")).collect();
    let sections = format!("[Run]\n{}[Reset]\nundo = echo undone\n", spawned.concat());
    folder.test("", &["w"]).worker("w", player.port, &sections);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let why = "      cannot run the shell: too many open files (`ulimit -n` of the player)\n";
    let not_started = finished.stdout.lines().filter(|line| line.contains(" not started  ")).count();
    assert!(not_started > 0, "{finished:#?}");
    assert_eq!(finished.stdout.matches(why).count(), not_started, "each says why: {finished:#?}");
    assert!(finished.stdout.contains("  w  undo      passed "), "{finished:#?}");
}

#[test]
fn a_spawned_step_that_ends_by_itself_is_told_of_once_more_at_the_end() {
    let folder = Folder::new();
    folder.test("", &["w"]);
    let spawned = "early = spawn:echo that is all\nbounded = spawn:for0.1:sleep 600\nlasting = spawn:sleep 600\n";
    let seen = "until30:test -z \"$CONDUCTOR_PID_EARLY$CONDUCTOR_PID_BOUNDED\"";
    folder.worker("w", 1, &format!("[Startup]\n{spawned}[Run]\nwait = {seen}\n"));
    let finished = conduct(&folder, &[]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let (_, end) = finished.stdout.split_once("\nSpawned steps that ended by themselves\n").expect("a part of its own");
    let expected = "  trial 1, startup, w, early: passed  echo that is all\n      | that is all\n\npassed: ";
    assert!(end.starts_with(expected), "{end}");
}

#[test]
fn a_barrier_that_was_given_up_does_not_follow_from_what_failed_later() {
    let folder = Folder::new();
    folder.test("", &["a", "b", "z"]);
    folder.worker("a", 1, "[Run]\nwork = sleep 1\nmeet = barrier:go\n");
    folder.worker("b", 1, "[Run]\nwork = sleep 0.8; exit 2\nmeet = barrier:go\n");
    folder.worker("z", 1, "[Run]\nmeet = timeout0.2:barrier:go\n");
    let finished = conduct(&folder, &[]);
    let causes: Vec<&str> = finished.stdout.lines().filter(|line| line.starts_with("failed: `")).collect();
    let expected = [
        "failed: `work` on a, b in run of trial 1 had not ended when the time limit of barrier `go` expired",
        "failed: `work` on b in run of trial 1: exit 2",
    ];
    assert_eq!(causes, expected, "{}", finished.stdout);
}
