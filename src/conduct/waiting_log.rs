//! The log of a wait: what is waited for and on whom, from its first second on and then ever more seldom.

use std::time::Duration;

use crate::model::ConductorTime;

use super::coordinator::Coordinator;

/// After so long a wait is worth a line for those who want to know everything (`-v`).
const FIRST: Duration = Duration::from_secs(1);
/// After so long it is worth one for everybody.
const LONG: Duration = Duration::from_secs(10);

/// What was said of the current wait.
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

    /// Says what is waited for, if it is time to. After each line the next one takes twice as long.
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
