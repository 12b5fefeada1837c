//! Ending processes, however they try to get away, by an escalation of signals: politely first, then by force, looking again
//! until nothing is found.

use std::collections::BTreeSet;
use std::time::Duration;

use super::origin::StepDescendant;
use super::session::StopWith;
use crate::model::{PlayerTime, Process, nanoseconds};
use crate::sys;
use crate::wait::Wait;
use crate::wire::ForcedMessage;

/// How often we look: not every end is one that we are told of.
const LOOK: Duration = Duration::from_millis(50);

/// The end of some processes, in progress: a signal, its grace, a stronger signal.
#[derive(Debug)]
pub(super) struct Escalation {
    /// The first signal and when that was, and the one that it is at.
    first: (i32, PlayerTime),
    signal: i32,
    until: PlayerTime,
    look_at: PlayerTime,
    /// Whether nothing was sent of this signal yet.
    begins: bool,
    /// Who was told by it, and who was found since the beginning.
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

    /// When to look again, whatever happens.
    pub(super) fn next_deadline(&self) -> PlayerTime {
        self.look_at
    }

    /// Something has ended, so that it is time to look.
    pub(super) fn hurry(&mut self) {
        self.look_at = PlayerTime::from_nanoseconds(0);
    }

    /// Whether everything is killed by now, and not asked any more.
    pub(super) fn is_killing(&self) -> bool {
        self.signal == libc::SIGKILL
    }

    /// What it took until `now`, when the first signal did not do.
    pub(super) fn forced(&self, now: PlayerTime) -> Option<ForcedMessage> {
        let (first, began) = self.first;
        let after = nanoseconds(now.since(began));
        (self.signal != first).then_some(ForcedMessage { signal: self.signal, after })
    }

    /// The processes that were found and signalled.
    pub(super) fn known(&self) -> &BTreeSet<(u32, u64)> {
        &self.known
    }

    /// Looks at what `find` finds, and tells it to end. Children that have ended must have been reaped before. The answer
    /// is there when it is over: what could not be ended.
    ///
    /// `leads` says which groups are to end as a whole, though their leaders may have ended; something of ours has to be
    /// in them, so that their numbers are nobody else's.
    pub(super) fn look(
        &mut self,
        now: PlayerTime,
        mut find: impl FnMut() -> (Vec<StepDescendant>, bool),
        leads: impl Fn(u32) -> bool,
    ) -> Option<Vec<Process>> {
        if now < self.look_at {
            return None;
        }
        let (mut found, mut certain) = find();
        if found.is_empty() && certain {
            // A process that was just changing its parent shows at the second look.
            (found, certain) = find();
            if found.is_empty() && certain {
                return Some(Vec::new());
            }
        }
        if now >= self.until && !self.escalate(now) {
            let alive = found.iter().map(|found| &found.process).filter(|process| !process.has_ended());
            return Some(alive.map(Process::from).collect());
        }
        self.look_at = self.until.min(now.plus(LOOK));
        self.tell(&found, leads);
        None
    }

    /// Goes on to the next signal; false when there is none.
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

    /// Signals groups as a whole, and then one by one who is in none of them or came later. A process that may not be
    /// signalled is still there at the end, and named then.
    fn tell(&mut self, found: &[StepDescendant], leads: impl Fn(u32) -> bool) {
        // What is interrupted is a program in the foreground, and not what it has put elsewhere.
        let interrupts = self.signal == libc::SIGINT;
        // While a child is not reaped, the number of the group that it leads is nobody else's either.
        let is_led = |descendant: &&StepDescendant| {
            (descendant.is_child && descendant.process.pid() == descendant.group && !interrupts)
                || leads(descendant.group)
        };
        let groups: BTreeSet<u32> = found.iter().filter(is_led).map(|descendant| descendant.group).collect();
        let again = self.is_killing();
        if self.begins || again {
            for group in &groups {
                let _ = sys::kill_group(*group, self.signal);
                let _ = sys::kill_group(*group, libc::SIGCONT);
            }
        }
        self.known.extend(found.iter().map(StepDescendant::identity));
        for descendant in found {
            let was_told = !self.told.insert(descendant.identity());
            let with_its_group = self.begins && groups.contains(&descendant.group);
            if (!was_told || again) && !with_its_group && !interrupts {
                let _ = descendant.process.signal(self.signal);
                let _ = descendant.process.signal(libc::SIGCONT);
            }
        }
        self.begins &= found.is_empty();
    }
}
