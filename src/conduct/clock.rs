//! The estimate of a player's clock (pure): takes rounds of time stamps, and returns conductor's times with their
//! errors.
//!
//! A round of stamps shows the offset of the player's clock to within half its round trip. After that, the two clocks
//! may drift apart, so the error grows with the age of the round ([`DRIFT`]). The round with the smallest error counts.
//! A round that contradicts it, errors included, shows that the clock was stopped or set in between. Then a new epoch
//! begins, and earlier measurements are used only for earlier readings.
//!
//! The intersection of error intervals is that of K. Marzullo and S. Owicki, "Maintaining the time in a distributed
//! system" (1983), for one clock.

use std::time::Duration;

use crate::model::{ConductorTime, PlayerTime, nanoseconds};

/// How far two clocks may drift apart, in parts per million: twice the tolerance of common crystals, for each of the
/// two.
const DRIFT: u32 = 200;

/// One round of stamps: the conductor asks, the player answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When the question left the conductor.
    pub(crate) sent: ConductorTime,
    /// When the question arrived at the player.
    pub(crate) received: PlayerTime,
    /// When the answer left the player.
    pub(crate) answered: PlayerTime,
    /// When the answer arrived at the conductor.
    pub(crate) arrived: ConductorTime,
}

impl Sample {
    /// The time for both ways together, without the player's own time.
    pub(crate) fn round_trip(&self) -> Duration {
        self.arrived.since(self.sent).saturating_sub(self.answered.since(self.received))
    }

    /// How far the player's clock is ahead of the conductor's, in nanoseconds.
    pub(crate) fn offset(&self) -> i128 {
        let there = i128::from(self.received.nanoseconds()) + i128::from(self.answered.nanoseconds());
        let here = i128::from(self.sent.nanoseconds()) + i128::from(self.arrived.nanoseconds());
        (there - here) / 2
    }

    /// The maximum error of the offset at this time.
    fn error(&self, at: ConductorTime) -> Duration {
        // The clocks also drifted during the round, even while the player took its time, which its own clock measured.
        let age = at.since(self.sent).max(self.arrived.since(at));
        self.round_trip() / 2 + age * DRIFT / 1_000_000
    }

    fn to_conductor(self, reading: PlayerTime) -> Known {
        let at = ConductorTime::from_nanoseconds(shifted(reading.nanoseconds(), -self.offset()));
        Known { at, error: self.error(at) }
    }

    fn to_player(self, instant: ConductorTime) -> PlayerTime {
        PlayerTime::from_nanoseconds(shifted(instant.nanoseconds(), self.offset()))
    }
}

fn shifted(nanoseconds: u64, by: i128) -> u64 {
    u64::try_from((i128::from(nanoseconds) + by).max(0)).unwrap_or(u64::MAX)
}

/// A time on the conductor's clock, and its maximum error in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) at: ConductorTime,
    pub(crate) error: Duration,
}

impl Known {
    /// The smallest interval that contains both.
    fn or(self, other: Self) -> Self {
        let (first, last) = if self.at <= other.at { (self, other) } else { (other, self) };
        let from = first.at.nanoseconds().saturating_sub(nanoseconds(first.error));
        let from = from.min(last.at.nanoseconds().saturating_sub(nanoseconds(last.error)));
        let to = first.at.plus(first.error).max(last.at.plus(last.error));
        let error = to.since(ConductorTime::from_nanoseconds(from)) / 2;
        Self { at: ConductorTime::from_nanoseconds(from).plus(error), error }
    }
}

/// A period in which the player's clock ran evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Epoch {
    best: Sample,
    /// The player's first and last readings that are known to belong to this epoch.
    first: PlayerTime,
    last: PlayerTime,
}

/// A jump of the player's clock: its machine was stopped, or the clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The size of the jump.
    pub(crate) by: Duration,
    /// Whether the clock is now ahead of where it would be.
    pub(crate) forward: bool,
}

/// What is known of a player's clock.
#[derive(Debug, Default)]
pub(crate) struct ClockEstimate {
    now: Option<Epoch>,
    /// The previous epoch, and the latest reading that could still belong to it.
    before: Option<(Epoch, PlayerTime)>,
}

impl ClockEstimate {
    /// Takes a round of stamps into account, and returns a jump of the player's clock if the round shows one. Ignores a
    /// round whose stamps run backwards, or in which the player took longer than the whole round.
    pub(crate) fn add(&mut self, sample: Sample) -> Option<Jump> {
        let whole = sample.arrived.since(sample.sent);
        let thought = sample.answered.since(sample.received);
        let is_possible = thought <= whole + whole * DRIFT / 1_000_000;
        if sample.arrived < sample.sent || sample.answered < sample.received || !is_possible {
            return None;
        }
        let begun = Epoch { best: sample, first: sample.received, last: sample.answered };
        let Some(now) = &mut self.now else {
            self.now = Some(begun);
            return None;
        };
        let apart = sample.offset() - now.best.offset();
        let (error, known) = (sample.error(sample.arrived), now.best.error(sample.arrived));
        if apart.unsigned_abs() > (error + known).as_nanos() {
            self.before = Some((*now, now.best.to_player(sample.arrived)));
            self.now = Some(begun);
            let by = Duration::from_nanos(u64::try_from(apart.unsigned_abs()).unwrap_or(u64::MAX));
            return Some(Jump { by, forward: apart > 0 });
        }
        now.last = now.last.max(sample.answered);
        if error <= known {
            now.best = sample;
        }
        None
    }

    /// Converts a reading of the player's clock to the conductor's. Returns `None` before the first round.
    ///
    /// A reading that may belong to two epochs gets the error of both.
    pub(crate) fn to_conductor(&self, reading: PlayerTime) -> Option<Known> {
        let now = self.now?;
        let known = now.best.to_conductor(reading);
        let Some((before, end)) = self.before else { return Some(known) };
        let went_back = now.first <= before.last;
        let (may_be_old, may_be_new) =
            if went_back { (reading <= end, true) } else { (reading < now.first, reading > before.last) };
        let old = before.best.to_conductor(reading);
        Some(match (may_be_old, may_be_new) {
            (true, true) => known.or(old),
            (true, false) => old,
            (false, _) => known,
        })
    }

    /// Converts a time on the conductor's clock to the player's.
    pub(crate) fn to_player(&self, instant: ConductorTime) -> Option<PlayerTime> {
        self.now.map(|epoch| epoch.best.to_player(instant))
    }

    /// The time that a message and its answer take.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.now.map(|epoch| epoch.best.round_trip())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn sample(sent: u64, received: u64, answered: u64, arrived: u64) -> Sample {
        Sample {
            sent: ConductorTime::from_nanoseconds(sent),
            received: PlayerTime::from_nanoseconds(received),
            answered: PlayerTime::from_nanoseconds(answered),
            arrived: ConductorTime::from_nanoseconds(arrived),
        }
    }

    fn known(clock: &ClockEstimate, reading: u64) -> (u64, u64) {
        let Known { at, error } = clock.to_conductor(PlayerTime::from_nanoseconds(reading)).unwrap();
        (at.nanoseconds(), nanoseconds(error))
    }

    #[test]
    fn the_least_round_trip_counts() {
        let mut clock = ClockEstimate::default();
        assert_eq!(clock.to_conductor(PlayerTime::from_nanoseconds(5)), None);
        clock.add(sample(100, 1_190, 1_200, 210));
        clock.add(sample(300, 1_310, 1_320, 330));
        clock.add(sample(400, 1_700, 1_700, 1_000));
        assert_eq!(clock.round_trip(), Some(Duration::from_nanos(20)));
        assert_eq!(known(&clock, 1_400), (400, 10));
    }

    #[test]
    fn a_player_may_have_started_after_the_conductor() {
        let mut clock = ClockEstimate::default();
        clock.add(sample(1_000, 10, 10, 1_000));
        assert_eq!(known(&clock, 20), (1_010, 0));
        assert_eq!(clock.to_player(ConductorTime::from_nanoseconds(900)), Some(PlayerTime::from_nanoseconds(0)));
    }

    #[test]
    fn stamps_that_run_backwards_say_nothing() {
        let mut clock = ClockEstimate::default();
        clock.add(sample(1_000, 10, 5, 1_000));
        clock.add(sample(1_000, 10, 10, 999));
        assert_eq!(clock.round_trip(), None);
    }

    #[test]
    fn the_error_grows_with_age_until_a_fresher_round_is_better() {
        let mut clock = ClockEstimate::default();
        clock.add(sample(0, 1_000, 1_000, 2_000));
        assert_eq!(known(&clock, 10 * SECOND + 2_000).1, 1_000 + 2_000_000, "200 ppm of ten seconds");
        // A round trip of four milliseconds is no better yet, but is better 15 seconds later.
        let rough = |at: u64| sample(at, at + 1_000_000, at + 1_000_000, at + 4_000_000);
        clock.add(rough(5 * SECOND));
        assert_eq!(clock.round_trip(), Some(Duration::from_micros(2)));
        clock.add(rough(20 * SECOND));
        assert_eq!(clock.round_trip(), Some(Duration::from_millis(4)));
    }

    #[test]
    fn a_clock_that_stood_still_begins_a_new_epoch_and_old_readings_keep_theirs() {
        let mut clock = ClockEstimate::default();
        assert_eq!(clock.add(sample(SECOND, SECOND, SECOND, SECOND)), None);
        assert_eq!(clock.add(sample(2 * SECOND, 2 * SECOND, 2 * SECOND, 2 * SECOND)), None);
        let jump = clock.add(sample(10 * SECOND, 3 * SECOND, 3 * SECOND, 10 * SECOND));
        assert_eq!(jump, Some(Jump { by: Duration::from_secs(7), forward: false }));
        assert_eq!(known(&clock, 3 * SECOND), (10 * SECOND, 0));
        assert_eq!(known(&clock, 4 * SECOND).0, 11 * SECOND);
        assert_eq!(known(&clock, 2 * SECOND), (2 * SECOND, 0), "the old epoch's");
        let (at, error) = known(&clock, 2_500_000_000);
        assert!(at - error <= 2_500_000_000 && 9_500_000_000 <= at + error, "before or after the halt: {at} {error}");
    }

    #[test]
    fn a_clock_that_was_set_is_found_in_both_directions() {
        for (there, forward) in [(100, true), (1, false)] {
            let mut clock = ClockEstimate::default();
            clock.add(sample(SECOND, 50 * SECOND, 50 * SECOND, SECOND));
            let jump = clock.add(sample(2 * SECOND, there * SECOND, there * SECOND, 2 * SECOND));
            assert_eq!(jump.map(|jump| jump.forward), Some(forward));
            assert_eq!(known(&clock, (there + 60) * SECOND).0, 62 * SECOND);
        }
    }

    proptest! {
        /// However long the messages take, the true time is within the error, as long as the clocks drift by less than
        /// allowed.
        #[test]
        fn the_true_moment_is_always_within_the_error(
            drift in -190_i64..190,
            offset in 0_u64..1_000_000_000_000,
            rounds in prop::collection::vec((0_u64..60_000, 0_u64..200_000, 0_u64..200_000, 0_u64..5_000), 1..40),
            ask in 0_u64..60_000,
        ) {
            // Microseconds of true time, which the conductor's clock shows exactly.
            let player = |at: u64| {
                let drifted = i128::from(at) * 1_000 + i128::from(at) * i128::from(drift) / 1_000;
                u64::try_from(drifted).unwrap() + offset
            };
            let (mut clock, mut at) = (ClockEstimate::default(), 0);
            for (pause, there, thinking, back) in rounds {
                at += pause;
                let (came, left, here) = (at + there, at + there + thinking, at + there + thinking + back);
                let jump = clock.add(sample(at * 1_000, player(came), player(left), here * 1_000));
                prop_assert_eq!(jump, None);
                at = here;
            }
            let truth = (at + ask) * 1_000;
            let (found, error) = known(&clock, player(at + ask));
            prop_assert!(found.abs_diff(truth) <= error + 1_000, "off by {} with error {error}", found.abs_diff(truth));
        }
    }
}
