//! Truth about time on the real binary: how far apart workers started stands in every output, and can be limited.

mod support;

use serde_json::Value;
use support::{Folder, Player, run};

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
    assert!(logged.contains(" run is over; start skew ") && logged.contains("run: go, in "), "{logged}");
}

#[test]
fn a_start_skew_over_the_limit_is_incomplete_and_says_by_how_much() {
    let (folder, _players) = two("max_start_skew = 0");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let said = "incomplete: the start skew of run in trial 1 is ";
    let line = finished.stdout.lines().find(|line| line.starts_with(said)).unwrap_or_else(|| panic!("{finished:#?}"));
    assert!(line.ends_with(", and `max_start_skew` is 0s"), "{line}");
    for lifted in ["none", "1m"] {
        let finished = run(&folder, ["conduct", "--quiet", "--max-start-skew", lifted, "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
    }
}
