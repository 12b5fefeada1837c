//! Ending processes by an escalation of signals: each stronger signal is sent some time after the one before, until no process
//! is found any more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::session::StopWith;
use crate::model::{PlayerTime, Process, nanoseconds};
use crate::sys::{self, Descendant};
use crate::wait::Wait;
use crate::wire::ForcedMessage;

/// How often to look: not every end is reported to us.
const LOOK: Duration = Duration::from_millis(50);

/// The end of some processes, in progress.
#[derive(Debug)]
pub(super) struct Escalation {
    /// The first signal and when it was sent, and the current one.
    first: (i32, PlayerTime),
    signal: i32,
    until: PlayerTime,
    /// When to look again, whatever happens.
    pub(super) look_at: PlayerTime,
    /// Whether the current signal has not been sent yet.
    begins: bool,
    /// The processes that got it, and those that were found since the beginning.
    told: BTreeSet<(u32, u64)>,
    known: BTreeSet<(u32, u64)>,
}

impl Escalation {
    /// Begins at `now`; the first look is due at once.
    pub(super) fn new(with: StopWith, now: PlayerTime) -> Self {
        let signal = match with {
            StopWith::Interrupt => libc::SIGINT,
            StopWith::Terminate => libc::SIGTERM,
        };
        Self {
            first: (signal, now),
            signal,
            until: now.plus(Wait::StepGrace.time()),
            look_at: now,
            begins: true,
            told: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// Something has ended, so that it is time to look.
    pub(super) fn hurry(&mut self) {
        self.look_at = PlayerTime::default();
    }

    /// Whether the current signal is `SIGKILL`.
    pub(super) fn is_killing(&self) -> bool {
        self.signal == libc::SIGKILL
    }

    /// What it took until `now`, if the first signal was not enough.
    pub(super) fn forced(&self, now: PlayerTime) -> Option<ForcedMessage> {
        let (first, began) = self.first;
        let after = nanoseconds(now.since(began));
        (self.signal != first).then_some(ForcedMessage { signal: self.signal, after })
    }

    /// Signals the processes that `find` returns; it gets those that were found before. Children that have ended must have
    /// been reaped before. Returns what could not be ended, once that is all that is left.
    ///
    /// `leads` says which groups are to end as a whole, even if their leaders have ended; something of ours has to be in
    /// them, so that their numbers are unique.
    pub(super) fn look(
        &mut self,
        now: PlayerTime,
        mut find: impl FnMut(&BTreeSet<(u32, u64)>) -> (Vec<Descendant>, bool),
        leads: impl Fn(u32) -> bool,
    ) -> Option<Vec<Process>> {
        if now < self.look_at {
            return None;
        }
        let (mut found, mut is_certain) = find(&self.known);
        if found.is_empty() && is_certain {
            // A process that was changing its parent is found at the second look.
            (found, is_certain) = find(&self.known);
            if found.is_empty() && is_certain {
                return Some(Vec::new());
            }
        }
        if now >= self.until && !self.escalate(now) {
            let alive = found.iter().map(|found| &found.process).filter(|process| !process.has_ended());
            return Some(alive.map(sys::Process::describe).collect());
        }
        self.look_at = self.until.min(now.plus(LOOK));
        self.tell(&found, leads);
        None
    }

    /// Continues with the next signal; false if there is none.
    fn escalate(&mut self, now: PlayerTime) -> bool {
        self.signal = match self.signal {
            libc::SIGINT => libc::SIGTERM,
            libc::SIGTERM => libc::SIGKILL,
            _ => return false,
        };
        (self.until, self.begins) = (now.plus(Wait::StepGrace.time()), true);
        self.told.clear();
        true
    }

    /// Signals groups as a whole, and then each process that is in none of them or was found later. A process that we may not
    /// signal is still there at the end, and is reported then.
    fn tell(&mut self, found: &[Descendant], leads: impl Fn(u32) -> bool) {
        // As with Ctrl-C, only the group of the program is interrupted.
        let interrupts = self.signal == libc::SIGINT;
        // While a child is not reaped, the number of the group that it leads is unique too.
        let is_led = |descendant: &&Descendant| {
            (descendant.is_child && descendant.process.pid() == descendant.group && !interrupts)
                || leads(descendant.group)
        };
        let groups: BTreeSet<u32> = found.iter().filter(is_led).map(|descendant| descendant.group).collect();
        let again = self.is_killing();
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
