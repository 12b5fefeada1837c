//! A process that need not be our child. It is held by a descriptor, so that a signal cannot reach another process with
//! the same ID, and is described by the contents of `/proc`.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use rustix::event::PollFlags;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::children::{Status, end_child};
use crate::model;
use crate::wait::is_ready;

/// A pinned process.
///
/// `/proc` is read by process ID, which may belong to another process once this one was reaped. It is still safe to act
/// on the result: a signal reaches the pinned process or none.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// `None` on a kernel without such descriptors (before Linux 5.3).
    handle: Option<OwnedFd>,
}

impl Process {
    /// Pins the process that has this ID now, if there is one.
    pub fn pin(pid: u32) -> Option<Self> {
        match pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()) {
            Ok(handle) => Some(Self { pid, handle: Some(handle) }),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Some(Self { pid, handle: None }),
            Err(_) => None,
        }
    }

    /// Returns the process ID.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether all threads of it have ended, reaped or not.
    pub fn has_ended(&self) -> bool {
        let Some(handle) = &self.handle else { return self.is_ending() };
        is_ready(handle, PollFlags::IN)
    }

    /// Whether it is ending or has ended.
    pub fn is_ending(&self) -> bool {
        self.status().is_none_or(|status| status.is_ending)
    }

    /// Ends the process with this signal, even if it is stopped. One that has ended, or that we may not signal,
    /// receives none.
    pub fn end(&self, signal: Signal) {
        if let Some(handle) = &self.handle {
            for signal in [signal, Signal::CONT] {
                let _ = pidfd_send_signal(handle, signal);
            }
        } else if self.status().is_some_and(|status| status.parent == std::process::id()) {
            // The ID of a child belongs to it until we reap it. Other processes are signalled once they have become our
            // children.
            end_child(self.pid, signal);
        }
    }

    pub(super) fn status(&self) -> Option<Status> {
        Status::of(self.pid)
    }

    /// Returns the variables with which its program was started, each followed by a NUL byte; empty if we may not read
    /// them.
    pub fn environment(&self) -> Vec<u8> {
        fs::read(self.file("environ")).unwrap_or_default()
    }

    /// Returns its path in the hierarchy of cgroups, version 2.
    pub fn cgroup(&self) -> Option<String> {
        let places = fs::read_to_string(self.file("cgroup")).ok()?;
        places.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
    }

    /// Whether it can write to one of these pipes; `None` if we may not read this.
    pub fn writes_to(&self, pipes: &[PipeId]) -> Option<bool> {
        let names: Vec<String> = pipes.iter().map(|pipe| format!("pipe:[{}]", pipe.0)).collect();
        let descriptors = fs::read_dir(self.file("fd")).ok()?;
        Some(descriptors.flatten().any(|descriptor| {
            // Reading the link never waits for a file system; following it might.
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let is_one = names.iter().any(|name| target.as_os_str() == name.as_str());
            is_one && fs::symlink_metadata(descriptor.path()).is_ok_and(|link| link.permissions().mode() & 0o200 != 0)
        }))
    }

    /// Describes the process for messages.
    pub fn describe(&self) -> model::Process {
        model::Process { pid: self.pid, user: self.user(), command: self.command_line() }
    }

    /// Returns its arguments separated by spaces, or its short name.
    fn command_line(&self) -> String {
        /// Enough to recognize the process.
        const MOST: usize = 300;
        let arguments = fs::read(self.file("cmdline")).unwrap_or_default();
        let mut text = String::from_utf8_lossy(&arguments).trim_end_matches('\0').replace('\0', " ");
        if text.is_empty() {
            let name = fs::read_to_string(self.file("comm")).unwrap_or_default();
            return format!("[{}]", name.trim_end());
        }
        if text.len() > MOST {
            text.truncate(text.floor_char_boundary(MOST));
            text.push('…');
        }
        text
    }

    /// Returns its effective user: the name on this machine, or the user ID.
    fn user(&self) -> String {
        let status = fs::read_to_string(self.file("status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let Some(number) = numbers.and_then(|numbers| numbers.split_ascii_whitespace().nth(1)) else {
            return "unknown".to_owned();
        };
        // Read only the local file: a directory service may not answer.
        let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut users = list.lines().filter_map(|line| line.split_once(':'));
        let found = users.find(|(_, rest)| rest.split(':').nth(1) == Some(number));
        found.map_or(number, |(name, _)| name).to_owned()
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }
}

/// Identifies a pipe. It is the same for both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipeId(u64);

impl PipeId {
    /// Returns the pipe of this descriptor.
    pub fn of(descriptor: BorrowedFd<'_>) -> Option<Self> {
        rustix::fs::fstat(descriptor.as_fd()).ok().map(|status| Self(status.st_ino))
    }
}
