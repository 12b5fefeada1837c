//! A process that is not ours to reap: pinned by a descriptor, so that its number can't become somebody else's in our
//! hands, and described by what `/proc` tells of it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use rustix::event::PollFlags;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::children::{self, Child, Status};

use crate::wait::is_ready;

/// A process, pinned.
///
/// What is asked of it is read from `/proc` by its number, which may be another's once it was reaped. Whoever acts on
/// the answer is safe all the same: a signal goes to the pinned process or to none.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// None on a kernel that has no such thing (before Linux 5.3).
    handle: Option<OwnedFd>,
}

impl Process {
    /// Pins the process that has this number now, if there is one.
    pub fn pin(pid: u32) -> Option<Self> {
        match pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()) {
            Ok(handle) => Some(Self { pid, handle: Some(handle) }),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Some(Self { pid, handle: None }),
            Err(_) => None,
        }
    }

    /// Its number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether all of it has ended, reaped or not.
    pub fn has_ended(&self) -> bool {
        let Some(handle) = &self.handle else { return self.is_ending() };
        is_ready(handle, PollFlags::IN)
    }

    /// Whether it is on its way out, or has ended.
    pub fn is_ending(&self) -> bool {
        self.status().is_none_or(|status| status.is_ending)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// Says when it has ended, or when we may not signal it.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let Some(handle) = &self.handle else {
            // The number of a child is its own until we reap it. Others have to wait until they have become ours.
            let is_ours = self.status().is_some_and(|status| status.parent == std::process::id());
            return if is_ours { children::kill_process(Child(self.pid), signal) } else { Ok(()) };
        };
        let signal = Signal::from_named_raw(signal).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(pidfd_send_signal(handle, signal)?)
    }

    pub(super) fn status(&self) -> Option<Status> {
        Status::of(self.pid)
    }

    /// The variables with which its program was started, each with a NUL byte behind it; empty when we may not know.
    pub fn environment(&self) -> Vec<u8> {
        fs::read(self.file("environ")).unwrap_or_default()
    }

    /// Its place in the hierarchy of cgroups, version 2.
    pub fn cgroup(&self) -> Option<String> {
        let places = fs::read_to_string(self.file("cgroup")).ok()?;
        places.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
    }

    /// Whether it can write to one of these pipes; nothing when we may not know.
    pub fn writes_to(&self, pipes: &[PipeId]) -> Option<bool> {
        let names: Vec<String> = pipes.iter().map(|pipe| format!("pipe:[{}]", pipe.0)).collect();
        let descriptors = fs::read_dir(self.file("fd")).ok()?;
        Some(descriptors.flatten().any(|descriptor| {
            // Reading where the link points never waits for a file system, as following it might.
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let is_one = names.iter().any(|name| target.as_os_str() == name.as_str());
            is_one && fs::symlink_metadata(descriptor.path()).is_ok_and(|link| link.permissions().mode() & 0o200 != 0)
        }))
    }

    /// Its command line for people.
    pub fn command_line(&self) -> String {
        children::command_line(self.pid)
    }

    /// Whose rights it has, for people: a name of this machine, else the number.
    pub fn user(&self) -> String {
        let status = fs::read_to_string(self.file("status")).unwrap_or_default();
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let Some(number) = users.and_then(|users| users.split_ascii_whitespace().nth(1)) else {
            return "unknown".to_owned();
        };
        // Only this machine's own list is asked: a directory service may not answer.
        let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = list.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == number).then(|| name.to_owned())
        });
        named.unwrap_or_else(|| number.to_owned())
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }
}

/// Which pipe a descriptor belongs to; both of its ends have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipeId(u64);

impl PipeId {
    /// The pipe of this descriptor.
    pub fn of(descriptor: BorrowedFd<'_>) -> Option<Self> {
        rustix::fs::fstat(descriptor.as_fd()).ok().map(|status| Self(status.st_ino))
    }
}
