//! Whether this process itself was held up, pure: it was stopped, its machine was suspended, or it got no processor.
//!
//! A limit on somebody else counts only the time in which whoever applies it ran. Whoever was held up first takes what came
//! meanwhile.

use std::time::Duration;

use super::Reading;

/// The looks at the time of a loop that looks often.
#[derive(Debug, Clone, Copy)]
pub struct Attention<T> {
    looked: T,
    most: Duration,
}

impl<C: Copy> Attention<Reading<C>> {
    /// Of a loop that is held up when two of its looks are further apart than this.
    pub fn new(most: Duration, now: Reading<C>) -> Self {
        Self { looked: now, most }
    }

    /// Looks at the time. How long ago the last look was, when the loop was held up since; else nothing.
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
