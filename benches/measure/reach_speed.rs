//! How long it takes until workers that are reached over ssh begin the first phase, beside `ssh HOST true` for as many hosts,
//! in turns.
//!
//! `scripts/reach-speed` builds the program as it is shipped and runs this, against a private sshd on loopback. Its
//! arguments are the numbers of workers, 8 and 50 without any.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::support::testing::machines::Sshd;
use crate::support::{Folder, arguments, conduct, median, results};

const ROUNDS: usize = 3;
/// How many connections `conduct` makes to one host at a time.
const AT_ONCE: usize = 8;
/// Numbers of workers, and the limit of each.
const USUAL: [(usize, &str); 2] = [(8, " (limit 3)"), (50, " (limit 15)")];

pub fn main() {
    let counts: Vec<_> = arguments().skip(1).map(|count| (count.parse().expect("a number of workers"), "")).collect();
    // The greatest rate at which sshd takes connections that are not authenticated yet, as by default.
    let Some(sshd) = Sshd::start("MaxStartups 10:30:100\n") else { return };
    for (count, limit) in if counts.is_empty() { USUAL.to_vec() } else { counts } {
        let folder = Folder::new();
        folder.file("w.cfg", &format!("[Coordinator]\nplayer = 127.0.0.1\n{}[Run]\nstep = true\n", sshd.lines()));
        folder.file("test.cfg", &format!("[Test]\nconnect_timeout = 60s\n[Workers]\nw[1-{count}] = w.cfg\n"));
        let (mut reached, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            plain.push(plain_ssh(&sshd, count));
            reached.push(until_first_phase(&folder));
        }
        let [reached, plain] = [reached, plain].map(|times| median(times).as_secs_f64());
        println!(
            "{count} workers: first phase after {reached:.2} s{limit}; `ssh HOST true` for as many: {plain:.2} s; ratio {:.1}",
            reached / plain
        );
    }
}

/// How long after its start `conduct` begins the first phase that has steps.
fn until_first_phase(folder: &Folder) -> Duration {
    let start = Timestamp::now();
    let finished = conduct(folder, &["--phases", "run"]).env("TZ", "UTC").output().expect("it runs");
    assert!(finished.status.success(), "{finished:?}");
    let began = &results(folder)["trials"][0]["phases"]["run"]["start_time"];
    let began: Timestamp = format!("{}Z", began.as_str().expect("a date")).parse().expect("a date");
    began.duration_since(start).unsigned_abs()
}

/// How long `ssh HOST true` takes for so many hosts, as many at a time as `conduct` reaches.
fn plain_ssh(sshd: &Sshd, count: usize) -> Duration {
    let start = Instant::now();
    let mut running: Vec<Child> = Vec::new();
    for _ in 0..count {
        if running.len() == AT_ONCE {
            succeeded(running.remove(0));
        }
        let mut command = Command::new("ssh");
        command.arg("-F").arg(sshd.config()).args(["127.0.0.1", "true"]).stdin(Stdio::null());
        running.push(command.spawn().expect("ssh runs"));
    }
    running.into_iter().for_each(succeeded);
    start.elapsed()
}

fn succeeded(mut child: Child) {
    assert!(child.wait().expect("a child").success(), "ssh reached the host");
}
