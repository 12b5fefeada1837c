//! The trials that are still to be run.

use std::collections::{BTreeMap, BTreeSet};

/// The trials that are still to be run, in order: all, or those that an earlier part of the run has not done.
#[derive(Debug, Clone)]
pub(in crate::conduct) struct Todo {
    next: u32,
    last: u32,
    done: BTreeSet<u32>,
    /// The number of the next attempt at each trial that has begun before.
    attempts: BTreeMap<u32, u32>,
}

impl Todo {
    /// Creates the list of this many trials, without those that are done.
    pub(in crate::conduct) fn new(trials: u32, done: BTreeSet<u32>, attempts: BTreeMap<u32, u32>) -> Self {
        Self { next: 1, last: trials, done, attempts }
    }

    /// The number of trials, including those that are done.
    pub(in crate::conduct) const fn last(&self) -> u32 {
        self.last
    }

    /// Adds the trials after the last one, up to this one.
    pub(super) fn extend(&mut self, last: u32) {
        self.last = self.last.max(last);
    }

    /// The remaining trials.
    fn due(&self) -> impl Iterator<Item = u32> {
        (self.next..=self.last).filter(|trial| !self.done.contains(trial))
    }

    /// The number of remaining trials.
    pub(super) fn left(&self) -> u32 {
        let all = self.last.saturating_add(1).saturating_sub(self.next);
        let done = if all > 0 { self.done.range(self.next..=self.last).count() } else { 0 };
        all.saturating_sub(u32::try_from(done).unwrap_or(u32::MAX))
    }

    /// The next trial; the last one if none remains.
    pub(super) fn next(&self) -> u32 {
        self.due().next().unwrap_or(self.last)
    }

    /// Takes the next trial, and returns it with the number of this attempt.
    pub(super) fn take(&mut self) -> Option<(u32, u32)> {
        let trial = self.due().next()?;
        self.next = trial.saturating_add(1);
        Some((trial, self.attempts.get(&trial).copied().unwrap_or(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_are_done_are_left_out_and_the_others_know_their_attempt() {
        let mut todo = Todo::new(5, BTreeSet::from([1, 3, 5]), BTreeMap::from([(2, 3)]));
        assert_eq!((todo.left(), todo.take(), todo.left()), (2, Some((2, 3)), 1));
        assert_eq!((todo.take(), todo.left(), todo.take()), (Some((4, 1)), 0, None));
        let all: Vec<_> = std::iter::from_fn({
            let mut todo = Todo::new(3, BTreeSet::new(), BTreeMap::new());
            move || todo.take()
        })
        .collect();
        assert_eq!(all, [(1, 1), (2, 1), (3, 1)]);
    }
}
