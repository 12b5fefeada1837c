//! How much memory processes have of their own.

use std::fmt;

use super::descendants;

/// What a process and all below it have in memory that no other process has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Private {
    /// Of all of them, in bytes.
    pub bytes: u64,
    /// How many there are.
    pub processes: usize,
    /// What the largest has, in bytes.
    pub largest: u64,
}

impl Private {
    /// That of this process and of all below it.
    pub fn of(pid: u32) -> Self {
        let all: Vec<u64> = std::iter::once(pid).chain(descendants(pid)).map(of_one).collect();
        Self { bytes: all.iter().sum(), processes: all.len(), largest: all.into_iter().max().unwrap_or_default() }
    }
}

impl fmt::Display for Private {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, processes, largest } = self;
        write!(out, "{} KiB in {processes} processes, the largest {} KiB", bytes >> 10, largest >> 10)
    }
}

/// What a process and all below it have in memory that no other process has, in bytes.
pub fn private_bytes(pid: u32) -> u64 {
    Private::of(pid).bytes
}

/// The same of one process; nothing of one that is gone.
fn of_one(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = text.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1024
}
