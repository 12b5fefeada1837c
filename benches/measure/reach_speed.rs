//! How long it takes to reach workers over `ssh` on this machine: from the start of `conduct` to the first phase, with a copy
//! of the program for each of them. Beside it, `ssh HOST true` as often to the same host, eight at a time.
//!
//! `scripts/reach-speed` builds the program as it is shipped and runs this.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::civil::DateTime;

use crate::support::testing::machines::Sshd;
use crate::support::{CONDUCTOR, Folder, argument, conduct, median, results};

/// So many workers have to be reached in less than so many seconds.
const LIMITS: [(usize, f64); 2] = [(8, 3.0), (50, 15.0)];
/// How many runs of `ssh` are made at the same time: as many as `conduct` makes to one host.
const AT_ONCE: usize = 8;

pub fn main() {
    let repetitions: usize = argument(0, 5);
    let size = std::fs::metadata(CONDUCTOR).expect("the program").len();
    let Some(sshd) = Sshd::start("") else { return };
    println!("median of {repetitions}, in seconds; the program has {} MB", size / 1_000_000);
    for (workers, limit) in LIMITS {
        let all = (0..repetitions).map(|_| (reach(&sshd, workers), only_ssh(&sshd, workers))).collect::<Vec<_>>();
        let [reached, only_ssh] = [all.iter().map(|one| one.0).collect(), all.iter().map(|one| one.1).collect()]
            .map(|times: Vec<Duration>| median(times).as_secs_f64());
        println!(
            "{workers:3} workers: first phase after {reached:6.2} (limit {limit}); `ssh HOST true` {only_ssh:6.2}"
        );
        assert!(reached < limit, "{workers} workers were reached too slowly");
    }
}

/// From the start of `conduct` to the start of the first phase.
fn reach(sshd: &Sshd, workers: usize) -> Duration {
    let folder = Folder::new();
    let mut test = "[Workers]\n".to_owned();
    for index in 0..workers {
        let _ = writeln!(test, "w{index} = worker.cfg");
    }
    folder.file("test.cfg", &test);
    folder.file("worker.cfg", &format!("[Coordinator]\n{}\n[Run]\nstep = true\n", sshd.lines()));
    let status = conduct(&folder, &["-p", "run"]).status().expect("it runs");
    assert!(status.success(), "{status}");
    let results = results(&folder);
    let time = |value: &serde_json::Value| {
        value["start_time"].as_str().and_then(|text| text.parse::<DateTime>().ok()).expect("a time")
    };
    let taken = time(&results["trials"][0]) - time(&results["metadata"]);
    taken.total(jiff::Unit::Second).map(Duration::from_secs_f64).expect("a time")
}

/// As many times `ssh HOST true`.
fn only_ssh(sshd: &Sshd, count: usize) -> Duration {
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    sshd.run("true");
                }
            });
        }
    });
    begun.elapsed()
}
