//! How far ahead of its order a phase starts, pure: far enough for the slowest worker, and no farther.

use std::time::Duration;

/// What an order takes besides its way: threads that have to wake, and a process that was made before.
const BASE: Duration = Duration::from_millis(2);
/// What it takes to tell one more worker, as all are told one after the other. Where workers share a machine, whoever is
/// told behind the instant waits for the steps of all others.
const EACH: Duration = Duration::from_micros(40);
/// The same behind a barrier, where those that came last have just ended a step, and make ready for the next.
const EACH_BUSY: Duration = Duration::from_micros(120);
/// More than this is not waited for: who comes later starts late, and says so.
const MOST: Duration = Duration::from_secs(5);

/// How long before a start its order has to leave.
#[derive(Debug, Default)]
pub(super) struct Lead {
    /// The slowest worker's round trip, in the phase that is being armed.
    slowest: Duration,
    /// By how much the orders of the last phase came too late.
    late: Duration,
    /// What has been added because orders came too late.
    learned: Duration,
}

impl Lead {
    /// A worker is ready; a message and its answer take it so long now.
    pub(super) fn ready(&mut self, round_trip: Duration) {
        self.slowest = self.slowest.max(round_trip);
    }

    /// A worker got its order so long after the start, or in time.
    pub(super) fn started(&mut self, late: Duration) {
        self.late = self.late.max(late);
    }

    /// The lead of so many workers within a phase, of which the slowest takes so long.
    pub(super) fn between(&self, slowest: Duration, workers: usize) -> Duration {
        (known(slowest, EACH_BUSY, workers) + self.learned.min(slowest)).min(MOST)
    }

    /// The lead of a phase of so many workers; what the next one needs is learned anew.
    pub(super) fn take(&mut self, workers: usize) -> Duration {
        // What was learned is forgotten by and by, for a network that was slow once need not stay so. And it is bounded:
        // where too many share a processor each is late for the others' sake, and would be after any lead.
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
