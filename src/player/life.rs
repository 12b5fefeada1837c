//! The signs of life of the listener's processes, which distinguish a process that was stopped or hangs from one that has
//! nothing to do; and what happens to a stopped process when its parent dies.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getppid, kill_process};

use crate::sys::Shared;

/// A counter that a process increments as long as it works. Its listener sees that without a message.
pub(super) type Pulse = Shared<AtomicU64>;

/// A process has one listener, and so one pulse. It gives its signs of life here.
pub(super) static PULSE: OnceLock<Pulse> = OnceLock::new();

/// Gives a sign of life, in a process that has a listener.
pub(super) fn show() {
    if let Some(pulse) = PULSE.get() {
        pulse.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes the kernel continue this process when its parent dies. Nobody else watches it: without this, a process that is
/// stopped (`SIGSTOP`) at that time would stay stopped for ever, with everything that it holds.
///
/// The parent is the thread that made this process. When it ends before its process does, nothing else happens: `SIGCONT`
/// has no effect on a process that runs.
pub(super) fn continue_without_parent() {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::CONT)) {
        tracing::warn!(
            "cannot set the parent-death signal; if this process is stopped when its parent dies, it stays stopped: {error}"
        );
    }
}

/// Continues the listener of this process, in case that it was stopped. One that serves a single session has to end with
/// it, and nobody else would continue it.
pub(super) fn continue_listener() {
    // If it has ended, another process is the parent, to which the signal says nothing.
    let _ = getppid().map(|listener| kill_process(listener, Signal::CONT));
}
