//! Ending every process below this one, those included that tried to get away: TERM, then KILL, and looking again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::PlayerTime;
use crate::sys::{self, Child};

/// How long a process may take to end after TERM.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How long we go on looking after KILL.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often we look while processes are dying that we are not told of.
const LOOK: Duration = Duration::from_millis(50);

/// An end of everything in progress.
///
/// This process is a sub-reaper: whatever its children leave falls to it, so that looking at its direct children again
/// and again finds all there is.
#[derive(Debug)]
pub(super) struct Sweep {
    kill_at: PlayerTime,
    end_at: PlayerTime,
    look_at: PlayerTime,
    told: BTreeSet<Child>,
}

impl Sweep {
    /// Begins at `now`; the first look is due at once.
    pub(super) fn new(now: PlayerTime) -> Self {
        Self { kill_at: now.plus(GRACE), end_at: now.plus(GRACE + PATIENCE), look_at: now, told: BTreeSet::new() }
    }

    /// When to look again, whatever happens.
    pub(super) fn next_deadline(&self) -> PlayerTime {
        self.look_at
    }

    /// Looks at the children that are not to be kept, and tells them to end. Ended ones must have been reaped before.
    /// The answer is there when it is over: what could not be ended, by number and command line.
    pub(super) fn look(&mut self, now: PlayerTime, keep: impl Fn(Child) -> bool) -> Option<Vec<String>> {
        let mut children = others(&keep);
        if children.is_empty() {
            // A process that had just been handed down to us shows at the second look.
            children = others(&keep);
        }
        if children.is_empty() {
            return Some(Vec::new());
        }
        if now >= self.end_at {
            return Some(children.into_iter().map(describe).collect());
        }
        self.look_at = if now >= self.kill_at { now.plus(LOOK) } else { self.kill_at };
        for child in children {
            if now >= self.kill_at {
                end(child, &[libc::SIGKILL]);
            } else if self.told.insert(child) {
                end(child, &[libc::SIGTERM, libc::SIGCONT]);
            }
        }
        None
    }
}

fn others(keep: &impl Fn(Child) -> bool) -> Vec<Child> {
    sys::direct_children().into_iter().filter(|child| !keep(*child)).collect()
}

/// Signals the child, and the group that it leads: while the child is not reaped, neither number is anybody else's. A
/// child that may not be signalled is still there at the end, and named then.
fn end(child: Child, signals: &[i32]) {
    for signal in signals {
        if sys::kill_group(child.0, *signal).is_err() {
            let _ = sys::kill_process(child, *signal);
        }
    }
}

fn describe(child: Child) -> String {
    format!("process {} could not be stopped: `{}`", child.0, sys::command_line(child).escape_debug())
}
