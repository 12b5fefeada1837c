//! The processes below this one: finding, signalling and reaping them.

use std::fs;
use std::io;

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions};

use crate::sys::clock;

/// A process that is our child, because we made it or because we are the sub-reaper that it fell to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Child(pub u32);

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// Takes one child that has ended, if there is one; its number may be somebody else's afterwards.
pub fn reap() -> Option<(Child, Reaped, u64)> {
    let (child, status) = rustix::process::wait(WaitOptions::NOHANG).ok()??;
    let how = match status.terminating_signal() {
        Some(signal) => Reaped::Signal(signal),
        None => Reaped::Exit(status.exit_status().unwrap_or(-1)),
    };
    Some((Child(child.as_raw_pid().unsigned_abs()), how, clock::boot_time_nanoseconds()))
}

/// Whether a child of ours, ended or not, is in this group. While one is, the group's number is nobody else's: only we
/// can reap it.
pub fn something_of_group(group: u32) -> bool {
    is_child(WaitId::Pgid(Pid::from_raw(group.cast_signed())))
}

/// Whether a child of ours, ended or not, is among these.
fn is_child(of: WaitId<'_>) -> bool {
    rustix::process::waitid(of, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT).is_ok()
}

/// Sends a signal to a group. The caller has a child in it, so it is nobody else's.
///
/// # Errors
///
/// Says when the group is gone, or holds only processes that we may not signal.
pub fn kill_group(group: u32, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` has no precondition.
    if unsafe { libc::kill(-group.cast_signed(), signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to a child that was not reaped, so its number is nobody else's.
///
/// # Errors
///
/// Says when we may not signal it.
pub fn kill_process(child: Child, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` has no precondition.
    if unsafe { libc::kill(child.0.cast_signed(), signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Tells a child to end by this signal, also one that was stopped.
pub fn end_process(child: Child, signal: i32) {
    let _ = kill_process(child, signal);
    let _ = kill_process(child, libc::SIGCONT);
}

/// All our direct children, those included that fell to us.
pub fn direct_children() -> Vec<Child> {
    // Usually there are none, and this is the cheaper question.
    if !is_child(WaitId::All) {
        return Vec::new();
    }
    children_of(std::process::id()).into_iter().map(Child).collect()
}

/// The direct children of a process, of all its threads.
pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let threads = numbers_in(&format!("/proc/{pid}/task"));
    let lists: io::Result<Vec<String>> =
        threads.iter().map(|thread| fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"))).collect();
    if let Ok(lists) = lists {
        return lists.join(" ").split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    }
    // A kernel that keeps no such lists, or a thread that has just ended: then everybody is asked.
    let is_its_child = |of: &u32| Status::of(*of).is_some_and(|status| status.parent == pid);
    numbers_in("/proc").into_iter().filter(is_its_child).collect()
}

fn numbers_in(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// What the kernel keeps of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Whether it is on its way out, or has ended.
    pub(super) is_ending: bool,
    /// When it was made, in ticks since the machine was.
    pub(super) made: u64,
}

impl Status {
    /// That of the process that has this number.
    pub(super) fn of(pid: u32) -> Option<Self> {
        /// The kernel's flag of a process that is on its way out.
        const ENDING: u64 = 4;
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the numbers may have any character in it, also this one.
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

/// A process's command line for people: its arguments with spaces between, or its short name.
pub(super) fn command_line(pid: u32) -> String {
    /// Enough to know it by.
    const MOST: usize = 300;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&arguments).trim_end_matches('\0').replace('\0', " ");
    if text.is_empty() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        return format!("[{}]", name.trim_end());
    }
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}
