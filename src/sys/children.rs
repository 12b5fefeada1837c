//! Finds, signals and reaps the processes below this one.

use std::fs;
use std::io;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};

use super::clock::clock;
use crate::model::{Ending, PlayerTime};

/// A child that has ended and was reaped. Its ID may belong to another process by now.
#[derive(Debug, Clone, Copy)]
pub struct Reaped {
    /// Its process ID.
    pub pid: u32,
    /// How it ended.
    pub how: Ending,
    /// When its end was noticed.
    pub at: PlayerTime,
}

/// Reaps one child that has ended, if there is one.
pub fn reap() -> Option<Reaped> {
    let (child, status) = rustix::process::wait(WaitOptions::NOHANG).ok()??;
    let exit = || Ending::Exit(status.exit_status().unwrap_or(-1));
    let how = status.terminating_signal().map_or_else(exit, Ending::Signal);
    Some(Reaped { pid: child.as_raw_pid().unsigned_abs(), how, at: clock() })
}

/// Whether a child of ours, ended or not, is in this group. While one is, the ID belongs to no other group, because
/// only we can reap the child.
pub fn something_of_group(group: u32) -> bool {
    is_child(WaitId::Pgid(Pid::from_raw(group.cast_signed())))
}

fn is_child(of: WaitId<'_>) -> bool {
    rustix::process::waitid(of, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT).is_ok()
}

/// Sends a signal to a child that has not been reaped, so that its ID belongs to no other process. A child that has
/// ended, or that we may not signal, receives none.
pub fn signal_child(child: u32, signal: Signal) {
    let _ = Pid::from_raw(child.cast_signed()).map(|child| rustix::process::kill_process(child, signal));
}

/// Ends a child with this signal, even if it is stopped.
pub fn end_child(child: u32, signal: Signal) {
    signal_child(child, signal);
    signal_child(child, Signal::CONT);
}

/// Ends the processes of a group with this signal, even if they are stopped. The caller must have a child in the group,
/// so that its ID belongs to no other group.
pub fn end_group(group: u32, signal: Signal) {
    for signal in [signal, Signal::CONT] {
        let _ = Pid::from_raw(group.cast_signed()).map(|group| rustix::process::kill_process_group(group, signal));
    }
}

/// Returns all our direct children, including those that we have inherited as a subreaper.
pub fn direct_children() -> Vec<u32> {
    // Usually there are none, and this check is cheaper.
    if is_child(WaitId::All) { children_of(std::process::id()) } else { Vec::new() }
}

/// Returns the direct children of a process and of all its threads.
pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let threads = numbers_in(&format!("/proc/{pid}/task"));
    let lists: io::Result<Vec<String>> =
        threads.iter().map(|thread| fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"))).collect();
    if let Ok(lists) = lists {
        return lists.join(" ").split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    }
    // The kernel has no such lists, or a thread has just ended: check all processes.
    let is_its_child = |of: &u32| Status::of(*of).is_some_and(|status| status.parent == pid);
    numbers_in("/proc").into_iter().filter(is_its_child).collect()
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The kernel's information about a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Whether it is ending or has ended.
    pub(super) is_ending: bool,
    /// When it was created, in ticks since the machine started.
    pub(super) made: u64,
}

impl Status {
    /// Returns the status of the process with this ID.
    pub(super) fn of(pid: u32) -> Option<Self> {
        /// The kernel's flag for a process that is ending.
        const ENDING: u64 = 4;
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the numbers may contain any character, even `)`.
        let fields: Vec<&str> = status.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let flags: u64 = fields.get(6)?.parse().ok()?;
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            is_ending: flags & ENDING != 0,
            made: fields.get(19)?.parse().ok()?,
        })
    }
}
