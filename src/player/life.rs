//! The sign of life that a process of the listener's gives, so that one that was stopped or hangs is told from one that has
//! nothing to do.

use std::sync::OnceLock;

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
