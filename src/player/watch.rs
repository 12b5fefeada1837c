//! Checks the listener's processes: each sends a heartbeat every second, and one that sends none for as long as its
//! limit is given up. This module is pure.

use std::time::Duration;

use crate::model::{PlayerTime, nanoseconds};
use crate::wait::Wait;

/// The maximum time between two heartbeats of a process.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// The minimum limit: on a loaded machine, a healthy process may wait for a processor.
const LEAST: Duration = Wait::SignOfLife.time();

/// The maximum limit of a process without a lease.
pub(super) const MOST: Duration = Duration::from_mins(1);

/// The minimum number of checks of a process within its limit.
///
/// A process is given up after this many checks in a row without a heartbeat, and not after a certain time: if the
/// whole machine was suspended, or the listener was stopped, this counts as one check, and the process has time until
/// the next ones.
const LOOKS: u32 = 4;

/// The maximum time between two checks.
const RARELY: Duration = Duration::from_secs(15);

/// After this many checks in a row without a heartbeat, a process is reported as unresponsive.
const DOUBTFUL: u64 = 2;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It has sent a heartbeat, or may be about to.
    Alive,
    /// It does not respond, and will be given up at this time.
    Doubtful(PlayerTime),
    /// It has sent no heartbeat for this long. This is reported once.
    GivenUp(Duration),
}

/// The checks of one process.
#[derive(Debug)]
pub(super) struct Watch {
    limit: Duration,
    /// When the next check is due, unless the process was given up.
    pub(super) next: Option<PlayerTime>,
    seen: u64,
    silent_looks: u64,
}

impl Watch {
    /// Creates the checks of a new process with this limit.
    pub(super) fn new(limit: Duration, now: PlayerTime) -> Self {
        let limit = Wait::SignOfLife.given(limit);
        Self { limit, next: Some(now.plus(interval(limit))), seen: 0, silent_looks: 0 }
    }

    /// Sets the minimum limit.
    pub(super) fn hasten(&mut self, now: PlayerTime) {
        self.limit = LEAST;
        self.next = self.next.map(|next| next.min(now.plus(interval(LEAST))));
    }

    /// Checks the heartbeat counter, if a check is due.
    pub(super) fn look(&mut self, count: u64, now: PlayerTime) -> Option<Found> {
        self.next.filter(|next| *next <= now)?;
        let interval = interval(self.limit);
        self.next = Some(now.plus(interval));
        if count != self.seen {
            (self.seen, self.silent_looks) = (count, 0);
            return Some(Found::Alive);
        }
        self.silent_looks += 1;
        let silence = Duration::from_nanos(nanoseconds(interval).saturating_mul(self.silent_looks));
        if silence >= self.limit {
            self.next = None;
            return Some(Found::GivenUp(self.limit));
        }
        let is_doubtful = self.silent_looks >= DOUBTFUL;
        Some(if is_doubtful { Found::Doubtful(now.plus(self.limit.saturating_sub(silence))) } else { Found::Alive })
    }
}

/// The time between two checks.
fn interval(limit: Duration) -> Duration {
    (limit / LOOKS).min(RARELY)
}

#[cfg(test)]
mod tests {
    use super::Found::{Alive, Doubtful, GivenUp};
    use super::*;

    fn at(seconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    const LIMIT: Duration = Duration::from_mins(1);

    /// Lets a watch with a limit of one minute, created at 0, look at these counts at these seconds.
    fn looks(looks: &[(u64, u64)]) -> Vec<Option<Found>> {
        let mut watch = Watch::new(LIMIT, at(0));
        looks.iter().map(|(second, count)| watch.look(*count, at(*second))).collect()
    }

    #[test]
    fn a_process_is_given_up_after_its_limit_without_a_sign_and_not_before() {
        type Looks = &'static [(u64, u64)];
        let table: [(&str, Looks, &[Option<Found>]); 7] = [
            (
                "works",
                &[(15, 15), (30, 30), (45, 45), (60, 60), (75, 75)],
                &[Some(Alive), Some(Alive), Some(Alive), Some(Alive), Some(Alive)],
            ),
            ("between looks", &[(1, 0), (14, 0), (15, 1), (16, 1)], &[None, None, Some(Alive), None]),
            (
                "stopped after 20 s",
                &[(15, 15), (30, 20), (45, 20), (60, 20), (75, 20), (90, 20), (105, 20)],
                &[
                    Some(Alive),
                    Some(Alive),
                    Some(Alive),
                    Some(Doubtful(at(90))),
                    Some(Doubtful(at(90))),
                    Some(GivenUp(LIMIT)),
                    None,
                ],
            ),
            (
                "stopped for less than its limit",
                &[(15, 15), (30, 15), (45, 15), (60, 15), (75, 16), (90, 16), (105, 17)],
                &[
                    Some(Alive),
                    Some(Alive),
                    Some(Doubtful(at(75))),
                    Some(Doubtful(at(75))),
                    Some(Alive),
                    Some(Alive),
                    Some(Alive),
                ],
            ),
            (
                "never begins",
                &[(15, 0), (30, 0), (45, 0), (60, 0)],
                &[Some(Alive), Some(Doubtful(at(60))), Some(Doubtful(at(60))), Some(GivenUp(LIMIT))],
            ),
            (
                "the machine was suspended for hours, and the listener wakes first",
                &[(15, 15), (10_000, 16), (10_015, 16), (10_030, 20)],
                &[Some(Alive), Some(Alive), Some(Alive), Some(Alive)],
            ),
            (
                "it was suspended again and again",
                &[(15, 15), (10_000, 15), (20_000, 16), (30_000, 16), (40_000, 17)],
                &[Some(Alive), Some(Alive), Some(Alive), Some(Alive), Some(Alive)],
            ),
        ];
        for (name, counts, found) in table {
            assert_eq!(looks(counts), found, "{name}");
        }
    }

    #[test]
    fn who_is_to_end_must_soon_show_that_it_does() {
        let mut watch = Watch::new(LIMIT, at(0));
        assert_eq!(watch.look(15, at(15)), Some(Alive));
        watch.hasten(at(16));
        assert_eq!(watch.next, Some(at(16).plus(interval(LEAST))));
        let found: Vec<Found> = (18..=24).step_by(2).filter_map(|second| watch.look(15, at(second))).collect();
        assert_eq!(found.last(), Some(&GivenUp(LEAST)), "{found:?}");
        assert_eq!(watch.next, None, "it was said");
    }

    #[test]
    fn the_shortest_lease_leaves_a_loaded_machine_its_time() {
        let mut watch = Watch::new(Duration::from_millis(500), at(0));
        assert_eq!(watch.look(0, at(1)), None);
        assert_eq!(watch.look(0, at(2)), Some(Alive));
        assert!(interval(LEAST) > BEAT, "a healthy process gives a sign between any two looks");
    }

    #[test]
    fn of_a_long_lease_it_is_known_soon_that_a_process_does_not_respond() {
        let mut watch = Watch::new(Duration::from_hours(1), at(0));
        assert_eq!((watch.look(0, at(15)), watch.look(0, at(30))), (Some(Alive), Some(Doubtful(at(3600)))));
        let found: Vec<Found> = (3..=240).filter_map(|look| watch.look(0, at(15 * look))).collect();
        assert_eq!(found[found.len() - 2..], [Doubtful(at(3600)), GivenUp(Duration::from_hours(1))]);
    }
}
