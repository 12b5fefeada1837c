//! Many workers from one conductor, as many players and as many workers of one player: time, memory, and how they grow.
//!
//! Each run is 20 trials of a one-step test. It must end with status 0, and its report must have each result once.
//!
//! `scripts/many-workers` builds the program as it is shipped and runs this.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Folder, Player, argument, conduct, memory, results};

const TRIALS: usize = 20;

/// The most that the conductor of 1,000 workers may have resident, in MB.
const LIMIT: f64 = 100.0;

pub fn main() {
    let most = argument(0, 1000);
    println!(
        "{TRIALS} trials of one step; seconds, and the peak of the conductor's resident memory in MB (limit {LIMIT})"
    );
    for (shape, several) in [("players of one worker each", true), ("workers of one player", false)] {
        for count in [10, 100, 1000].into_iter().filter(|count| *count <= most) {
            let players: Vec<_> = (0..if several { count } else { 1 }).map(|_| Player::start()).collect();
            let (time, peak, session) = run(&players, count);
            let each = time.as_micros() / (count * TRIALS) as u128;
            println!(
                "{count:5} {shape:26}: {:6.2} s, {each:4} us a step; conductor {peak:5.1} MB, a session {session:.1} MB",
                time.as_secs_f64()
            );
        }
    }
}

/// One run: how long it took, the conductor's peak memory, and the largest session's.
fn run(players: &[Player], count: usize) -> (Duration, f64, f64) {
    let folder = Folder::new();
    let mut test = format!("[Test]\ntrials = {TRIALS}\n[Workers]\n");
    for index in 0..count {
        let player = index % players.len();
        let _ = writeln!(test, "w{index} = p{player}.cfg");
    }
    for (index, player) in players.iter().enumerate() {
        folder.worker(&format!("p{index}"), player.port, "[Run]\nstep = echo %(worker)s $CONDUCTOR_TRIAL\n");
    }
    folder.file("test.cfg", &test);
    let start = Instant::now();
    let child = conduct(&folder, &[]).spawn().expect("it starts");
    let (peak, session) = watch(child, &players[0]);
    let time = start.elapsed();
    check(&folder, count);
    (time, peak, session)
}

/// Waits for the end, which must be a good one.
fn watch(mut child: Child, player: &Player) -> (f64, f64) {
    let (mut peak, mut session) = (0.0_f64, 0.0_f64);
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "{status}");
            return (peak, session);
        }
        peak = peak.max(memory(child.id(), "VmHWM"));
        let first = player.children().into_iter().take(1).map(|pid| memory(pid, "VmHWM"));
        session = first.fold(session, f64::max);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Each worker's step is there once in each trial, and printed what only it prints there.
fn check(folder: &Folder, count: usize) {
    let results = results(folder);
    let trials = results["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), TRIALS);
    for (index, trial) in trials.iter().enumerate() {
        let workers = trial["phases"]["run"]["workers"].as_object().expect("workers");
        let found: BTreeMap<_, _> = workers
            .iter()
            .map(|(name, worker)| {
                let steps = worker["results"].as_array().expect("results");
                // Behind its step stands the end of the phase, as a Python player gives it.
                let codes: Vec<_> = steps.iter().map(|step| step["code"].as_i64()).collect();
                assert_eq!(codes, [Some(0), Some(65535)], "{name}");
                (name.clone(), steps[0]["stdout"].as_str().expect("a text").to_owned())
            })
            .collect();
        let expected: BTreeMap<_, _> =
            (0..count).map(|worker| (format!("w{worker}"), format!("w{worker} {}\n", index + 1))).collect();
        assert_eq!(found, expected, "trial {}", index + 1);
    }
}
