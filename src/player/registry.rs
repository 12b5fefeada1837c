//! Who holds this player: the sessions of one run, or one Python conductor. Pure.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::note::Note;
use super::seed_conductors::SeedConductors;
use super::session_entry::{Due, SessionEntry, Summary};
use crate::model::{PlayerTime, Process};
use crate::wire::seed::SeedPhase;
use crate::wire::{Hello, Holder, HolderState, RefusalReason, bounds};

/// Who holds this player.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The sessions in the order of their beginnings. Those that are over are remembered for a while: a late or repeated
    /// `hello` of theirs makes no new one.
    pub(super) sessions: Vec<SessionEntry>,
    /// What there is to do for Python conductors.
    pub(super) seed: SeedConductors,
    /// What earlier runs left running on purpose.
    pub(super) leftovers: Vec<Process>,
    /// What became of sessions whose conductors were not there at their end; for the next conductor.
    summaries: VecDeque<Summary>,
    /// How many of them had to make room.
    untold: usize,
}

/// How many sessions that are over are remembered.
const REMEMBERED: usize = 1024;

/// What is to be done about a `hello` of a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may have a session of its own.
    New,
    /// It takes over the session that this process holds.
    Resume(u32),
    /// An older session of the same worker has to end first: this process's.
    Older(Option<u32>),
    /// It is refused, for this reason in the protocol's words and in a sentence.
    Refused(RefusalReason, String),
}

impl Registry {
    /// The sessions that hold the player. Those that are over hold it no more, even while their processes are still on their
    /// way out, or keep what was not delivered.
    pub(super) fn live(&self) -> impl Iterator<Item = &SessionEntry> {
        self.sessions.iter().filter(|entry| !entry.over)
    }

    /// Whether a dead session waits for a process that runs its Reset.
    pub(super) fn has_dead(&self) -> bool {
        self.live().any(|entry| entry.pid.is_none())
    }

    /// When to try again to make a process for a Reset.
    pub(super) fn next_attempt(&self) -> Option<PlayerTime> {
        self.live().filter(|entry| entry.pid.is_none()).filter_map(|entry| Some(entry.death.as_ref()?.next)).min()
    }

    /// Who stands in the way of a session of `run`, if anybody does.
    pub(super) fn holder_for(&self, run: &str, now: PlayerTime) -> Option<Holder> {
        let others = self.live().filter(|entry| entry.id.run != run).map(|entry| entry.holder(now));
        // A run is as live as its livest session.
        let livest = others.min_by_key(|holder| (holder.state != HolderState::Live, u64::MAX - holder.free_within));
        livest.or_else(|| {
            self.seed.holder(now).map(|(address, since)| Holder {
                run: String::new(),
                conductor: format!("the Python conductor at {address}"),
                seconds: now.since(since).as_secs(),
                state: HolderState::Live,
                free_within: 0,
                lease_within: None,
            })
        })
    }

    /// The sessions of other runs, which none of those may hold that is to come.
    pub(super) fn others(&self, run: &str) -> impl Iterator<Item = u32> {
        self.live().filter(move |entry| entry.id.run != run).filter_map(|entry| entry.pid)
    }

    /// What a `hello` may have; a resumed session has its attempt from now on.
    pub(super) fn claim(&mut self, hello: &Hello) -> Claim {
        let stranger = || Claim::Refused(RefusalReason::Secret, "this is not the run's conductor".to_owned());
        // Whoever knows a run's name only may not join it. A new run may have the name of one that is over.
        let is_guarded = |entry: &&SessionEntry| !entry.over || entry.pid.is_some() || hello.incarnation.is_some();
        let mut known = self.sessions.iter().filter(is_guarded).map(|entry| &entry.id);
        if known.any(|id| id.run == hello.run && id.run_secret != hello.run_secret) {
            return stranger();
        }
        let is_of_run = |entry: &&mut SessionEntry| !entry.over || entry.id.run_secret == hello.run_secret;
        let mut of_worker = self.sessions.iter_mut().rev().filter(|entry| entry.id.is_of(hello));
        let Some(entry) = of_worker.find(is_of_run) else {
            return match hello.incarnation {
                Some(_) => Claim::Refused(RefusalReason::Unknown, "its player was restarted".to_owned()),
                None => Claim::New,
            };
        };
        let id = &mut entry.id;
        if id.secret != hello.secret {
            return stranger();
        }
        if hello.session > id.session {
            return if entry.over { Claim::New } else { Claim::Older(entry.pid) };
        }
        if hello.session < id.session || hello.attempt <= id.attempt {
            let text = format!("worker {} of this run has a session already", hello.worker);
            return Claim::Refused(RefusalReason::Attempt, text);
        }
        let Some(pid) = entry.pid else {
            let died = entry.death.as_ref().filter(|_| !entry.over).map(|death| death.said().to_owned());
            let summary =
                || self.summaries.iter().rev().find(|summary| summary.is_of(id)).map(|found| found.text.clone());
            return Claim::Refused(
                RefusalReason::Unknown,
                died.or_else(summary).unwrap_or_else(|| "its session is over".to_owned()),
            );
        };
        id.attempt = hello.attempt;
        Claim::Resume(pid)
    }

    /// The session as which a newer one of the same worker waits to begin.
    pub(super) fn older(&self, hello: &Hello, now: PlayerTime) -> Option<Holder> {
        let entry = self.live().find(|entry| entry.id.is_of(hello))?;
        let holder = entry.holder(now);
        Some(Holder { state: HolderState::Orphaned, ..holder })
    }

    /// The processes that keep what an earlier session of the same worker did not deliver.
    pub(super) fn kept_of(&self, hello: &Hello) -> impl Iterator<Item = u32> {
        self.sessions.iter().filter(|entry| entry.over && entry.id.is_of(hello)).filter_map(|entry| entry.pid)
    }

    /// Takes what a process tells; what the log has to say of it.
    pub(super) fn take(&mut self, pid: u32, note: Note, is_stopping: bool, now: PlayerTime) -> Option<String> {
        match &note {
            Note::Over { left, .. } => self.leftovers.extend(left.iter().cloned()),
            Note::Delivering => self.seed.delivers(pid),
            _ => {}
        }
        let entry = self.sessions.iter_mut().find(|entry| entry.pid == Some(pid))?;
        let Note::Over { summary, .. } = note else { return entry.take(note, now) };
        entry.over = true;
        entry.plan = None;
        // One whose conductor is there tells it before the player ends.
        let is_told = !is_stopping || entry.silent_since.is_some();
        let (reset, summary) = (entry.reset_was_run(), summary.map(|text| entry.summary(text)));
        let line = summary.as_ref().map(Summary::to_string);
        reset.into_iter().chain(summary.filter(|_| is_told)).for_each(|summary| self.tell_later(summary));
        if self.sessions.len() - self.live().count() > REMEMBERED {
            self.sessions.iter().position(|entry| entry.over).map(|oldest| self.sessions.remove(oldest));
        }
        line
    }

    /// A process is gone; what the log has to say when it was not to be. Then what it left is to be ended.
    pub(super) fn process_ended(&mut self, pid: u32, now: PlayerTime) -> Option<String> {
        if self.seed.process_ended(pid) {
            return Some("the process that ran a phase of a Python conductor died; its steps are ended".to_owned());
        }
        let entry = self.sessions.iter_mut().find(|entry| entry.pid == Some(pid))?;
        if entry.over {
            entry.pid = None;
            return None;
        }
        Some(format!("{}: {}", entry.describe(), entry.process_died(now)))
    }

    /// Takes the dead sessions out for which nothing is to be done, or can be; what became of them.
    pub(super) fn take_finished(&mut self, now: PlayerTime) -> Vec<Summary> {
        let mut finished = Vec::new();
        self.sessions.retain(|entry| match entry.due(now) {
            Some(Due::Nothing(what)) => {
                finished.push(entry.summary(what));
                false
            }
            _ => true,
        });
        finished
    }

    /// A dead session whose Reset is to be run now, and in which trial.
    pub(super) fn reset_due(&mut self, now: PlayerTime) -> Option<(&mut SessionEntry, u32)> {
        self.sessions.iter_mut().find_map(|entry| match entry.due(now) {
            Some(Due::Reset(trial)) => Some((entry, trial)),
            _ => None,
        })
    }

    /// Keeps something for the next conductor. The oldest makes room when there is too much: the log has it.
    pub(super) fn tell_later(&mut self, summary: Summary) {
        self.summaries.push_back(summary);
        // One more sentence says how many are left out, and some are for what earlier runs left.
        while self.summaries.len() > bounds::SENTENCES.most() / 2 {
            self.summaries.pop_front();
            self.untold += 1;
        }
    }

    /// What the conductor of `run` is told of earlier sessions.
    pub(super) fn told_to(&self, run: &str) -> impl Iterator<Item = String> {
        let untold = (self.untold > 0)
            .then(|| format!("the results of earlier sessions that are in its log only: {}", self.untold));
        untold.into_iter().chain(self.summaries.iter().map(move |summary| summary.told_to(run)))
    }

    /// It has been told, and is forgotten.
    pub(super) fn was_told(&mut self) {
        self.summaries.clear();
        self.untold = 0;
    }

    /// What no conductor was told; it is forgotten.
    pub(super) fn take_untold(&mut self) -> impl Iterator<Item = Summary> {
        self.summaries.drain(..)
    }

    /// Whether there is no place for another session.
    pub(super) fn is_full(&self) -> bool {
        bounds::SESSIONS.check(self.live().count() + 1).is_err()
    }

    /// The processes of the oldest sessions that are over and were not delivered, where there are too many.
    pub(super) fn kept_too_many(&mut self) -> Vec<u32> {
        let kept =
            self.sessions.iter_mut().filter(|entry| entry.over && entry.pid.is_some() && entry.silent_since.is_some());
        let kept: Vec<&mut SessionEntry> = kept.collect();
        let too_many = kept.len().saturating_sub(bounds::UNDELIVERED.most());
        kept.into_iter().take(too_many).filter_map(|entry| entry.silent_since.take().and(entry.pid)).collect()
    }

    /// Whether this is the process of a session that is over.
    pub(super) fn is_past(&self, pid: u32) -> bool {
        self.sessions.iter().any(|entry| entry.over && entry.pid == Some(pid))
    }

    /// Keeps a phase of a Python conductor until its `run`; the processes that work for nobody by that.
    ///
    /// # Errors
    ///
    /// Says who holds the player, or that there is no room.
    pub(super) fn keep(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<Vec<u32>, String> {
        if let Some(holder) = self.live().next() {
            return Err(format!("busy: run {} of {} holds this player", holder.id.run, holder.conductor));
        }
        self.seed.keep(address, phase, now)
    }

    /// A process does not respond, and will be given up then.
    pub(super) fn doubt(&mut self, pid: u32, until: Option<PlayerTime>) {
        let entries = self.sessions.iter_mut().filter(|entry| entry.pid == Some(pid));
        entries.for_each(|entry| entry.doubtful = until);
    }

    /// A process has given no sign of life for so long, and is killed; whose it is, for people.
    pub(super) fn give_up_on(&mut self, pid: u32, limit: Duration) -> String {
        let entry = self.sessions.iter_mut().find(|entry| entry.pid == Some(pid));
        entry.map_or_else(
            || format!("process {pid}, which works for a conductor"),
            |entry| {
                entry.given_up = Some(limit);
                format!("{}: process {pid}", entry.describe())
            },
        )
    }

    /// Nothing works for anybody any more: what is still there is to be ended.
    pub(super) fn give_up(&mut self) {
        self.sessions.clear();
        self.seed = SeedConductors::default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Worker, its secret, the run's secret, session and attempt of run `r`.
    fn hello(worker: &str, secret: &str, run_secret: Option<&str>, session: u64, attempt: u64) -> Hello {
        let mut hello = json!({
            "protocols": [2], "run": "r", "worker": worker, "secret": secret, "session": session, "attempt": attempt, "next": 0,
        });
        if let Some(run_secret) = run_secret {
            hello["run_secret"] = json!(run_secret);
        }
        serde_json::from_value(hello).unwrap()
    }

    #[test]
    fn whoever_knows_a_runs_name_only_joins_neither_the_run_nor_its_past() {
        let entry = SessionEntry::new(
            &hello("w", "one", Some("run"), 1, 1),
            Duration::from_mins(1),
            7,
            PlayerTime::from_nanoseconds(0),
        );
        let mut registry = Registry { sessions: vec![entry], ..Registry::default() };
        let mut claim = |worker, secret, run_secret, attempt| {
            let hello = hello(worker, secret, run_secret, 1, attempt);
            let live = registry.claim(&hello);
            registry.sessions[0].over = true;
            let past = registry.claim(&hello);
            registry.sessions[0].over = false;
            (live, past)
        };
        let stranger = || Claim::Refused(RefusalReason::Secret, "this is not the run's conductor".to_owned());
        for run_secret in [None, Some(""), Some("ru"), Some("rum"), Some("runs")] {
            assert_eq!(claim("other", "two", run_secret, 1), (stranger(), stranger()), "{run_secret:?}");
            assert_eq!(claim("w", "one", run_secret, 2), (stranger(), stranger()), "{run_secret:?}");
        }
        assert_eq!(claim("w", "two", Some("run"), 2), (stranger(), stranger()));
        assert_eq!(claim("other", "two", Some("run"), 1), (Claim::New, Claim::New));
        assert_eq!(
            claim("w", "one", Some("run"), 2),
            (
                Claim::Resume(7),
                Claim::Refused(RefusalReason::Attempt, "worker w of this run has a session already".to_owned())
            ),
            "it is that connection's now"
        );
    }
}
