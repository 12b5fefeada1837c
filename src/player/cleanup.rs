//! Ending what dead processes of the player have left, and whatever else works for nobody.

use std::collections::BTreeSet;

use super::sweep::Sweep;
use crate::model::{PlayerTime, Process};
use crate::sys::Child;

/// The clean-up in progress.
#[derive(Debug, Default)]
pub(super) struct Cleanup {
    sweep: Option<Sweep>,
    /// What the last one could not end: another one would not either.
    not_ended: BTreeSet<u32>,
}

impl Cleanup {
    /// Begins it, also when one is in progress: something has died since.
    pub(super) fn begin(&mut self, now: PlayerTime) {
        self.sweep = Some(Sweep::new(BTreeSet::new(), now));
    }

    /// Whether it is in progress.
    pub(super) fn is_at_work(&self) -> bool {
        self.sweep.is_some()
    }

    /// What could not be ended before is tried once more.
    pub(super) fn try_again(&mut self) {
        self.not_ended.clear();
    }

    /// Whether what can be ended is, with these children.
    pub(super) fn has_ended_all_but(&self, children: &[Child]) -> bool {
        children.iter().all(|child| self.not_ended.contains(&child.0))
    }

    /// When to go on with it.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        self.sweep.as_ref().map(|sweep| sweep.escalation.next_deadline())
    }

    /// Goes on with it. The answer is there when none is in progress any more: what this one could not end. Those that are
    /// kept, and all that is below them, are left alone.
    pub(super) fn go_on(&mut self, keep: impl Fn(u32) -> bool, now: PlayerTime) -> Option<Vec<Process>> {
        let Some(sweep) = &mut self.sweep else { return Some(Vec::new()) };
        let remaining = sweep.look(now, &[], None, keep)?;
        self.sweep = None;
        self.not_ended = remaining.iter().map(|process| process.pid).collect();
        Some(remaining)
    }
}
