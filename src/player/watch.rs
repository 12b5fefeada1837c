//! Whether the listener's processes are at work: each gives a sign of life every second, and one that gives none for as long
//! as its limit is given up. Pure, but for [`Watches`], which reads the signs.

use std::time::Duration;

use crate::model::{PlayerTime, nanoseconds};
use crate::sys::Pulse;
use crate::wait::Wait;

/// How often a process gives a sign of life, at least.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// No limit is shorter: on a loaded machine a healthy process may wait for a processor.
const LEAST: Duration = Wait::SignOfLife.time();

/// No limit of a process without a lease is longer.
pub(super) const MOST: Duration = Duration::from_mins(1);

/// How often a process is looked at within its limit, at least.
///
/// It is given up after as many looks in a row without a new sign as make up its limit, and not after a time: when the whole
/// machine was suspended, or the listener stopped, that is one look, and the process has the time until the next ones.
const LOOKS: u32 = 4;

/// The longest time between two looks.
const RARELY: Duration = Duration::from_secs(15);

/// After so many looks in a row without a new sign a process is said not to respond.
const DOUBTFUL: u64 = 2;

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is too early to look.
    NotDue,
    /// It gave a sign of life, or may be about to.
    Alive,
    /// It does not respond, and will be given up at this time if that goes on.
    Doubtful(PlayerTime),
    /// It has given no sign of life for so long. It is found once.
    GivenUp(Duration),
}

/// The watch over one process.
#[derive(Debug)]
pub(super) struct Watch {
    limit: Duration,
    next: PlayerTime,
    seen: u64,
    silent_looks: u64,
    is_given_up: bool,
}

impl Watch {
    /// Over a process that is made now, and may give no sign of life for so long.
    pub(super) fn new(limit: Duration, now: PlayerTime) -> Self {
        let limit = Wait::SignOfLife.given(limit);
        Self { limit, next: now.plus(interval(limit)), seen: 0, silent_looks: 0, is_given_up: false }
    }

    /// From now on the limit is as short as it can be.
    pub(super) fn hasten(&mut self, now: PlayerTime) {
        self.limit = LEAST;
        self.next = self.next.min(now.plus(interval(LEAST)));
    }

    /// Looks, when that is due, at what the count of signs is by now.
    pub(super) fn look(&mut self, count: u64, now: PlayerTime) -> Found {
        if now < self.next || self.is_given_up {
            return Found::NotDue;
        }
        let interval = interval(self.limit);
        self.next = now.plus(interval);
        if count != self.seen {
            (self.seen, self.silent_looks) = (count, 0);
            return Found::Alive;
        }
        self.silent_looks += 1;
        let silence = Duration::from_nanos(nanoseconds(interval).saturating_mul(self.silent_looks));
        if silence >= self.limit {
            self.is_given_up = true;
            return Found::GivenUp(self.limit);
        }
        if self.silent_looks >= DOUBTFUL {
            Found::Doubtful(now.plus(self.limit.saturating_sub(silence)))
        } else {
            Found::Alive
        }
    }

    /// When the next look is due, unless it was given up.
    pub(super) fn next(&self) -> Option<PlayerTime> {
        (!self.is_given_up).then_some(self.next)
    }
}

/// How long after a look the next one is due.
fn interval(limit: Duration) -> Duration {
    (limit / LOOKS).min(RARELY)
}

/// The watches over all processes that the listener made.
#[derive(Debug, Default)]
pub(super) struct Watches(Vec<(u32, Pulse, Watch)>);

impl Watches {
    /// Begins to watch over this process.
    pub(super) fn add(&mut self, pid: u32, pulse: Pulse, limit: Duration, now: PlayerTime) {
        self.0.push((pid, pulse, Watch::new(limit, now)));
    }

    /// This process has ended.
    pub(super) fn remove(&mut self, pid: u32) {
        self.0.retain(|(of, _, _)| *of != pid);
    }

    /// These processes are wanted to end: from now on they must show soon that they work at that.
    pub(super) fn hasten(&mut self, is_meant: impl Fn(u32) -> bool, now: PlayerTime) {
        self.0.iter_mut().filter(|(pid, _, _)| is_meant(*pid)).for_each(|(_, _, watch)| watch.hasten(now));
    }

    /// Looks at those whose look is due; what was found of each.
    pub(super) fn look(&mut self, now: PlayerTime) -> Vec<(u32, Found)> {
        let looks = self.0.iter_mut().map(|(pid, pulse, watch)| (*pid, watch.look(pulse.count(), now)));
        looks.filter(|(_, found)| *found != Found::NotDue).collect()
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<PlayerTime> {
        self.0.iter().filter_map(|(_, _, watch)| watch.next()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::Found::{Alive, Doubtful, GivenUp, NotDue};
    use super::*;

    fn at(seconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    const LIMIT: Duration = Duration::from_mins(1);

    /// Has a watch of a minute, begun at 0, look at these seconds and counts.
    fn looks(looks: &[(u64, u64)]) -> Vec<Found> {
        let mut watch = Watch::new(LIMIT, at(0));
        looks.iter().map(|(second, count)| watch.look(*count, at(*second))).collect()
    }

    #[test]
    fn a_process_is_given_up_after_its_limit_without_a_sign_and_not_before() {
        type Looks = &'static [(u64, u64)];
        let table: [(&str, Looks, &[Found]); 7] = [
            ("works", &[(15, 15), (30, 30), (45, 45), (60, 60), (75, 75)], &[Alive, Alive, Alive, Alive, Alive]),
            ("between looks", &[(1, 0), (14, 0), (15, 1), (16, 1)], &[NotDue, NotDue, Alive, NotDue]),
            (
                "stopped after 20 s",
                &[(15, 15), (30, 20), (45, 20), (60, 20), (75, 20), (90, 20), (105, 20)],
                &[Alive, Alive, Alive, Doubtful(at(90)), Doubtful(at(90)), GivenUp(LIMIT), NotDue],
            ),
            (
                "stopped for less than its limit",
                &[(15, 15), (30, 15), (45, 15), (60, 15), (75, 16), (90, 16), (105, 17)],
                &[Alive, Alive, Doubtful(at(75)), Doubtful(at(75)), Alive, Alive, Alive],
            ),
            (
                "never begins",
                &[(15, 0), (30, 0), (45, 0), (60, 0)],
                &[Alive, Doubtful(at(60)), Doubtful(at(60)), GivenUp(LIMIT)],
            ),
            (
                "the machine was suspended for hours, and the listener wakes first",
                &[(15, 15), (10_000, 16), (10_015, 16), (10_030, 20)],
                &[Alive, Alive, Alive, Alive],
            ),
            (
                "it was suspended again and again",
                &[(15, 15), (10_000, 15), (20_000, 16), (30_000, 16), (40_000, 17)],
                &[Alive, Alive, Alive, Alive, Alive],
            ),
        ];
        for (name, counts, found) in table {
            assert_eq!(looks(counts), found, "{name}");
        }
    }

    #[test]
    fn who_is_to_end_must_soon_show_that_it_does() {
        let mut watch = Watch::new(LIMIT, at(0));
        assert_eq!(watch.look(15, at(15)), Alive);
        watch.hasten(at(16));
        assert_eq!(watch.next(), Some(at(16).plus(interval(LEAST))));
        let found: Vec<Found> = (18..=24).step_by(2).map(|second| watch.look(15, at(second))).collect();
        assert_eq!(found.last(), Some(&GivenUp(LEAST)), "{found:?}");
        assert_eq!(watch.next(), None, "it was said");
    }

    #[test]
    fn the_shortest_lease_leaves_a_loaded_machine_its_time() {
        let mut watch = Watch::new(Duration::from_millis(500), at(0));
        assert_eq!(watch.look(0, at(1)), NotDue);
        assert_eq!(watch.look(0, at(2)), Alive);
        assert!(interval(LEAST) > BEAT, "a healthy process gives a sign between any two looks");
    }

    #[test]
    fn of_a_long_lease_it_is_known_soon_that_a_process_does_not_respond() {
        let mut watch = Watch::new(Duration::from_hours(1), at(0));
        assert_eq!((watch.look(0, at(15)), watch.look(0, at(30))), (Alive, Doubtful(at(3600))));
        let found: Vec<Found> = (3..=240).map(|look| watch.look(0, at(15 * look))).collect();
        assert_eq!(found[found.len() - 2..], [Doubtful(at(3600)), GivenUp(Duration::from_hours(1))]);
    }
}
