//! Time, memory and size of each report of a large run: 1,000 workers, four phases, ten trials.
//!
//! `scripts/report-size` builds with optimisation and runs this. Each format is written by a process of its own, so that
//! its memory is its own; what the events and their outputs take is told apart. With a folder as its argument the
//! reports stay there.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::arguments;
use crate::support::testing::large_run::{Size, events};
use conductor::model::Format;
use conductor::report::{Style, reporter};

const SIZE: Size = Size { workers: 1000, steps: 1, trials: 10 };

pub fn main() {
    let arguments: Vec<String> = arguments().skip(1).collect();
    if let [word, file] = &arguments[..] {
        return one(word, Path::new(file));
    }
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = arguments.first().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder");
    println!(
        "{} workers, 4 phases, {} trials: {} steps",
        SIZE.workers,
        SIZE.trials,
        SIZE.workers * 4 * SIZE.trials as usize
    );
    for format in Format::ALL {
        let file = folder.join(format!("report.{format}"));
        let this = std::env::current_exe().expect("a program");
        let status = Command::new(this).args(["report_size", format.word()]).arg(&file).status().expect("it runs");
        assert!(status.success());
    }
}

/// Writes one report, and prints what it took.
fn one(word: &str, file: &Path) {
    let format = Format::ALL.into_iter().find(|format| format.word() == word).expect("a format");
    let events = events(SIZE);
    let before = memory();
    let start = Instant::now();
    let mut reporter = reporter(format, Box::new(File::create(file).expect("a file")), Style::plain());
    for stamped in &events {
        reporter.report(stamped).expect("it is written");
    }
    let took = start.elapsed();
    let size = std::fs::metadata(file).expect("a file").len();
    let more = memory() - before;
    println!("{word:>8}: {:6.0} ms, {more:5.0} MB, file {:6.1} MB", took.as_secs_f64() * 1000.0, megabytes(size));
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The most memory that this process had, in MB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok()).expect("its memory") / 1000.0
}
