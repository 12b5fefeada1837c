//! Who holds this player: the sessions of one run, or one Python conductor. Pure.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::death::Death;
use super::seed_conductors::SeedConductors;
use crate::model::PlayerTime;
use crate::wire::seed::SeedPhase;
use crate::wire::{Hello, Holder, ProcessMessage, Secret, UNRESPONSIVE, bounds};

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
    pub(super) leftovers: Vec<ProcessMessage>,
    /// What became of sessions whose conductors were not there at their end; for the next conductor.
    summaries: VecDeque<Summary>,
    /// How many of them had to make room.
    untold: usize,
}

/// What became of something whose conductor was not there at its end.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// The session whose it is, and who that is for people.
    of: Option<(SessionId, String)>,
    text: String,
}

impl Summary {
    /// Whether it is what became of this session.
    fn is_of(&self, id: &SessionId) -> bool {
        let key = |id: &SessionId| (id.run.clone(), id.worker.clone(), id.session);
        self.of.as_ref().is_some_and(|(of, _)| key(of) == key(id))
    }

    /// One that belongs to no session in particular.
    pub(super) fn of_nobody(text: String) -> Self {
        Self { of: None, text }
    }

    /// What a conductor is told of it: of its own run it need not be told whose that is.
    pub(super) fn told_to(&self, run: &str) -> String {
        match &self.of {
            Some((id, _)) if id.run == run => {
                format!("this run's own earlier session of worker {}: {}", id.worker, self.text)
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            None => write!(out, "{}", self.text),
            Some((_, who)) => write!(out, "{who}: {}", self.text),
        }
    }
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

/// Which session of whom, and which of its connections came last.
#[derive(Debug, Clone)]
pub(super) struct SessionId {
    run: String,
    worker: String,
    secret: Secret,
    run_secret: Secret,
    session: u64,
    attempt: u64,
}

impl SessionId {
    fn is_of(&self, hello: &Hello) -> bool {
        self.run == hello.run && self.worker == hello.worker
    }
}

/// A session, as the listener knows it.
#[derive(Debug)]
pub(super) struct SessionEntry {
    pub(super) id: SessionId,
    pub(super) conductor: String,
    pub(super) since: PlayerTime,
    pub(super) lease: Duration,
    /// When its conductor was last heard of, while there is no connection to it.
    pub(super) silent_since: Option<PlayerTime>,
    /// Since when it has been on its own.
    pub(super) orphaned: Option<PlayerTime>,
    /// Its process, while it lives.
    pub(super) pid: Option<u32>,
    /// Its plan, as JSON, for an heir.
    pub(super) plan: Option<String>,
    /// How long its Reset may take.
    pub(super) reset_timeout: Duration,
    /// The trial whose Reset has to be run if it dies.
    pub(super) reset_needed: Option<u32>,
    /// Whether a Reset was begun.
    pub(super) reset_begun: bool,
    /// Whether it said that it ended in good order.
    pub(super) over: bool,
    /// When it will be given up, while it does not respond.
    pub(super) doubtful: Option<PlayerTime>,
    /// How long it had given no sign of life when it was given up and killed.
    pub(super) given_up: Option<Duration>,
    /// What is to be done after its process died.
    pub(super) death: Option<Death>,
}

impl SessionEntry {
    /// The entry of a session that begins with this `hello`, in this process.
    pub(super) fn new(hello: &Hello, lease: Duration, pid: u32, now: PlayerTime) -> Self {
        let Hello { run, worker, secret, run_secret, session, attempt, conductor, .. } = hello.clone();
        Self {
            id: SessionId { run, worker, secret, run_secret, session, attempt },
            conductor,
            since: now,
            lease,
            silent_since: None,
            orphaned: None,
            pid: Some(pid),
            plan: None,
            reset_timeout: Duration::ZERO,
            reset_needed: None,
            reset_begun: false,
            over: false,
            doubtful: None,
            given_up: None,
            death: None,
        }
    }

    /// Who it is, for people.
    pub(super) fn describe(&self) -> String {
        format!("worker {} of run {} of {}", self.id.worker, self.id.run, self.conductor)
    }

    /// What became of it, for the next conductor.
    pub(super) fn summary(&self, text: String) -> Summary {
        Summary { of: Some((self.id.clone(), self.describe())), text }
    }

    /// What stands in the way of others.
    fn holder(&self, now: PlayerTime) -> Holder {
        /// How long its steps and what they spawned may take to be stopped.
        const STOPPING: Duration = Duration::from_secs(15);
        let reset = self.reset_timeout;
        let lease_end = self.silent_since.filter(|_| self.orphaned.is_none()).map(|since| since.plus(self.lease));
        let (state, free_at) = match (self.doubtful, self.orphaned, lease_end) {
            (Some(at), _, _) => (UNRESPONSIVE, at.plus(reset + STOPPING)),
            (None, Some(at), _) => ("orphaned", at.plus(reset + STOPPING)),
            (None, None, Some(at)) => ("silent", at.plus(reset + STOPPING)),
            (None, None, None) => ("live", now),
        };
        Holder {
            run: self.id.run.clone(),
            conductor: self.conductor.clone(),
            seconds: now.since(self.since).as_secs(),
            state: state.to_owned(),
            free_within: free_at.since(now).as_secs(),
            lease_within: lease_end.map(|end| end.since(now).as_secs()),
        }
    }
}

impl Registry {
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
