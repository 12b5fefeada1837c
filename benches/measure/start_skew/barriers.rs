//! Ten barriers in a row, over fifty players and over fifty workers of one player.
//!
//! When a barrier is released is in the conductor's `jsonl` report, as the time at which the coordinator decided it; when
//! that arrives is in the log that each session process writes with `-v`. Both are this machine's clocks.
//!
//! Whatever else runs on this machine may take the processor for milliseconds right when a release is to arrive. So all is
//! measured twice where that is allowed: as the players run, and with real-time priority, behind which others wait. Some of
//! the kernel's own threads wait then too, and what needs them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::measured::{Measured, Test};
use super::{print, print_ratio, row, stamp};
use crate::support::{Folder, Player};

const BARRIERS: usize = 10;
const WORKERS: usize = 50;

/// How long releases are on their way, in nanoseconds.
#[derive(Default)]
struct Ways {
    /// From the release in the coordinator to its arrival in each session process.
    arrivals: Vec<i128>,
    /// The same to the last of them.
    last: Vec<i128>,
    /// How far ahead of the release the instant is at which all go on.
    leads: Vec<i128>,
    /// How many arrived behind that instant.
    late: usize,
}

/// Measures and prints.
pub fn measure(trials: usize) {
    series(trials, "");
    if take_priority() {
        series(trials, ", other programs aside");
    } else {
        println!("with real-time priority: skipped, for that is not allowed here");
    }
}

/// This program, and all that it starts from now on, goes before the machine's other programs; whether it does.
fn take_priority() -> bool {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the pointer is to a live structure.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const lowest) == 0 }
}

fn series(trials: usize, how: &str) {
    let folder = Folder::new();
    let log = folder.join("log");
    let start = |_| {
        let arguments = ["--verbose", "--log-format", "json", "--log-file"].map(AsRef::as_ref);
        Player::with(arguments.into_iter().chain([log.as_os_str()]))
    };
    for count in [WORKERS, 1] {
        let players: Vec<_> = (0..count).map(start).collect();
        let ports: Vec<_> = players.iter().map(|player| player.port).cycle().take(WORKERS).collect();
        let test = Test::new(&ports, BARRIERS);
        let (mut measured, mut ways) = (Measured::default(), Ways::default());
        for _ in 0..trials {
            File::create(&log).expect("the log");
            measured.turn(&test, 1);
            ways.take(&test.folder.read("events"), &log);
        }
        let players = if count == 1 { "player" } else { "players" };
        print(&format!("{BARRIERS} barriers in a row over {WORKERS} workers of {count} {players}{how}"), &measured);
        print_ratio(&measured);
        row("from release to arrival", &ways.arrivals);
        row("… to the last arrival", &ways.last);
        row("the lead", &ways.leads);
        println!("    arrivals behind the lead: {} of {}", ways.late, ways.arrivals.len());
    }
}

impl Ways {
    /// Those of one trial: the conductor's events, and the players' log.
    fn take(&mut self, events: &str, log: &Path) {
        let behind = stamp::since_boot();
        let mut releases = BTreeMap::new();
        for event in events.lines().map(parse).filter(|event| event["event"] == "barrier_released") {
            let number = |name: &str| i128::from(event[name].as_u64().expect("nanoseconds"));
            let name = event["name"].as_str().expect("a name").to_owned();
            releases.insert(name, (number("at_ns") + behind, number("lead_ns"), Vec::new()));
        }
        for line in std::fs::read_to_string(log).expect("the log").lines().map(parse) {
            let message = line["message"].as_str().expect("a message");
            let Some((step, _)) = message.split_once(" of run: released") else { continue };
            let (_, name) = step.split_once(": wait_").expect("a barrier");
            let time: Timestamp = line["time"].as_str().and_then(|time| time.parse().ok()).expect("a time");
            let (release, _, ways) = releases.get_mut(name).expect("its release");
            ways.push(time.as_nanosecond() - *release);
        }
        assert_eq!(releases.len(), BARRIERS);
        for (_, lead, ways) in releases.into_values() {
            assert_eq!(ways.len(), WORKERS, "a release arrives everywhere");
            self.last.push(*ways.iter().max().expect("a worker"));
            self.leads.push(lead);
            self.late += ways.iter().filter(|way| **way > lead).count();
            self.arrivals.extend(ways);
        }
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("an object")
}
