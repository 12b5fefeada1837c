//! When processes started and how far apart, with the uncertainty of these times.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::in_nanoseconds;
use super::{ConductorTime, PlayerTime, WorkerId};

/// The start time of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The time on the conductor's clock.
    #[serde(rename = "started_ns")]
    pub at: ConductorTime,
    /// The uncertainty of this time in either direction, because of the uncertain offset of the player's clock.
    #[serde(rename = "error_ns", with = "in_nanoseconds")]
    pub error: Duration,
    /// The time on the player's own clock.
    #[serde(rename = "player_clock_ns")]
    pub player: PlayerTime,
    /// How long after the agreed moment it started, if the order to start arrived too late; otherwise zero.
    #[serde(rename = "late_ns", with = "in_nanoseconds")]
    pub late: Duration,
}

/// How far apart the workers of a phase started: among the first processes of the workers that started any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSkew {
    /// The time from the first start to the last.
    #[serde(rename = "spread_ns", with = "in_nanoseconds")]
    pub spread: Duration,
    /// The uncertainty of the spread in either direction: the largest sum of two workers' errors.
    #[serde(rename = "bound_ns", with = "in_nanoseconds")]
    pub bound: Duration,
    /// The number of workers that it covers.
    pub workers: usize,
    /// The workers that had steps but whose start is not known: those with Python players, and lost ones.
    #[serde(flatten, with = "unknown")]
    pub unknown: Vec<WorkerId>,
}

impl StartSkew {
    /// Computes the skew of these starts, one for each worker. Returns `None` if there are none.
    pub fn of(starts: &[Start], unknown: Vec<WorkerId>) -> Option<Self> {
        let first = starts.iter().map(|start| start.at).min()?;
        let last = starts.iter().map(|start| start.at).max()?;
        let mut errors: Vec<Duration> = starts.iter().map(|start| start.error).collect();
        errors.sort_unstable_by(|a, b| b.cmp(a));
        // With one worker, the spread is exactly zero, whatever the error of its clock.
        let sum = |errors: &[Duration]| errors.iter().fold(Duration::ZERO, |sum, error| sum.saturating_add(*error));
        let bound = errors.get(..2).map_or(Duration::ZERO, sum);
        Some(Self { spread: last.since(first), bound, workers: starts.len(), unknown })
    }

    /// Returns the maximum possible skew if the start of every worker is known.
    pub fn most(&self) -> Option<Duration> {
        self.unknown.is_empty().then(|| self.spread.saturating_add(self.bound))
    }
}

/// Workers and their number, in the record of a run.
#[derive(Serialize, Deserialize)]
struct Unknown {
    unknown: Vec<WorkerId>,
    unknown_workers: usize,
}

/// For serde: workers whose start is not known.
mod unknown {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Unknown, WorkerId};

    pub fn serialize<S: Serializer>(workers: &[WorkerId], serializer: S) -> Result<S::Ok, S::Error> {
        Unknown { unknown: workers.to_vec(), unknown_workers: workers.len() }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WorkerId>, D::Error> {
        Unknown::deserialize(deserializer).map(|recorded| recorded.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(at: u64, error: u64) -> Start {
        Start {
            at: ConductorTime::from_nanoseconds(at),
            error: Duration::from_nanos(error),
            player: PlayerTime::from_nanoseconds(0),
            late: Duration::ZERO,
        }
    }

    #[test]
    fn the_bound_is_the_largest_sum_of_two_errors() {
        let skew = StartSkew::of(&[start(100, 3), start(140, 1), start(120, 7)], Vec::new()).unwrap();
        assert_eq!((skew.spread, skew.bound), (Duration::from_nanos(40), Duration::from_nanos(10)));
    }

    #[test]
    fn one_worker_starts_together_with_itself() {
        let skew = StartSkew::of(&[start(100, 3)], Vec::new()).unwrap();
        assert_eq!((skew.spread, skew.bound, skew.workers), (Duration::ZERO, Duration::ZERO, 1));
        assert_eq!(StartSkew::of(&[], Vec::new()), None);
    }
}
