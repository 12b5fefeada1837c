//! What the benchmarks share: the players and folders of the tests, what a process takes, medians, and runs of `conduct`.
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "each benchmark uses the part of it that it needs; one that cannot measure has nothing to say but that"
)]

#[path = "../../tests/it/support/mod.rs"]
pub mod testing;

use std::process::Command;
use std::time::Duration;

pub use testing::{CONDUCTOR, Folder, Player, children, conductor, descendants, kill};

/// `conduct` of the folder's `test.cfg`, with its results in `results.json` and `more` arguments.
pub fn conduct(folder: &Folder, more: &[&str]) -> Command {
    let arguments = ["conduct", "--quiet", "-f", "json", "-o", "results.json"];
    testing::conductor(folder, arguments.iter().chain(more).chain(&["test.cfg"]))
}

/// What `conduct` wrote last.
pub fn results(folder: &Folder) -> serde_json::Value {
    serde_json::from_str(&folder.read("results.json")).expect("its results")
}

/// A line of `/proc/PID/status`, in MB; 0 when the process is gone.
pub fn memory(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1000.0
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The arguments without the one that cargo adds: the name of a measurement and what it was given.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench")
}

/// An argument of the measurement, or its default.
pub fn argument<T: std::str::FromStr>(position: usize, usual: T) -> T {
    let text = arguments().nth(1 + position);
    text.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("`{text}` is no number")))
}
