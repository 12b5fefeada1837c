//! Heartbeats of the listener's processes, which distinguish a stopped or hanging process from an idle one; and what
//! happens to a stopped process when its parent dies.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getppid, kill_process};

use crate::sys::Shared;

/// A counter that a process increments while it works. Its listener reads it without a message.
pub(super) type Pulse = Shared<AtomicU64>;

/// The counter of this process. A process has one listener, and so one counter.
pub(super) static PULSE: OnceLock<Pulse> = OnceLock::new();

/// Shows that this process is alive, if it has a listener.
pub(super) fn show() {
    if let Some(pulse) = PULSE.get() {
        pulse.fetch_add(1, Ordering::Relaxed);
    }
}

/// Makes the kernel continue this process when its parent dies. Nothing else watches it: if it were stopped (`SIGSTOP`)
/// at that time, it would stay stopped indefinitely, with all its resources.
///
/// The parent is the thread that created this process. If this thread ends before its process, this has no other
/// effect: `SIGCONT` does nothing to a running process.
pub(super) fn continue_without_parent() {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::CONT)) {
        tracing::warn!(
            "cannot set the parent-death signal; if this process is stopped when its parent dies, it stays stopped: {error}"
        );
    }
}

/// Continues the listener of this process if it is stopped. A listener that serves a single session has to end with it,
/// and nothing else would continue it.
pub(super) fn continue_listener() {
    // If the listener has ended, the parent is another process, which the signal does not affect.
    let _ = getppid().map(|listener| kill_process(listener, Signal::CONT));
}
