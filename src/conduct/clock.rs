//! The estimate of a player's clock, pure: stamps go in, conductor's times come out.
//!
//! First form: of all rounds of stamps the one with the least round trip counts, for its error, half the round trip, is
//! the least. That a sample ages, and that a clock can jump, has its place in [`ClockEstimate::add`].

use std::time::Duration;

use crate::model::{ConductorTime, PlayerTime};

/// One round of stamps: the conductor asks, the player answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When the question left the conductor.
    pub(crate) sent: ConductorTime,
    /// When it came to the player.
    pub(crate) received: PlayerTime,
    /// When the answer left the player.
    pub(crate) answered: PlayerTime,
    /// When it came to the conductor.
    pub(crate) arrived: ConductorTime,
}

impl Sample {
    /// How long both ways took together, without the player's own time.
    pub(crate) fn round_trip(&self) -> Duration {
        self.arrived.since(self.sent).saturating_sub(self.answered.since(self.received))
    }

    /// How far the player's clock is before the conductor's, in nanoseconds.
    pub(crate) fn offset(&self) -> i128 {
        let there = i128::from(self.received.nanoseconds()) + i128::from(self.answered.nanoseconds());
        let here = i128::from(self.sent.nanoseconds()) + i128::from(self.arrived.nanoseconds());
        (there - here) / 2
    }
}

/// What is known of a player's clock.
#[derive(Debug, Default)]
pub(crate) struct ClockEstimate {
    best: Option<Sample>,
}

impl ClockEstimate {
    /// Takes a round of stamps into account. One whose stamps run backwards says nothing.
    pub(crate) fn add(&mut self, sample: Sample) {
        if sample.arrived < sample.sent || sample.answered < sample.received {
            return;
        }
        if self.best.is_none_or(|best| sample.round_trip() < best.round_trip()) {
            self.best = Some(sample);
        }
    }

    /// A reading of the player's clock on the conductor's, and how far off that may be; `None` before the first sample.
    pub(crate) fn to_conductor(&self, reading: PlayerTime) -> Option<(ConductorTime, Duration)> {
        let best = self.best?;
        let offset = best.offset();
        let nanoseconds = (i128::from(reading.nanoseconds()) - offset).max(0);
        let at = ConductorTime::from_nanoseconds(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        Some((at, best.round_trip() / 2))
    }

    /// A moment of the conductor's clock on the player's, and how far off that may be.
    pub(crate) fn to_player(&self, instant: ConductorTime) -> Option<(PlayerTime, Duration)> {
        let best = self.best?;
        let nanoseconds = (i128::from(instant.nanoseconds()) + best.offset()).max(0);
        let at = PlayerTime::from_nanoseconds(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        Some((at, best.round_trip() / 2))
    }

    /// How long a message and its answer take.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.best.map(|best| best.round_trip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sent: u64, received: u64, answered: u64, arrived: u64) -> Sample {
        Sample {
            sent: ConductorTime::from_nanoseconds(sent),
            received: PlayerTime::from_nanoseconds(received),
            answered: PlayerTime::from_nanoseconds(answered),
            arrived: ConductorTime::from_nanoseconds(arrived),
        }
    }

    #[test]
    fn the_least_round_trip_counts() {
        let mut clock = ClockEstimate::default();
        assert_eq!(clock.to_conductor(PlayerTime::from_nanoseconds(5)), None);
        clock.add(sample(100, 1_190, 1_200, 210));
        clock.add(sample(300, 1_310, 1_320, 330));
        clock.add(sample(400, 1_990, 1_990, 1_000));
        assert_eq!(clock.best.unwrap().round_trip(), Duration::from_nanos(20));
        assert_eq!(
            clock.to_conductor(PlayerTime::from_nanoseconds(2_000)),
            Some((ConductorTime::from_nanoseconds(1_000), Duration::from_nanos(10)))
        );
    }

    #[test]
    fn a_player_may_have_started_after_the_conductor() {
        let mut clock = ClockEstimate::default();
        clock.add(sample(1_000, 10, 10, 1_000));
        assert_eq!(
            clock.to_conductor(PlayerTime::from_nanoseconds(20)),
            Some((ConductorTime::from_nanoseconds(1_010), Duration::ZERO))
        );
    }

    #[test]
    fn stamps_that_run_backwards_say_nothing() {
        let mut clock = ClockEstimate::default();
        clock.add(sample(1_000, 10, 5, 1_000));
        clock.add(sample(1_000, 10, 10, 999));
        assert_eq!(clock.best, None);
    }
}
