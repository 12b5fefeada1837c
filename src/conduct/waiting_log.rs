//! The log of a wait: what is waited for, and which workers, from its first second on at growing intervals.

use std::time::Duration;

use crate::model::ConductorTime;

use super::coordinator::Coordinator;

/// The time after which a wait is logged at the debug level (`-v`).
const FIRST: Duration = Duration::from_secs(1);
/// The time after which a wait is logged at the info level.
const LONG: Duration = Duration::from_secs(10);

/// What was logged about the current wait.
#[derive(Debug)]
pub(super) struct WaitingLog {
    since: ConductorTime,
    next: Duration,
}

impl WaitingLog {
    pub(super) fn new(now: ConductorTime) -> Self {
        Self { since: now, next: FIRST }
    }

    /// When to look again.
    pub(super) fn next(&self) -> ConductorTime {
        self.since.plus(self.next)
    }

    /// Logs what is waited for, if it is time to. After each line, the time until the next one doubles.
    pub(super) fn look(&mut self, coordinator: &Coordinator, now: ConductorTime) {
        if coordinator.waiting_since() != self.since {
            *self = Self::new(coordinator.waiting_since());
        }
        let waited = now.since(self.since);
        if waited < self.next {
            return;
        }
        self.next = waited * 2;
        let shown = humantime::format_duration(Duration::from_secs(waited.as_secs()));
        let waiting = coordinator.waiting();
        if waited < LONG {
            tracing::debug!("waiting for {waiting}, {shown} so far");
        } else {
            tracing::info!("waiting for {waiting}, {shown} so far");
        }
    }
}
