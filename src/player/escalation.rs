//! Ends processes by an escalation of signals: each stronger signal is sent some time after the previous one, until no
//! process is found.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;

use super::origin::Origins;
use crate::model::{PlayerTime, Process, StepId, nanoseconds};
use crate::sys::{self, Cgroup, Descendant};
use crate::wait::Wait;
use crate::wire::ForcedMessage;

/// How often to look for processes: not every end is reported to us.
const LOOK: Duration = Duration::from_millis(50);

/// An escalation in progress.
#[derive(Debug)]
pub(super) struct Escalation {
    /// The step whose processes are ended. If there is none, all processes below this one are ended.
    of: Option<StepId>,
    /// The first signal and when it was sent.
    first: (Signal, PlayerTime),
    signal: Signal,
    until: PlayerTime,
    /// When to look again at the latest.
    pub(super) look_at: PlayerTime,
    /// Whether the current signal has not been sent yet.
    begins: bool,
    /// The processes that got the current signal, and all that were found since the start.
    told: BTreeSet<(u32, u64)>,
    known: BTreeSet<(u32, u64)>,
}

impl Escalation {
    /// Starts an escalation at `now`; the first look is due immediately.
    pub(super) fn new(of: Option<StepId>, signal: Signal, now: PlayerTime) -> Self {
        Self {
            of,
            first: (signal, now),
            signal,
            until: now.plus(Wait::StepGrace.time()),
            look_at: now,
            begins: true,
            told: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// Makes the next look due, because a process has ended.
    pub(super) fn hurry(&mut self) {
        self.look_at = PlayerTime::default();
    }

    /// Returns the last signal and the time until `now`, if the first signal was not enough.
    pub(super) fn forced(&self, now: PlayerTime) -> Option<ForcedMessage> {
        let (first, began) = self.first;
        let after = nanoseconds(now.since(began));
        (self.signal != first).then_some(ForcedMessage { signal: self.signal.as_raw(), after })
    }

    /// Looks for the processes, except children for which `skip` returns true, passes them to `see`, and signals them.
    /// Children that have ended must have been reaped before. Returns the processes that could not be ended, once only
    /// these remain.
    pub(super) fn look(
        &mut self,
        now: PlayerTime,
        origins: &Origins,
        skip: impl Fn(u32) -> bool,
        mut see: impl FnMut(&[Descendant]),
    ) -> Option<Vec<Process>> {
        if now < self.look_at {
            return None;
        }
        // The origin of a process can no longer be determined while the process is ending.
        let is_known = |process: &Descendant| process.is_ending && self.known.contains(&process.identity());
        let mut find = || {
            let (mut found, is_certain) = origins.find(&skip);
            found.retain(|process| self.of.is_none() || process.of == self.of || is_known(process));
            see(&found);
            (!found.is_empty() || !is_certain).then_some(found)
        };
        // A process that was changing its parent is found at the second attempt.
        let Some(found) = find().or_else(find) else { return Some(Vec::new()) };
        if now >= self.until && !self.escalate(now) {
            let alive = found.iter().map(|found| &found.process).filter(|process| !process.has_ended());
            return Some(alive.map(sys::Process::describe).collect());
        }
        self.look_at = self.until.min(now.plus(LOOK));
        self.tell(&found, origins);
        None
    }

    /// Continues with the next signal. Returns false if there is none.
    fn escalate(&mut self, now: PlayerTime) -> bool {
        self.signal = match self.signal {
            Signal::INT => Signal::TERM,
            Signal::TERM => Signal::KILL,
            _ => return false,
        };
        (self.until, self.begins) = (now.plus(Wait::StepGrace.time()), true);
        self.told.clear();
        true
    }

    /// Signals groups as a whole, and then each process that is in none of them or was found later. A process that we
    /// are not allowed to signal remains until the end, and is reported then.
    fn tell(&mut self, found: &[Descendant], origins: &Origins) {
        // As with Ctrl-C, only the group of the program is interrupted.
        let interrupts = self.signal == Signal::INT;
        // Signal groups of steps as a whole, even if their leaders have ended. They must contain a process of ours, so
        // that their IDs are unambiguous. The ID of a group led by a child is unambiguous until the child is reaped.
        let is_step = |group| origins.of(self.of).any(|origin| origin.pid == group) && sys::something_of_group(group);
        let is_led = |descendant: &&Descendant| {
            (descendant.is_child && descendant.process.pid() == descendant.group && !interrupts)
                || is_step(descendant.group)
        };
        let groups: BTreeSet<u32> = found.iter().filter(is_led).map(|descendant| descendant.group).collect();
        let again = self.signal == Signal::KILL;
        if again {
            origins.of(self.of).filter_map(|origin| origin.cgroup.as_ref()).for_each(Cgroup::kill);
        }
        if self.begins || again {
            for group in &groups {
                sys::end_group(*group, self.signal);
            }
        }
        self.known.extend(found.iter().map(Descendant::identity));
        for descendant in found {
            let was_told = !self.told.insert(descendant.identity());
            let with_its_group = self.begins && groups.contains(&descendant.group);
            if (!was_told || again) && !with_its_group && !interrupts {
                descendant.process.end(self.signal);
            }
        }
        self.begins &= found.is_empty();
    }
}
