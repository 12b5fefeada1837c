//! Readings of clocks, with one type for each clock, so that readings of two machines cannot be mixed up.

use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Converts a duration to nanoseconds, as in messages and clocks. Longer ones are limited to the maximum, 584 years.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration in the record of a run: its number of nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Nanoseconds(u64);

impl From<Duration> for Nanoseconds {
    fn from(duration: Duration) -> Self {
        Self(nanoseconds(duration))
    }
}

impl From<Nanoseconds> for Duration {
    fn from(Nanoseconds(number): Nanoseconds) -> Self {
        Self::from_nanos(number)
    }
}

/// For serde: an optional duration in seconds. Whole seconds are integers.
pub(crate) mod in_seconds {
    use serde::de::Error;
    use serde_json::Number;

    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};

    pub fn serialize<S: Serializer>(time: &(impl Copy + Into<Option<Duration>>), to: S) -> Result<S::Ok, S::Error> {
        match (*time).into() {
            Some(time) if time.subsec_nanos() > 0 => time.as_secs_f64().serialize(to),
            time => time.map(|time| time.as_secs()).serialize(to),
        }
    }

    pub fn deserialize<'de, T: From<Duration> + Default, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let Some(number) = Option::<Number>::deserialize(from)? else { return Ok(T::default()) };
        let fraction = || Duration::try_from_secs_f64(number.as_f64()?).ok();
        let time = number.as_u64().map(Duration::from_secs).or_else(fraction);
        time.map(T::from).ok_or_else(|| D::Error::custom("invalid number of seconds"))
    }
}

/// For serde: a duration as its number of nanoseconds.
pub(super) mod in_nanoseconds {
    use super::{Deserialize, Deserializer, Duration, Nanoseconds, Serialize, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        Nanoseconds::from(*duration).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Nanoseconds::deserialize(deserializer).map(Into::into)
    }
}

/// The clock of the conductor's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ConductorClock;

/// The clock of a player's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PlayerClock;

/// A reading of `CLOCK_BOOTTIME` on the machine of `C`, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Reading<C>(u64, PhantomData<C>);

/// A reading on the conductor's machine.
pub type ConductorTime = Reading<ConductorClock>;

/// A reading on a player's machine.
pub type PlayerTime = Reading<PlayerClock>;

impl<C: Copy> Reading<C> {
    /// Creates a reading from nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds, PhantomData)
    }

    /// Returns the reading in nanoseconds.
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to this reading, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the reading that is `duration` later, or the largest one.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_nanoseconds(self.0.saturating_add(nanoseconds(duration)))
    }
}

/// A moment on the conductor's clock and in UTC, by which all other readings are converted to dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockAnchor {
    /// The moment on the conductor's clock.
    pub conductor: ConductorTime,
    /// The same moment in UTC.
    pub utc: SystemTime,
}

impl ClockAnchor {
    /// Chooses the best of several readings of UTC, each taken between two of the conductor's clock: the one with the
    /// shortest interval, because a process that waits for a CPU cannot tell when it read. `None` without readings.
    pub fn best_of(readings: impl IntoIterator<Item = (ConductorTime, SystemTime, ConductorTime)>) -> Option<Self> {
        let (before, utc, after) = readings.into_iter().min_by_key(|(before, _, after)| after.since(*before))?;
        Some(Self { conductor: before.plus(after.since(before) / 2), utc })
    }

    /// Returns the same relation between the clocks, anchored at `reading`. The UTC time has whole microseconds, as in
    /// records of a run.
    #[must_use]
    pub fn at(&self, reading: ConductorTime) -> Self {
        let utc = self.date(reading);
        let beyond = utc.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos() % 1000);
        Self { conductor: reading, utc: utc - Duration::from_nanos(beyond.into()) }
    }

    /// Converts a reading to a date. Steps of the wall clock during the run do not affect it.
    pub fn date(&self, reading: ConductorTime) -> SystemTime {
        if reading >= self.conductor {
            self.utc + reading.since(self.conductor)
        } else {
            self.utc - self.conductor.since(reading)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_that_took_least_time_says_what_the_time_is() {
        let at = ConductorTime::from_nanoseconds;
        let utc = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        // The second one was delayed between its readings of the two clocks.
        let readings =
            [(at(100), utc(1104), at(110)), (at(200), utc(51_202), at(50_204)), (at(60_000), utc(61_001), at(60_002))];
        let anchor = ClockAnchor::best_of(readings).unwrap();
        assert_eq!(anchor, ClockAnchor { conductor: at(60_001), utc: utc(61_001) });
        assert_eq!(anchor.date(at(100)), utc(1100));
        assert_eq!(anchor.at(at(100_500)), ClockAnchor { conductor: at(100_500), utc: utc(101_000) });
        assert_eq!(ClockAnchor::best_of([]), None);
    }
}
