//! Each form of a step, as its example in `testdata/forms` shows it.

use std::path::Path;

use crate::support::{Folder, Player, run};
use serde_json::Value;

/// Runs an example on this machine, and compares what it prints with what stands beside it.
fn example(name: &str, status: i32) {
    example_with(name, status, &[]);
}

fn example_with(name: &str, status: i32, arguments: &[&str]) {
    let folder = Folder::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/forms");
    let expected = std::fs::read_to_string(path.join(format!("{name}.txt"))).expect("what it prints");
    let test = path.join(format!("{name}.cfg")).display().to_string();
    let arguments = ["conduct", "--local", "--quiet"].iter().chain(arguments).copied().chain([test.as_str()]);
    run(&folder, arguments).assert(status, expected, "");
}

#[test]
fn must_skips_the_rest_of_its_phase() {
    example("must", 3);
}

#[test]
fn mayfail_does_not_count() {
    example("mayfail", 0);
}

#[test]
fn parallel_neighbours_run_together() {
    example("parallel", 0);
}

#[test]
fn for_passes_and_timeout_fails() {
    example("for", 0);
}

#[test]
fn until_is_tried_again() {
    example("until", 0);
}

#[test]
fn what_an_attempt_left_may_print_until_the_next_one_begins() {
    let (player, folder) = (Player::start(), Folder::new());
    // What the first attempt leaves prints when its shell is gone, which is long before the next attempt.
    let late = "(while kill -0 $$; do sleep 0.01; done 2>/dev/null; echo late) &";
    let path = folder.join("once").display().to_string();
    let attempt = format!("if [ -e {path} ]; then echo second; else touch {path}; {late} echo first; false; fi");
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nstep = until60:{attempt}\nnext = true\n"));
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let result = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0];
    assert_eq!(result["attempts"].as_array().map(Vec::len), Some(2), "{result:#}");
    // On a machine that is very busy it may be too late.
    let printed = result["stdout"].as_str().expect("what was printed");
    assert!(["first\nlate\nsecond\n", "first\nsecond\n"].contains(&printed), "{result:#}");
}

#[test]
fn barrier_is_passed_together() {
    // Who of the two is told of first is chance.
    let folder = Folder::new();
    let test = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/forms/barrier.cfg").display().to_string();
    let finished = run(&folder, ["conduct", "--local", "--quiet", "-f", "json", &test]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let phase = &report["trials"][0]["phases"]["run"];
    let barrier = &phase["barriers"][0];
    assert_eq!((&barrier["name"], &barrier["passed"]), (&Value::from("loaded"), &Value::from(true)));
    assert!(barrier["waited"]["fast"].as_f64().expect("a time") >= 0.2, "{barrier}");
    assert_eq!(barrier["release_skew"]["workers"], 2, "{barrier}");
    let result = |worker: &str, position: usize| phase["workers"][worker]["results"][position].clone();
    let started = |worker: &str, position: usize| result(worker, position)["started_at"].as_str().map(str::to_owned);
    assert_eq!((result("fast", 0)["outcome"].clone(), started("fast", 0)), (Value::from("passed"), None));
    assert!(started("fast", 1) > started("slow", 0), "nobody goes on before the slowest was there");
    assert_eq!(phase["start_skew"]["workers"], 1, "who waits at a barrier first has not started anything");
}

#[test]
fn stop_ends_a_spawned_step() {
    example("stop", 0);
}

#[test]
fn await_waits_for_a_line() {
    example("await", 0);
}

#[test]
fn later_steps_know_the_process_of_the_attempt_that_is_at_work() {
    let (player, folder) = (Player::start(), Folder::new());
    let once = folder.join("once").display().to_string();
    let server = format!("spawn:until60:test -e {once} && exec sleep 600; touch {once}; false");
    let look = "until30:test \"$(cat /proc/$CONDUCTOR_PID_SERVER/comm)\" = sleep";
    let sections = format!("[Startup]\nserver = {server}\n[Run]\nlook = {look}\n");
    folder.test("", &["w"]).worker("w", player.port, &sections);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
}

#[test]
fn a_barrier_whose_member_is_lost_fails_at_once_and_says_who_is_missing_and_what_it_was_at() {
    let (player, doomed, folder) = (Player::start(), Player::start(), Folder::new());
    let names: Vec<String> = (1..=9).map(|number| format!("w{number}")).collect();
    let workers: Vec<&str> = names.iter().map(String::as_str).chain(["doomed"]).collect();
    folder.test("lease = 1s", &workers);
    for name in &names {
        let sections = format!(
            "[Run]\nready = barrier:all\nmore = true\n[Reset]\nr = echo {name} >>{}\n",
            folder.join("log").display()
        );
        folder.worker(name, player.port, &sections);
    }
    // All processes of the player are killed by its own step, whose start was told by then: the machine is gone.
    let sections = format!("[Run]\nlast = sleep 0.3; kill -9 $PPID {}; sleep 600\nready = barrier:all\n", doomed.pid());
    folder.worker("doomed", doomed.port, &sections);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let why = "worker `doomed` is lost, last seen at `last`";
    assert!(finished.stdout.contains(&format!("barrier all: not passed: {why}\n")), "{finished:#?}");
    assert_eq!(
        finished.stdout.matches(&format!("      {why}\n")).count(),
        9,
        "each who waited says why: {finished:#?}"
    );
    assert_eq!(finished.stdout.matches("  more   skipped ").count(), 9, "{finished:#?}");
    assert_eq!(folder.read("log").lines().count(), 9, "Reset ran everywhere else");
    crate::support::eventually("the rest of the killed player ends", || doomed.children().is_empty());
}

#[test]
fn workers_that_wait_for_each_other_in_opposite_order_are_found_before_anything_runs() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["a", "b"]);
    folder.worker("a", player.port, "[Run]\none = barrier:x\ntwo = barrier:y\n");
    folder.worker("b", player.port, "[Run]\none = barrier:y\ntwo = barrier:x\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    // Were they not found, the coordinator would find them: `conduct::coordinator::barriers` has a test of that.
    let why = "workers would wait for each other: `b` reaches `y` before `x`, `a` reaches `x` before `y`";
    assert!(finished.stderr.contains(why), "{finished:#?}");
}

#[test]
fn ten_barriers_in_a_row_over_fifty_workers_are_all_passed() {
    let (player, folder) = (Player::start(), Folder::new());
    let barrier = |number| format!("b{number} = barrier:n{number}\ns{number} = true\n");
    let barriers = (0..10).map(barrier).collect::<Vec<_>>().concat();
    folder.file("test.cfg", "[Workers]\nnode[01-50] = node.cfg\n");
    folder.worker("node", player.port, &format!("[Run]\n{barriers}"));
    let finished = run(&folder, ["conduct", "--quiet", "-p", "run", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(finished.stdout.matches(": passed by 50 workers; ").count(), 10, "{finished:#?}");
}

#[test]
fn fetch_brings_files_into_the_results() {
    let results = Folder::new();
    let path = results.path().display().to_string();
    example_with("fetch", 0, &["--results", &path]);
    let fetched = results.join("latest/trial-1/dut");
    let read = |name| std::fs::read_to_string(fetched.join(name)).expect("a fetched file");
    assert_eq!([read("eth0/capture.log"), read("state.log")], ["1 packet\n", "up\n"]);
}

#[test]
fn put_sends_a_file_to_the_player() {
    example("put", 0);
}
