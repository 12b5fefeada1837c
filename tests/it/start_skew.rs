//! Truth about time on the real binary: how far apart workers started stands in every output, and can be limited.

use std::process::Command;
use std::time::Duration;

use crate::support::surroundings::skip;
use crate::support::{Folder, Player, conductor, finish, run};
use serde_json::Value;

/// Two players, each with a worker of one step in Run.
fn two(lines: &str) -> (Folder, [Player; 2]) {
    let (folder, players) = (Folder::new(), [Player::start(), Player::start()]);
    folder.test(lines, &["a", "b"]);
    folder.worker("a", players[0].port, "[Run]\nstep = echo a\n[Reset]\nstep = echo reset\n");
    folder.worker("b", players[1].port, "[Run]\nstep = echo b\n");
    (folder, players)
}

#[test]
fn each_phase_of_each_trial_says_how_far_apart_its_workers_started_with_a_bound() {
    let (folder, _players) = two("trials = 2");
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    for trial in report["trials"].as_array().expect("trials") {
        let skew = &trial["phases"]["run"]["start_skew"];
        assert_eq!((&skew["workers"], &skew["unknown"]), (&Value::from(2), &Value::from(Vec::<Value>::new())));
        let seconds = skew["seconds"].as_f64().expect("a time");
        let bound = skew["bound"].as_f64().expect("a bound");
        assert!(seconds >= 0.0 && bound > 0.0, "two clocks are never known exactly: {skew}");
        let started = &trial["phases"]["run"]["workers"]["b"]["results"][0];
        assert!(started["started_at_error"].as_f64().expect("an error") <= bound, "{started}");
        let alone = &trial["phases"]["reset"]["start_skew"];
        assert_eq!((&alone["workers"], &alone["seconds"]), (&Value::from(1), &Value::from(0.0)));
        assert_eq!(trial["phases"]["startup"]["start_skew"], Value::Null, "nothing was started");
    }
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    let lines: Vec<_> = finished.stdout.lines().filter(|line| line.contains("start skew: ")).collect();
    assert_eq!(lines.len(), 2, "one for Run of each trial: {finished:#?}");
    assert!(lines.iter().all(|line| line.ends_with(" on 2 workers") && line.contains(" ms ± ")), "{lines:#?}");
    let logged = run(&folder, ["conduct", "-v", "-t", "1", "test.cfg"]).stderr;
    assert!(logged.contains(" run ended; start skew ") && logged.contains("run: starts in "), "{logged}");
}

#[test]
fn a_start_skew_over_the_limit_is_incomplete_and_says_by_how_much() {
    let (folder, _players) = two("max_start_skew = 0");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let said = "incomplete: the start skew of run in trial 1 is ";
    let line = finished.stdout.lines().find(|line| line.starts_with(said)).unwrap_or_else(|| panic!("{finished:#?}"));
    assert!(line.ends_with(", but `max_start_skew` is 0s"), "{line}");
    for lifted in ["none", "1m"] {
        let finished = run(&folder, ["conduct", "--quiet", "--max-start-skew", lifted, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
}

/// `unshare` into a time namespace whose clocks of the time since boot are so many seconds ahead; `None` where that is not
/// allowed.
fn with_clocks_ahead(seconds: u32) -> Option<Command> {
    let command = || {
        let mut command = Command::new("unshare");
        let [boot, monotonic] = ["boottime", "monotonic"].map(|clock| format!("--{clock}={seconds}"));
        command.args(["--time", &boot, &monotonic]);
        command
    };
    let allowed = command().arg("true").output().is_ok_and(|output| output.status.success());
    allowed.then(command)
}

#[test]
fn players_whose_clocks_have_nothing_to_do_with_each_other_start_together() {
    let commands: Option<Vec<_>> = [1_000_000, 50_000_000].into_iter().map(with_clocks_ahead).collect();
    let Some(commands) = commands else {
        return skip("`unshare --time` is not allowed here");
    };
    let folder = Folder::new();
    let player = |mut command: Command| {
        command.args([crate::support::CONDUCTOR, "player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]);
        Player::from(command)
    };
    let mut players: Vec<_> = commands.into_iter().map(player).collect();
    players.push(Player::start());
    for (name, player) in ["a", "b", "c"].into_iter().zip(&players) {
        // The time of day is the same everywhere.
        folder.worker(name, player.port, "[Run]\nstep = date +%%s%%N\n");
    }
    folder.test("trials = 3", &["a", "b", "c"]);
    let mut command = conductor(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    command.env("TZ", "UTC");
    let finished = finish(crate::support::start(command));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    for trial in report["trials"].as_array().expect("trials") {
        let run = &trial["phases"]["run"];
        let seconds = |value: &Value| value.as_f64().expect("seconds");
        let (skew, bound) = (seconds(&run["start_skew"]["seconds"]), seconds(&run["start_skew"]["bound"]));
        let deadline = crate::support::DEADLINE.as_secs_f64();
        assert!(skew < deadline && bound < deadline, "the clocks are days apart: {run}");
        for name in ["a", "b", "c"] {
            let result = &run["workers"][name]["results"][0];
            let started = format!("{}Z", result["started_at"].as_str().expect("a start"));
            let started: jiff::Timestamp = started.parse().expect("a date");
            let stamp: i128 = result["stdout"].as_str().expect("a stamp").trim().parse().expect("nanoseconds");
            // The report's date has microseconds, and the time of day may be set right a little meanwhile.
            let early = Duration::from_nanos(u64::try_from(started.as_nanosecond() - stamp).unwrap_or(0));
            let error = Duration::from_secs_f64(seconds(&result["started_at_error"]));
            assert!(early < error + Duration::from_millis(10), "it ran before it started: {result}");
        }
    }
}
