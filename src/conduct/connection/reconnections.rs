//! Decides when a broken connection is made again, and when the worker is given up. Pure.
//!
//! What counts is whether a connection made progress: whether a numbered frame arrived or was acknowledged on it, or,
//! if nothing waited to be acknowledged, whether the player answered. The lease counts from the last connection that
//! did. A worker in a long step, over a network that breaks now and then, sends nothing for hours and is not lost.

use std::time::Duration;

use crate::model::ConductorTime;
use crate::wait::Wait;
use crate::wire::interval;

/// How much longer than the lease to wait for a worker.
const MARGIN: Duration = Wait::Reconnection.time();
/// After how many connections in a row without progress the worker is given up, if its lease has expired or if there
/// was never any progress.
const IN_VAIN: u32 = 8;
/// The first pause, and the longest. Each is twice the previous one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Wait::RetryPause.time());

/// The history of a worker's connections.
#[derive(Debug)]
pub(super) struct Reconnections {
    lease: Duration,
    /// When the current connection was made, and how many frames had arrived and been acknowledged by then.
    begun: (ConductorTime, (u64, u64)),
    answered: bool,
    /// Whether a frame was ever exchanged, and when the player was last heard on a connection that made progress.
    ever: bool,
    got_on: ConductorTime,
    /// How many connections in a row made no progress, and how many in a row were short and exchanged no frame.
    in_vain: u32,
    short: u32,
}

impl Reconnections {
    pub(super) fn new(lease: Duration, now: ConductorTime) -> Self {
        Self { lease, begun: (now, (0, 0)), answered: false, ever: false, got_on: now, in_vain: 0, short: 0 }
    }

    /// Records that a connection was made.
    pub(super) fn begun(&mut self, counts: (u64, u64), now: ConductorTime) {
        (self.begun, self.answered) = ((now, counts), false);
    }

    /// Records that the player answered a probe.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// Records that the connection broke. `heard` is when the player was last heard on it; `is_idle` means that nothing
    /// waits to be acknowledged.
    pub(super) fn broke(&mut self, counts: (u64, u64), is_idle: bool, heard: ConductorTime, now: ConductorTime) {
        let (since, before) = self.begun;
        let moved = counts != before;
        self.ever |= moved;
        let is_short = !moved && now.since(since) < interval(self.lease);
        self.short = if is_short { self.short + 1 } else { 0 };
        if moved || (is_idle && self.answered) {
            (self.got_on, self.in_vain) = (self.got_on.max(heard), 0);
        } else {
            self.in_vain += 1;
        }
    }

    /// Returns how long to wait before the next connection, and how long it may take in all; `None` if the worker is
    /// given up.
    pub(super) fn again(&self, now: ConductorTime) -> Option<(Duration, Duration)> {
        let left = self.lease.saturating_add(MARGIN).saturating_sub(now.since(self.got_on));
        if self.in_vain >= IN_VAIN && (left.is_zero() || !self.ever) {
            return None;
        }
        let doubled = 1_u32.checked_shl(self.short.saturating_sub(2)).unwrap_or(u32::MAX);
        let pause = if self.short < 2 { Duration::ZERO } else { PAUSES.0.saturating_mul(doubled).min(PAUSES.1) };
        // A conductor that was held up itself, and continues after the lease, still hears what its player did
        // meanwhile.
        Some((pause, left.max(MARGIN + pause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_mins(1);

    /// Breaks connections that last for `life`. Returns how many there are before the worker is given up, and the time
    /// until then.
    fn given_up(
        life: Duration,
        most: u32,
        mut moves: impl FnMut(u32) -> (u64, u64),
        idle: bool,
    ) -> Option<(u32, Duration)> {
        let begin = ConductorTime::from_nanoseconds(0);
        let (mut now, mut all) = (begin, Reconnections::new(LEASE, begin));
        for count in 0..most {
            all.begun(moves(count), now);
            all.answered();
            now = now.plus(life);
            all.broke(moves(count + 1), idle, now, now);
            match all.again(now) {
                None => return Some((count + 1, now.since(begin))),
                Some((pause, _)) => now = now.plus(pause),
            }
        }
        None
    }

    #[test]
    fn a_worker_that_never_did_anything_is_given_up_soon() {
        let (count, after) = given_up(Duration::from_millis(1), 1000, |_| (0, 0), false).unwrap();
        assert!(count == IN_VAIN && after < Duration::from_secs(6), "{count} {after:?}");
    }

    #[test]
    fn one_that_did_is_given_up_when_nothing_came_through_within_its_lease() {
        let moves = |count| if count == 0 { (0, 0) } else { (1, 1) };
        let (count, after) = given_up(Duration::from_millis(1), 1000, moves, false).unwrap();
        assert!(count < 50, "{count} connections");
        assert!(after >= LEASE && after < LEASE + Duration::from_secs(5), "{after:?}");
    }

    #[test]
    fn an_idle_worker_whose_connections_work_is_never_given_up() {
        assert_eq!(given_up(Duration::from_secs(5), 10_000, |_| (1, 1), true), None);
        assert_eq!(given_up(Duration::from_millis(5), 10_000, |_| (1, 1), true), None);
    }

    #[test]
    fn connections_that_bring_something_are_made_again_at_once() {
        assert_eq!(given_up(Duration::from_millis(1), 10_000, |count| (u64::from(count), 0), false), None);
        let begin = ConductorTime::from_nanoseconds(0);
        let mut all = Reconnections::new(LEASE, begin);
        all.broke((1, 0), false, begin, begin);
        assert_eq!(all.again(begin), Some((Duration::ZERO, LEASE + MARGIN)));
    }
}
