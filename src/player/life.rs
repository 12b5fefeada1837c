//! The sign of life that a process of the listener's gives, so that one that was stopped or hangs is told from one that has
//! nothing to do; and what becomes of one that is stopped when nobody is left to see that.

use std::sync::OnceLock;

use rustix::process::Signal;

use crate::sys::Pulse;

/// A process has one listener, and so one pulse.
static PULSE: OnceLock<Pulse> = OnceLock::new();

/// This process gives its signs of life here from now on.
pub(super) fn begin(pulse: Pulse) {
    let _ = PULSE.set(pulse);
}

/// Gives a sign of life. A process without a listener has nobody to give it to.
pub(super) fn show() {
    if let Some(pulse) = PULSE.get() {
        pulse.beat();
    }
}

/// Has the kernel continue this process when its parent dies. The parent watches over it, or nobody does; without this a
/// process that is stopped (`SIGSTOP`) at that time would stay so for ever, with everything that it holds.
///
/// The parent is the thread that made this process. When it ends before its process does, nothing else happens: `SIGCONT`
/// has no effect on a process that runs.
pub(super) fn continue_without_parent() {
    let asked = rustix::process::set_parent_process_death_signal(Some(Signal::CONT));
    if let Err(error) = asked {
        tracing::warn!("if this process is stopped when its parent dies, it stays stopped: {error}");
    }
}
