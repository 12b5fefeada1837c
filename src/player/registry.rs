//! The users of this player: the sessions of one run, or one Python conductor. This module is pure.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::note::Note;
use super::python_phases::PythonPhases;
use super::scratch::ScratchFolder;
use super::session_entry::{Due, SessionEntry, Summary};
use crate::model::{PlayerTime, Process};
use crate::wire::seed::SeedPhase;
use crate::wire::{Hello, Holder, HolderState, PROTOCOL, Refusal, RefusalReason, TAKE_OVER, bounds};

/// The users of this player.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The sessions in the order in which they began. Ended sessions are kept for a while, so that a late or repeated
    /// `hello` of such a session does not start a new one.
    pub(super) sessions: Vec<SessionEntry>,
    /// The phases of Python conductors.
    pub(super) python: PythonPhases,
    /// The processes that earlier runs left running on purpose.
    pub(super) leftovers: Vec<Process>,
    /// Summaries, for the next conductor, of sessions that ended without their conductors.
    pub(super) summaries: VecDeque<Summary>,
    /// How many summaries were dropped.
    untold: usize,
    /// The scratch folders of sessions whose processes have ended without removing them.
    pub(super) scratch: Vec<ScratchFolder>,
}

/// How many ended sessions are remembered.
const REMEMBERED: usize = 1024;

/// The time limit of Reset for a run whose player is taken over.
const TAKE_OVER_RESET: Duration = Duration::from_secs(30);

/// How long a session player must not have heard from its conductor before another run may end its session: a broken
/// connection is usually restored soon.
const GONE: Duration = Duration::from_secs(5);

/// How to answer a `hello` of a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may start a session.
    New,
    /// It continues the session of this process.
    Resume(u32),
    /// It is refused. Sessions that prevent it have to end, if they may be ended.
    Refused(Refusal, Option<Abandoned>),
}

/// Sessions that have to end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Abandoned {
    /// Their processes.
    pub(super) pids: Vec<u32>,
    /// The reason.
    pub(super) reason: String,
    /// The maximum duration of their Reset.
    pub(super) reset_limit: Option<Duration>,
}

fn refused(reason: RefusalReason, message: impl Into<String>) -> Claim {
    Claim::Refused(Refusal { reason, message: message.into(), holder: None }, None)
}

fn busy(holder: Holder, abandoned: Option<Abandoned>) -> Claim {
    let duration = humantime::format_duration(Duration::from_secs(holder.seconds));
    let message = format!("{} has used this player for {duration}", holder.describe());
    Claim::Refused(Refusal { reason: RefusalReason::Busy, message, holder: Some(holder) }, abandoned)
}

impl Registry {
    /// Returns the sessions that hold the player. Ended sessions do not, even while their processes end or deliver
    /// results.
    pub(super) fn live(&self) -> impl Iterator<Item = &SessionEntry> {
        self.sessions.iter().filter(|entry| !entry.is_over)
    }

    /// Returns the dead sessions, which wait for a process that runs their Reset.
    pub(super) fn dead(&self) -> impl Iterator<Item = &SessionEntry> {
        self.live().filter(|entry| entry.pid.is_none())
    }

    /// Returns when to try again to create a process for a Reset.
    pub(super) fn next_attempt(&self) -> Option<PlayerTime> {
        self.dead().filter_map(|entry| Some(entry.death.as_ref()?.next)).min()
    }

    fn others<'a>(&'a self, hello: &'a Hello) -> impl Iterator<Item = &'a SessionEntry> {
        self.live().filter(|entry| !entry.hello.is_of_same_run(hello))
    }

    /// Returns the holder that prevents a session of this run, if there is one.
    pub(super) fn holder_for(&self, hello: &Hello, now: PlayerTime) -> Option<Holder> {
        // A run counts as live if one of its sessions does.
        let others = self.others(hello).map(|entry| entry.holder(false, now));
        let others = others.min_by_key(|holder| (holder.state != HolderState::Live, u64::MAX - holder.free_within));
        others.or_else(|| {
            self.python.holder(now).map(|(address, since)| Holder {
                conductor: format!("the Python conductor at {address}"),
                seconds: now.since(since).as_secs(),
                ..Holder::default()
            })
        })
    }

    /// Decides how to answer a `hello`. The attempt of a resumed session is updated.
    pub(super) fn claim(&mut self, hello: &Hello, now: PlayerTime) -> Claim {
        if !hello.protocols.contains(&PROTOCOL) {
            let version = env!("CARGO_PKG_VERSION");
            let text = format!("this player is conductor {version}, which supports only protocol {PROTOCOL}");
            return refused(RefusalReason::Protocol, text);
        }
        let stranger = || refused(RefusalReason::Secret, "this conductor does not have the secret of the run");
        // Knowing the name of a run is not enough to join it. A new run may have the name of an ended one.
        let is_guarded = |entry: &&SessionEntry| !entry.is_over || entry.pid.is_some() || hello.incarnation.is_some();
        let mut known = self.sessions.iter().filter(is_guarded).map(|entry| &entry.hello);
        if known.any(|known| known.run == hello.run && known.run_secret != hello.run_secret) {
            return stranger();
        }
        let is_of_run = |entry: &&mut SessionEntry| !entry.is_over || entry.hello.run_secret == hello.run_secret;
        let mut of_worker = self.sessions.iter_mut().rev().filter(|entry| entry.is_of(hello));
        match of_worker.find(is_of_run) {
            None if hello.incarnation.is_some() => refused(RefusalReason::Unknown, "its player was restarted"),
            None => self.claim_of_new(hello, now),
            Some(SessionEntry { hello: known, .. }) if known.secret != hello.secret => stranger(),
            Some(entry) if hello.session > entry.hello.session && entry.is_over => self.claim_of_new(hello, now),
            Some(entry) if hello.session > entry.hello.session => {
                let reason = "its conductor has abandoned it and is starting another session".to_owned();
                let abandoned = Abandoned { pids: entry.pid.into_iter().collect(), reason, reset_limit: None };
                busy(entry.holder(true, now), Some(abandoned))
            }
            Some(SessionEntry { hello: known, .. })
                if hello.session < known.session || hello.attempt <= known.attempt =>
            {
                let text = format!("worker {} of this run already has a session", hello.worker);
                refused(RefusalReason::Attempt, text)
            }
            Some(SessionEntry { pid: Some(pid), hello: known, .. }) => {
                known.attempt = hello.attempt;
                Claim::Resume(*pid)
            }
            Some(entry) => {
                let died = entry.death.as_ref().filter(|_| !entry.is_over).map(|death| &death.text);
                let mut summaries = self.summaries.iter().rev().filter(|summary| summary.is_of(&entry.hello));
                let text = died.or_else(|| summaries.next().map(|summary| &summary.text));
                refused(RefusalReason::Unknown, text.map_or("its session has ended", String::as_str))
            }
        }
    }

    /// Decides whether a new session may begin.
    fn claim_of_new(&self, hello: &Hello, now: PlayerTime) -> Claim {
        if let Some(holder) = self.holder_for(hello, now) {
            let is_taken_over = holder.state != HolderState::Live && hello.has(TAKE_OVER);
            let abandoned = is_taken_over.then(|| Abandoned {
                pids: self.others(hello).filter_map(|entry| entry.pid).collect(),
                reason: format!("run {} of {} took over the player", hello.run, hello.conductor),
                reset_limit: Some(TAKE_OVER_RESET),
            });
            return busy(holder, abandoned);
        }
        if bounds::SESSIONS.check(self.live().count() + 1).is_err() {
            let text = format!("this player already has {} sessions", bounds::SESSIONS.most());
            return refused(RefusalReason::Full, text);
        }
        Claim::New
    }

    /// Whether no session of this player has a connection to its conductor.
    pub(super) fn is_cut_off(&self) -> bool {
        self.live().all(|entry| entry.silent_since.is_some())
    }

    /// Decides whether another run may have the machine on which this session player runs.
    pub(super) fn claim_machine(&self, hello: &Hello, now: PlayerTime) -> Claim {
        match self.sessions.last() {
            Some(entry) if !entry.hello.is_of_same_run(hello) => match self.claim_of_new(hello, now) {
                Claim::New => busy(Holder { state: HolderState::Orphaned, ..entry.holder(false, now) }, None),
                Claim::Refused(refusal, abandoned) => {
                    let is_gone = entry.silent_since.is_some_and(|since| now >= since.plus(GONE));
                    Claim::Refused(refusal, abandoned.filter(|_| is_gone))
                }
                claim @ Claim::Resume(_) => claim,
            },
            _ => Claim::New,
        }
    }

    /// Returns the processes that still have results of an earlier session of the same worker.
    pub(super) fn undelivered_of(&self, hello: &Hello) -> impl Iterator<Item = u32> {
        self.sessions.iter().filter(|entry| entry.is_over && entry.is_of(hello)).filter_map(|entry| entry.pid)
    }

    /// Handles a note of a process. Returns a line for the log.
    pub(super) fn take(&mut self, pid: u32, note: Note, is_stopping: bool, now: PlayerTime) -> Option<String> {
        match &note {
            Note::Over { left, .. } => self.leftovers.extend(left.iter().cloned()),
            Note::Delivering => self.python.delivers(pid),
            _ => {}
        }
        let entry = self.of_process(pid)?;
        let Note::Over { summary, .. } = note else { return entry.take(note, now) };
        entry.is_over = true;
        entry.plan = None;
        // If its conductor is connected, it reports this before the player ends.
        let is_told = !is_stopping || entry.silent_since.is_some();
        let (reset, summary) = (entry.reset_was_run(), summary.map(|text| entry.summary(text)));
        let line = summary.as_ref().map(Summary::to_string);
        reset.into_iter().chain(summary.filter(|_| is_told)).for_each(|summary| self.tell_later(summary));
        if self.sessions.len() - self.live().count() > REMEMBERED {
            self.sessions.iter().position(|entry| entry.is_over).map(|oldest| self.sessions.remove(oldest));
        }
        line
    }

    fn of_process(&mut self, pid: u32) -> Option<&mut SessionEntry> {
        self.sessions.iter_mut().find(|entry| entry.pid == Some(pid))
    }

    /// Handles the end of a process. Returns a line for the log if it died; in that case, the processes that it left
    /// must be ended.
    pub(super) fn process_ended(&mut self, pid: u32, now: PlayerTime) -> Option<String> {
        if self.python.process_ended(pid) {
            return Some("the process that ran a phase of a Python conductor died; its steps are stopped".to_owned());
        }
        let entry = self.of_process(pid)?;
        if entry.is_over {
            entry.pid = None;
            let left = std::mem::take(&mut entry.scratch);
            self.scratch.extend(left);
            return None;
        }
        Some(format!("{}: {}", entry.hello.describe(), entry.process_died(now)))
    }

    /// Removes the dead sessions for which nothing can or must be done. Returns their summaries.
    pub(super) fn take_finished(&mut self, now: PlayerTime) -> Vec<Summary> {
        let (mut finished, scratch) = (Vec::new(), &mut self.scratch);
        self.sessions.retain_mut(|entry| {
            let Some(Due::Nothing(what)) = entry.due(now) else { return true };
            finished.push(entry.summary(what));
            scratch.append(&mut entry.scratch);
            false
        });
        finished
    }

    /// Returns a dead session whose Reset is to be run now, and the trial.
    pub(super) fn reset_due(&mut self, now: PlayerTime) -> Option<(&mut SessionEntry, u32)> {
        self.sessions.iter_mut().find_map(|entry| {
            let Some(Due::Reset(trial)) = entry.due(now) else { return None };
            entry.reset_is_tried(now);
            Some((entry, trial))
        })
    }

    /// Stores a summary for the next conductor. If there are too many, the oldest is dropped; it is in the log.
    pub(super) fn tell_later(&mut self, summary: Summary) {
        self.summaries.push_back(summary);
        // One more message says how many are left out, and some are reserved for processes that earlier runs left.
        while self.summaries.len() > bounds::SENTENCES.most() / 2 {
            self.summaries.pop_front();
            self.untold += 1;
        }
    }

    /// Returns the messages about earlier sessions for the conductor of `run`.
    pub(super) fn told_to(&self, run: &str) -> impl Iterator<Item = String> {
        let untold = (self.untold > 0)
            .then(|| format!("results of earlier sessions that are only in the player's log: {}", self.untold));
        untold.into_iter().chain(self.summaries.iter().map(move |summary| summary.told_to(run)))
    }

    /// Clears the summaries, because they have been sent.
    pub(super) fn was_told(&mut self) {
        self.summaries.clear();
        self.untold = 0;
    }

    /// If too many ended sessions have results to deliver, returns the processes of the oldest of these.
    pub(super) fn too_many_undelivered(&mut self) -> Vec<u32> {
        let undelivered =
            |entry: &&mut SessionEntry| entry.is_over && entry.pid.is_some() && entry.silent_since.is_some();
        let all: Vec<&mut SessionEntry> = self.sessions.iter_mut().filter(undelivered).collect();
        let too_many = all.len().saturating_sub(bounds::UNDELIVERED.most());
        all.into_iter().take(too_many).filter_map(|entry| entry.silent_since.take().and(entry.pid)).collect()
    }

    /// Whether this is the process of an ended session.
    pub(super) fn is_past(&self, pid: u32) -> bool {
        self.sessions.iter().any(|entry| entry.is_over && entry.pid == Some(pid))
    }

    /// Stores a phase of a Python conductor until its `run`. Returns the processes whose work is no longer wanted.
    ///
    /// # Errors
    ///
    /// Returns an error if another run uses the player, or if too many phases are stored.
    pub(super) fn store(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<Vec<u32>, String> {
        if let Some(holder) = self.live().next() {
            return Err(format!("busy: run {} of {} uses this player", holder.hello.run, holder.hello.conductor));
        }
        self.python.store(address, phase, now)
    }

    /// Records when a process that does not respond will be given up, or `None` if it responds again.
    pub(super) fn is_unresponsive(&mut self, pid: u32, until: Option<PlayerTime>) {
        self.of_process(pid).into_iter().for_each(|entry| entry.give_up_at = until);
    }

    /// Records that a process has not responded for `limit` and is being killed. Returns its description.
    pub(super) fn give_up_on(&mut self, pid: u32, limit: Duration) -> String {
        let Some(entry) = self.of_process(pid) else { return format!("process {pid}, which serves a conductor") };
        entry.given_up = Some(limit);
        format!("{}: process {pid}", entry.hello.describe())
    }

    /// Forgets all sessions and phases. Processes that still exist are to be ended.
    pub(super) fn give_up(&mut self) {
        self.scratch.extend(self.sessions.drain(..).flat_map(|entry| entry.scratch));
        self.python = PythonPhases::default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Creates a `hello` of run `r` with this worker, its secret, the run's secret, session and attempt.
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
    fn a_session_that_a_later_one_of_its_run_ends_holds_the_player_without_its_lease() {
        let second = |count: u64| PlayerTime::from_nanoseconds(count * 1_000_000_000);
        let hello = |session| hello("w", "one", Some("run"), session, 1);
        let mut entry = SessionEntry::new(&hello(1), Duration::from_mins(10), 7, second(0));
        entry.take(Note::Silent(Some(second(5))), second(5));
        let mut registry = Registry { sessions: vec![entry], ..Registry::default() };
        let Claim::Refused(Refusal { holder: Some(holder), .. }, Some(abandoned)) =
            registry.claim(&hello(2), second(10))
        else {
            panic!("it is refused")
        };
        // 15 s are for the end of its steps; its Reset has no time of its own here.
        assert_eq!((holder.state, holder.free_within, holder.lease_within), (HolderState::Orphaned, 15, None));
        assert_eq!(abandoned.pids, [7]);
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
            let live = registry.claim(&hello, PlayerTime::from_nanoseconds(1));
            registry.sessions[0].is_over = true;
            let past = registry.claim(&hello, PlayerTime::from_nanoseconds(1));
            registry.sessions[0].is_over = false;
            (live, past)
        };
        let stranger = || refused(RefusalReason::Secret, "this conductor does not have the secret of the run");
        for run_secret in [None, Some(""), Some("ru"), Some("rum"), Some("runs")] {
            assert_eq!(claim("other", "two", run_secret, 1), (stranger(), stranger()), "{run_secret:?}");
            assert_eq!(claim("w", "one", run_secret, 2), (stranger(), stranger()), "{run_secret:?}");
        }
        assert_eq!(claim("w", "two", Some("run"), 2), (stranger(), stranger()));
        assert_eq!(claim("other", "two", Some("run"), 1), (Claim::New, Claim::New));
        assert_eq!(
            claim("w", "one", Some("run"), 2),
            (Claim::Resume(7), refused(RefusalReason::Attempt, "worker w of this run already has a session")),
            "it is that connection's now"
        );
    }
}
