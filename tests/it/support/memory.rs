//! How much memory processes have of their own.

use super::descendants;

/// What a process and all below it have in memory that no other process has, in bytes.
pub fn private_bytes(pid: u32) -> u64 {
    std::iter::once(pid).chain(descendants(pid)).map(of_one).sum()
}

/// The same of one process; nothing of one that is gone.
fn of_one(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = text.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1024
}
