//! Computes the lead of a phase: long enough for the slowest worker, and no longer. Pure.

use std::time::Duration;

/// What an order takes in addition to its transmission: threads have to wake up, and so does a prepared process.
const BASE: Duration = Duration::from_millis(2);
/// What it takes to send the order to one more worker, since they are sent one after another. If workers share a
/// machine, a worker whose order arrives after the start waits for the steps of all others.
const EACH: Duration = Duration::from_micros(40);
/// The same after a barrier, where the last workers have just ended a step and prepare the next one.
const EACH_BUSY: Duration = Duration::from_micros(120);
/// The longest lead. A worker whose order arrives later starts late, and reports that.
const MOST: Duration = Duration::from_secs(5);

/// How long before a start its order must be sent.
#[derive(Debug, Default)]
pub(super) struct Lead {
    /// The round trip of the slowest worker, in the phase that is being armed.
    slowest: Duration,
    /// How late the orders of the last phase arrived.
    late: Duration,
    /// What was added because orders arrived too late.
    learned: Duration,
}

impl Lead {
    /// Records that a worker is ready, and how long a message to it and its answer take now.
    pub(super) fn ready(&mut self, round_trip: Duration) {
        self.slowest = self.slowest.max(round_trip);
    }

    /// Records how long after the start a worker got its order: zero if in time.
    pub(super) fn started(&mut self, late: Duration) {
        self.late = self.late.max(late);
    }

    /// Returns the lead of this many workers within a phase, if the round trip of the slowest one is `slowest`.
    pub(super) fn between(&self, slowest: Duration, workers: usize) -> Duration {
        (known(slowest, EACH_BUSY, workers) + self.learned.min(slowest)).min(MOST)
    }

    /// Returns the lead of a phase of this many workers, and starts measuring again for the next one.
    pub(super) fn take(&mut self, workers: usize) -> Duration {
        // What was learned is gradually forgotten, since a network that was slow once need not stay slow. It is also
        // bounded: if too many workers share a processor, each is late because of the others, and would be late with
        // any lead.
        self.learned = (self.learned.mul_f64(0.8) + self.late.mul_f64(1.2)).min(self.slowest);
        let lead = known(self.slowest, EACH, workers) + self.learned;
        (self.slowest, self.late) = (Duration::ZERO, Duration::ZERO);
        lead.min(MOST)
    }
}

fn known(slowest: Duration, each: Duration, workers: usize) -> Duration {
    slowest + BASE + each * u32::try_from(workers).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn the_slowest_worker_and_their_number_make_the_lead() {
        let mut lead = Lead::default();
        lead.ready(40 * MILLISECOND);
        lead.ready(100 * MILLISECOND);
        lead.ready(MILLISECOND);
        assert_eq!(lead.take(50), 100 * MILLISECOND + BASE + 50 * EACH);
        assert_eq!(lead.take(1), BASE + EACH, "another phase, other round trips");
        lead.ready(Duration::from_hours(1));
        assert_eq!(lead.take(1), MOST);
    }

    #[test]
    fn orders_that_came_too_late_leave_earlier_until_they_do_not() {
        let mut lead = Lead::default();
        let mut lead_of = |late| {
            lead.ready(20 * MILLISECOND);
            lead.started(late);
            lead.take(1)
        };
        let known = 20 * MILLISECOND + BASE + EACH;
        assert_eq!(lead_of(10 * MILLISECOND), known + 12 * MILLISECOND);
        let mut before = lead_of(Duration::ZERO);
        for _ in 0..20 {
            let next = lead_of(Duration::ZERO);
            assert!(next < before);
            before = next;
        }
        assert_eq!(lead_of(Duration::from_hours(1)), known + 20 * MILLISECOND, "nobody waits for ever");
    }
}
