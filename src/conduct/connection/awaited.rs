//! Limits how long a player may take to send the output that it announced.

use std::time::{Duration, Instant};

use crate::conduct::now::now;
use crate::model::{Attention, ConductorTime};
use crate::wait::Wait;
use crate::wire::interval;

/// The data rate of a slow network, in bytes per second.
const DATA_RATE: u64 = 32 << 10;

/// The wait for announced output: when it began, and how many bytes have arrived since.
#[derive(Debug)]
pub(super) struct Awaited {
    since: Instant,
    bytes: u64,
    /// Time in which the conductor itself did not run does not count.
    attention: Attention<ConductorTime>,
}

impl Awaited {
    pub(super) fn new(lease: Duration) -> Self {
        Self { since: Instant::now(), bytes: 0, attention: Attention::new(2 * interval(lease), now()) }
    }

    /// Restarts the wait.
    pub(super) fn restart(&mut self) {
        (self.since, self.bytes) = (Instant::now(), 0);
        self.attention.look(now());
    }

    /// Records data that has arrived.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    /// Whether the wait takes too long.
    pub(super) fn is_late(&mut self) -> bool {
        self.since += self.attention.look(now()).unwrap_or_default();
        self.since.elapsed() > Wait::AnnouncedOutput.time() + Duration::from_secs(self.bytes / DATA_RATE)
    }
}
