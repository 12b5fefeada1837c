//! When a session counts as broken, pure: three intervals in which nothing was heard.

use std::time::Duration;

use crate::model::ConductorTime;

/// How many silent intervals are too many.
const SILENT: u32 = 3;

/// Watches over the signs of life of one peer.
#[derive(Debug)]
pub(super) struct Pulse {
    interval: Duration,
    /// Silence counts from here on at the earliest.
    since: ConductorTime,
    looked: ConductorTime,
}

impl Pulse {
    /// One for this lease, that begins now.
    pub(super) fn new(lease: Duration, now: ConductorTime) -> Self {
        let interval = Duration::from_secs(2).min(lease / 6).max(Duration::from_millis(10));
        Self { interval, since: now, looked: now }
    }

    /// How often to give a sign of life, and to look for the peer's.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Looks; the silence that is too long, if it is.
    pub(super) fn look(&mut self, heard: ConductorTime, now: ConductorTime) -> Option<Duration> {
        // Whoever was held up itself, by a suspended machine for one, has to listen first.
        if now.since(self.looked) > self.interval * (SILENT - 1) {
            self.since = now;
        }
        self.looked = now;
        let silence = now.since(self.since.max(heard));
        (silence >= self.interval * SILENT).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> ConductorTime {
        ConductorTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    #[test]
    fn three_silent_intervals_are_too_many() {
        let mut pulse = Pulse::new(Duration::from_mins(1), at(100));
        assert_eq!(pulse.interval(), Duration::from_secs(2));
        assert_eq!(pulse.look(at(101), at(102)), None);
        assert_eq!(pulse.look(at(101), at(104)), None);
        assert_eq!(pulse.look(at(101), at(106)), None);
        assert_eq!(pulse.look(at(101), at(108)), Some(Duration::from_secs(7)));
    }

    #[test]
    fn who_slept_listens_first() {
        let mut pulse = Pulse::new(Duration::from_mins(1), at(100));
        assert_eq!(pulse.look(at(100), at(500)), None);
        assert_eq!(pulse.look(at(100), at(502)), None);
        assert_eq!(pulse.look(at(100), at(504)), None);
        assert_eq!(pulse.look(at(100), at(506)), Some(Duration::from_secs(6)));
    }
}
