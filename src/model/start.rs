//! When processes started, and how far apart: truth about time, with its error.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::in_nanoseconds;
use super::{ConductorTime, PlayerTime, WorkerId};

/// When a process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The moment on the conductor's clock.
    #[serde(rename = "started_ns")]
    pub at: ConductorTime,
    /// How far off that may be, either way: what is not known of the player's clock.
    #[serde(rename = "error_ns", with = "in_nanoseconds")]
    pub error: Duration,
    /// The moment as the player's own clock had it.
    #[serde(rename = "player_clock_ns")]
    pub player: PlayerTime,
    /// How long after the agreed instant that was, when the order to start came too late for it; else zero.
    #[serde(rename = "late_ns", with = "in_nanoseconds")]
    pub late: Duration,
}

/// How far apart the workers of a phase really started: over the first process of each worker that had one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSkew {
    /// From the first start to the last.
    #[serde(rename = "spread_ns", with = "in_nanoseconds")]
    pub spread: Duration,
    /// How far off that may be, either way: the largest sum of two workers' errors.
    #[serde(rename = "bound_ns", with = "in_nanoseconds")]
    pub bound: Duration,
    /// How many workers it is over.
    pub workers: usize,
    /// Workers that had steps and whose start is not known: those of the seed's wire, and lost ones.
    #[serde(flatten, with = "unknown")]
    pub unknown: Vec<WorkerId>,
}

impl StartSkew {
    /// The skew of these starts, one for each worker; `None` without any.
    pub fn of(starts: &[Start], unknown: Vec<WorkerId>) -> Option<Self> {
        let first = starts.iter().map(|start| start.at).min()?;
        let last = starts.iter().map(|start| start.at).max()?;
        let mut errors: Vec<Duration> = starts.iter().map(|start| start.error).collect();
        errors.sort_unstable_by(|a, b| b.cmp(a));
        // One worker starts at one moment, whatever its clock says.
        let sum = |errors: &[Duration]| errors.iter().fold(Duration::ZERO, |sum, error| sum.saturating_add(*error));
        let bound = errors.get(..2).map_or(Duration::ZERO, sum);
        Some(Self { spread: last.since(first), bound, workers: starts.len(), unknown })
    }

    /// The most that it can be, when the start of every worker is known.
    pub fn most(&self) -> Option<Duration> {
        self.unknown.is_empty().then(|| self.spread.saturating_add(self.bound))
    }
}

/// Workers, and how many they are, in the record of a run.
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
