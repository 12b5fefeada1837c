//! A mark in the environment of everything that a test starts. Steps inherit it, so that the harness sees what is left of
//! a test, however it got away.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::DEADLINE;

const VARIABLE: &str = "STARTED_BY_TEST";

/// The marks of commands that run, by their processes.
static RUNNING: Mutex<Option<HashMap<u32, Mark>>> = Mutex::new(None);

/// A mark that nothing else has.
#[derive(Debug, Clone)]
pub struct Mark(String);

impl Mark {
    /// Marks a command.
    pub fn put_on(command: &mut Command) -> Self {
        let mark = Self::new();
        command.env(VARIABLE, mark.value());
        mark
    }

    /// A mark for what others start on behalf of a test.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("{VARIABLE}={}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The variable of the environment that it is, `NAME=VALUE`.
    pub fn variable(&self) -> &str {
        &self.0
    }

    fn value(&self) -> &str {
        self.0.rsplit('=').next().unwrap_or_default()
    }

    /// Remembers that this process has it.
    pub fn remember(self, pid: u32) {
        RUNNING.lock().expect("a lock").get_or_insert_default().insert(pid, self);
    }

    /// The mark that was remembered of this process.
    pub fn recall(pid: u32) -> Option<Self> {
        RUNNING.lock().expect("a lock").as_mut()?.remove(&pid)
    }

    /// Waits until nothing carries it any more.
    #[track_caller]
    pub fn assert_gone(&self) {
        let end = Instant::now() + DEADLINE;
        while let left @ [_, ..] = &self.carriers()[..] {
            let lines: Vec<String> = left.iter().map(|(pid, _)| describe(*pid)).collect();
            assert!(Instant::now() < end, "left by a test: {}", lines.join("; "));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends everything that carries it: for a test that has killed who would have done so.
    pub fn end_all(&self) {
        while let left @ [_, ..] = &self.carriers()[..] {
            for (_, handle) in left {
                let _ = pidfd_send_signal(handle, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The numbers of the processes that carry it.
    pub fn pids(&self) -> Vec<u32> {
        self.carriers().into_iter().map(|(pid, _)| pid).collect()
    }

    /// The processes that carry it. They are pinned before they are looked at, so that no other is meant.
    fn carriers(&self) -> Vec<(u32, OwnedFd)> {
        let entries = std::fs::read_dir("/proc").expect("`/proc`").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let pinned = pids.filter_map(|pid: u32| {
            let handle = pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?;
            let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            environment.split(|byte| *byte == 0).any(|variable| variable == self.0.as_bytes()).then_some((pid, handle))
        });
        pinned.collect()
    }
}

/// Whether a process carries a mark, whichever.
pub fn is_marked(pid: u32) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut names = environment.split(|byte| *byte == 0).filter_map(|line| line.strip_prefix(VARIABLE.as_bytes()));
    names.any(|rest| rest.first() == Some(&b'='))
}

fn describe(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid} `{}`", String::from_utf8_lossy(&line).replace('\0', " ").trim_end())
}
