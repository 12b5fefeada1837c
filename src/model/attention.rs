//! Detects that this process itself was held up: it was stopped, its machine was suspended, or it got no CPU time.
//!
//! A time limit on another process counts only the time in which the process that enforces it ran. After a hold-up, a
//! loop first handles what arrived in the meantime.

use std::time::Duration;

use super::Reading;

/// The time checks of a loop that checks the time often.
#[derive(Debug, Clone, Copy)]
pub struct Attention<T> {
    looked: T,
    most: Duration,
}

impl<C: Copy> Attention<Reading<C>> {
    /// Creates the checks of a loop that counts as held up if two of its checks are further apart than `most`.
    pub fn new(most: Duration, now: Reading<C>) -> Self {
        Self { looked: now, most }
    }

    /// Checks the time. Returns the time since the last check if the loop was held up, otherwise `None`.
    pub fn look(&mut self, now: Reading<C>) -> Option<Duration> {
        let gap = now.since(self.looked);
        self.looked = now;
        (gap > self.most).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConductorTime;

    #[test]
    fn only_a_long_gap_between_looks_says_that_a_loop_was_held_up() {
        let at = |seconds: u64| ConductorTime::from_nanoseconds(seconds * 1_000_000_000);
        let mut attention = Attention::new(Duration::from_secs(3), at(10));
        let looks = [10, 13, 16, 20, 21, 3621].map(|second| attention.look(at(second)));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(looks, [None, None, None, seconds(4), None, seconds(3600)]);
    }
}
