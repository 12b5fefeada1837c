//! Who holds this player: the sessions of one run, or one Python conductor. Pure.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::seed_conductors::SeedConductors;
use super::session_entry::{SessionEntry, SessionId, Summary};
use crate::model::{PlayerTime, Process};
use crate::wire::seed::SeedPhase;
use crate::wire::{Hello, Holder, bounds};

/// Who holds this player.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The sessions' processes, and those of their heirs.
    pub(super) sessions: Vec<SessionEntry>,
    /// What there is to do for Python conductors.
    pub(super) seed: SeedConductors,
    /// Sessions that are over: a late or repeated `hello` of theirs makes no new one.
    past: VecDeque<PastSession>,
    /// The process that looks up the conductor's name.
    pub(super) lookup: Option<u32>,
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
    /// Another connection, with a higher or the same attempt, came first.
    Superseded,
    /// It does not know the secret of the run, or of the session.
    Stranger,
    /// There is no such session any more, for this reason.
    Unknown(String),
}

/// A session that is over.
#[derive(Debug)]
struct PastSession {
    id: SessionId,
    /// Its process, while that keeps what was not delivered.
    pid: Option<u32>,
    /// Whether its conductor was not there at its end.
    is_kept: bool,
}

impl Registry {
    /// Whether a dead session waits for a process that runs its Reset.
    pub(super) fn has_dead(&self) -> bool {
        self.sessions.iter().any(|entry| entry.pid.is_none())
    }

    /// When to try again to make a process for a Reset.
    pub(super) fn next_attempt(&self) -> Option<PlayerTime> {
        let dead = self.sessions.iter().filter(|entry| entry.pid.is_none());
        dead.filter_map(|entry| Some(entry.death.as_ref()?.next)).min()
    }

    /// Who stands in the way of a session of `run`, if anybody does.
    pub(super) fn holder_for(&self, run: &str, now: PlayerTime) -> Option<Holder> {
        let others = self.sessions.iter().filter(|entry| entry.id.run != run).map(|entry| entry.holder(now));
        // A run is as live as its livest session.
        let livest = others.min_by_key(|holder| (holder.state != "live", u64::MAX - holder.free_within));
        livest.or_else(|| {
            self.seed.holder(now).map(|(address, since)| Holder {
                run: String::new(),
                conductor: format!("the Python conductor at {address}"),
                seconds: now.since(since).as_secs(),
                state: "live".to_owned(),
                free_within: 0,
                lease_within: None,
            })
        })
    }

    /// The sessions of other runs, which none of those may hold that is to come.
    pub(super) fn others(&self, run: &str) -> impl Iterator<Item = u32> {
        self.sessions.iter().filter(move |entry| entry.id.run != run).filter_map(|entry| entry.pid)
    }

    /// What a `hello` may have; a resumed session has its attempt from now on.
    pub(super) fn claim(&mut self, hello: &Hello) -> Claim {
        // Whoever knows a run's name only may not join it. A new run may have the name of one that is over.
        let is_guarded = |past: &&PastSession| past.pid.is_some() || hello.incarnation.is_some();
        let past = self.past.iter().filter(is_guarded).map(|past| &past.id);
        let mut known = self.sessions.iter().map(|entry| &entry.id).chain(past);
        if known.any(|id| id.run == hello.run && id.run_secret != hello.run_secret) {
            return Claim::Stranger;
        }
        let current = self.sessions.iter_mut().find(|entry| entry.id.is_of(hello));
        let died = |entry: &SessionEntry| entry.death.as_ref().map(|death| death.said().to_owned());
        let found = current.map(|entry| (died(entry), &mut entry.id, entry.pid, true)).or_else(|| {
            let past =
                self.past.iter_mut().rev().find(|past| past.id.is_of(hello) && past.id.run_secret == hello.run_secret);
            past.map(|past| (None, &mut past.id, past.pid, false))
        });
        let Some((died, id, pid, is_current)) = found else {
            return if hello.incarnation.is_some() {
                Claim::Unknown("its player was restarted".to_owned())
            } else {
                Claim::New
            };
        };
        if id.secret != hello.secret {
            return Claim::Stranger;
        }
        if hello.session > id.session {
            return if is_current { Claim::Older(pid) } else { Claim::New };
        }
        if hello.session < id.session || hello.attempt <= id.attempt {
            return Claim::Superseded;
        }
        let Some(pid) = pid else {
            let summary = self.summaries.iter().rev().find(|summary| summary.is_of(id));
            let became = died.or_else(|| summary.map(|summary| summary.text.clone()));
            return Claim::Unknown(became.unwrap_or_else(|| "its session is over".to_owned()));
        };
        id.attempt = hello.attempt;
        Claim::Resume(pid)
    }

    /// The session as which a newer one of the same worker waits to begin.
    pub(super) fn older(&self, hello: &Hello, now: PlayerTime) -> Option<Holder> {
        let entry = self.sessions.iter().find(|entry| entry.id.is_of(hello))?;
        let holder = entry.holder(now);
        Some(Holder { state: "orphaned".to_owned(), ..holder })
    }

    /// The processes that keep what an earlier session of the same worker did not deliver.
    pub(super) fn kept_of(&self, hello: &Hello) -> impl Iterator<Item = u32> {
        self.past.iter().filter(|past| past.id.is_of(hello)).filter_map(|past| past.pid)
    }

    /// Sessions that are over hold the player no more, even while their processes are still on their way out, or keep
    /// what was not delivered.
    pub(super) fn retire(&mut self) {
        let (over, live) = std::mem::take(&mut self.sessions).into_iter().partition(|entry| entry.over);
        self.sessions = live;
        let over: Vec<SessionEntry> = over;
        self.past.extend(over.into_iter().map(|entry| PastSession {
            is_kept: entry.silent_since.is_some(),
            id: entry.id,
            pid: entry.pid,
        }));
        while self.past.len() > REMEMBERED {
            self.past.pop_front();
        }
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
        bounds::SESSIONS.check(self.sessions.len() + 1).is_err()
    }

    /// The session of this process, if it is over, has lost its conductor's connection only now, or has one again: from then
    /// on it counts among those that were not delivered, or no more.
    pub(super) fn past_is_silent(&mut self, pid: u32, is_silent: bool) {
        let past = self.past.iter_mut().filter(|past| past.pid == Some(pid));
        past.for_each(|past| past.is_kept = is_silent);
    }

    /// The processes of the oldest sessions that are over and were not delivered, where there are too many.
    pub(super) fn kept_too_many(&mut self) -> Vec<u32> {
        let kept = || |past: &&mut PastSession| past.is_kept && past.pid.is_some();
        let count = self.past.iter_mut().filter(kept()).count();
        let too_many = self.past.iter_mut().filter(kept()).take(count.saturating_sub(bounds::UNDELIVERED.most()));
        too_many
            .filter_map(|past| {
                past.is_kept = false;
                past.pid
            })
            .collect()
    }

    /// Whether this is the process of a session that is over.
    pub(super) fn is_past(&self, pid: u32) -> bool {
        self.past.iter().any(|past| past.pid == Some(pid))
    }

    /// A session's process is gone.
    pub(super) fn process_ended(&mut self, pid: u32) {
        for past in &mut self.past {
            past.pid.take_if(|of| *of == pid);
        }
    }

    /// Keeps a phase of a Python conductor until its `run`; the processes that work for nobody by that.
    ///
    /// # Errors
    ///
    /// Says who holds the player, or that there is no room.
    pub(super) fn keep(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<Vec<u32>, String> {
        if let Some(holder) = self.sessions.first() {
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
        self.past.clear();
        self.seed = SeedConductors::default();
    }

    /// All processes that work for somebody.
    pub(super) fn processes(&self) -> impl Iterator<Item = u32> {
        let past = self.past.iter().filter_map(|past| past.pid);
        self.sessions.iter().filter_map(|entry| entry.pid).chain(past).chain(self.seed.processes()).chain(self.lookup)
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
            let entry = &mut registry.sessions[0];
            entry.over = true;
            registry.retire();
            let past = registry.claim(&hello);
            let PastSession { id, .. } = registry.past.pop_back().unwrap();
            let entry = SessionEntry::new(&hello, Duration::from_mins(1), 7, PlayerTime::from_nanoseconds(0));
            registry.sessions = vec![SessionEntry { id, ..entry }];
            (live, past)
        };
        for run_secret in [None, Some(""), Some("ru"), Some("rum"), Some("runs")] {
            assert_eq!(claim("other", "two", run_secret, 1), (Claim::Stranger, Claim::Stranger), "{run_secret:?}");
            assert_eq!(claim("w", "one", run_secret, 2), (Claim::Stranger, Claim::Stranger), "{run_secret:?}");
        }
        assert_eq!(claim("w", "two", Some("run"), 2), (Claim::Stranger, Claim::Stranger));
        assert_eq!(claim("other", "two", Some("run"), 1), (Claim::New, Claim::New));
        assert_eq!(
            claim("w", "one", Some("run"), 2),
            (Claim::Resume(7), Claim::Superseded),
            "it is that connection's now"
        );
    }
}
