//! A session as the listener knows it, also after its process died: what is still to be done and to be said for it. Pure.

use std::fmt;
use std::io;
use std::time::Duration;

use super::note::Note;
use crate::model::PlayerTime;
use crate::wait::Wait;
use crate::wire::{Hello, Holder, HolderState, Secret};

/// How long after a process could not be made it is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// A session whose process died.
#[derive(Debug)]
pub(super) struct Death {
    /// What happened, for people; and the same with what is done about it.
    how: String,
    said: String,
    /// When the next process for its Reset may be made.
    pub(super) next: PlayerTime,
    /// When that is given up; known when it was tried.
    give_up: Option<PlayerTime>,
}

/// What is to be done for a dead session of which nothing runs any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A process is to run the Reset of this trial.
    Reset(u32),
    /// Nothing; this is what became of it.
    Nothing(String),
}

/// Which session of whom, and which of its connections came last.
#[derive(Debug, Clone)]
pub(super) struct SessionId {
    pub(super) run: String,
    pub(super) worker: String,
    pub(super) secret: Secret,
    pub(super) run_secret: Secret,
    pub(super) session: u64,
    pub(super) attempt: u64,
}

impl SessionId {
    pub(super) fn is_of(&self, hello: &Hello) -> bool {
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
    /// Its plan, as JSON, for a process that runs its Reset.
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
    pub(super) fn holder(&self, now: PlayerTime) -> Holder {
        /// How long its steps and what they spawned may take to be stopped.
        const STOPPING: Duration = Duration::from_secs(15);
        let reset = self.reset_timeout;
        let lease_end = self.silent_since.filter(|_| self.orphaned.is_none()).map(|since| since.plus(self.lease));
        let (state, free_at) = match (self.doubtful, self.orphaned, lease_end) {
            (Some(at), _, _) => (HolderState::Unresponsive, at.plus(reset + STOPPING)),
            (None, Some(at), _) => (HolderState::Orphaned, at.plus(reset + STOPPING)),
            (None, None, Some(at)) => (HolderState::Silent, at.plus(reset + STOPPING)),
            (None, None, None) => (HolderState::Live, now),
        };
        Holder {
            run: self.id.run.clone(),
            conductor: self.conductor.clone(),
            seconds: now.since(self.since).as_secs(),
            state,
            free_within: free_at.since(now).as_secs(),
            lease_within: lease_end.map(|end| end.since(now).as_secs()),
        }
    }
}

impl SessionEntry {
    /// Takes what its process tells; what the log has to say of it.
    pub(super) fn take(&mut self, note: Note, now: PlayerTime) -> Option<String> {
        match note {
            Note::Plan { text, reset_timeout } => {
                self.plan = Some(text);
                self.reset_timeout = Duration::from_nanos(reset_timeout);
            }
            Note::ResetNeeded { trial } => (self.reset_needed, self.reset_begun) = (Some(trial), false),
            Note::ResetBegun => (self.reset_needed, self.reset_begun) = (None, true),
            Note::Silent { since } => self.silent_since = since.map(PlayerTime::from_nanoseconds),
            Note::Orphaned { reason } => {
                self.orphaned = Some(now);
                return Some(format!("{}: {reason}", self.describe()));
            }
            Note::Over { .. } | Note::Delivering | Note::Addresses { .. } => {}
        }
        None
    }

    /// What the log has to say when it is cut off by the end of the player before it is reset.
    pub(super) fn cut_off(&self) -> Option<String> {
        let what = match (self.reset_needed, self.reset_begun) {
            (Some(_), _) => "its Reset is not run",
            (None, true) if self.orphaned.is_some() => "its Reset is not run to its end",
            _ => return None,
        };
        Some(format!("{}: it is ended now, and {what}", self.describe()))
    }
}

/// What became of something whose conductor was not there at its end.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// The session whose it is, and who that is for people.
    of: Option<(SessionId, String)>,
    pub(super) text: String,
}

impl Summary {
    /// Whether it is what became of this session.
    pub(super) fn is_of(&self, id: &SessionId) -> bool {
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

impl SessionEntry {
    /// Its process died: that of the session, or the one that was to run its Reset. What the log has to say of it.
    pub(super) fn process_died(&mut self, now: PlayerTime) -> String {
        let who = match &self.death {
            None => "its session",
            Some(_) => "the process that cleans up after it",
        };
        let how = match self.given_up.take() {
            None => format!("{who} died"),
            Some(limit) => {
                format!("{who} did not respond for {} and was killed", humantime::format_duration(limit))
            }
        };
        (self.pid, self.doubtful) = (None, None);
        self.orphaned.get_or_insert(now);
        self.silent_since.get_or_insert(now);
        let next = match (self.reset_needed, self.reset_begun) {
            (Some(_), _) => "its steps are ended, and Reset is run",
            (None, true) => "its steps are ended, and its Reset is not run again",
            (None, false) => "nothing has to be reset",
        };
        let said = format!("{how}; {next}");
        self.death = Some(match self.death.take() {
            None => Death { how, said: said.clone(), next: now, give_up: None },
            // One that died before it began Reset may have lacked something that will be there later.
            Some(death) => Death { how: format!("{}; {how}", death.how), next: now.plus(AGAIN), ..death },
        });
        said
    }

    /// What is to be done for it now, when nothing of it runs any more.
    pub(super) fn due(&self, now: PlayerTime) -> Option<Due> {
        let death = self.death.as_ref().filter(|_| self.pid.is_none() && !self.over)?;
        let how = &death.how;
        Some(match (self.reset_needed, self.reset_begun) {
            (None, true) => Due::Nothing(format!("{how}; its steps were ended, and its Reset is not run again")),
            (None, false) => Due::Nothing(format!("{how}; nothing had to be reset")),
            (Some(_), _) if death.give_up.is_some_and(|end| end <= now) => {
                Due::Nothing(format!("{how}; its steps were ended, but its Reset was not run"))
            }
            (Some(_), _) if now < death.next => return None,
            (Some(trial), _) => Due::Reset(trial),
        })
    }

    /// A process for its Reset is being made: what may go wrong is tried again for as long as Reset may take.
    pub(super) fn reset_is_tried(&mut self, now: PlayerTime) {
        let limit = Wait::ResetProcess.given(self.reset_timeout);
        if let Some(death) = &mut self.death {
            death.give_up.get_or_insert(now.plus(limit));
        }
    }

    /// It could not be made.
    pub(super) fn reset_failed(&mut self, why: &io::Error, now: PlayerTime) {
        let why = format!("can't create a process: {why}");
        if let Some(death) = &mut self.death {
            death.next = now.plus(AGAIN);
            if !death.how.ends_with(&why) {
                death.how = format!("{}; {why}", death.how);
            }
        }
    }

    /// The process that was made has run its Reset: what became of the session.
    pub(super) fn reset_was_run(&self) -> Option<Summary> {
        let death = self.death.as_ref()?;
        Some(self.summary(format!("{}; its steps were ended, and Reset was run", death.how)))
    }
}

impl Death {
    /// What happened, and what is done about it, for people.
    pub(super) fn said(&self) -> &str {
        &self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Greeting, Hello};

    fn at(seconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    fn hello() -> Hello {
        let text = r#"{"version": 2, "type": "hello", "data": {"protocols": [2], "run": "r", "worker": "w", "secret": "s", "attempt": 1, "next": 0}}"#;
        match Greeting::decode(text.as_bytes()) {
            Ok(Greeting::Hello(hello)) => hello,
            other => panic!("{other:?}"),
        }
    }

    /// A session that has this to reset, with half a minute for that.
    fn session(reset_needed: Option<u32>, reset_begun: bool) -> SessionEntry {
        let entry = SessionEntry::new(&hello(), Duration::from_mins(1), 7, at(0));
        SessionEntry { reset_needed, reset_begun, reset_timeout: Duration::from_secs(30), ..entry }
    }

    #[test]
    fn what_is_due_and_said_depends_on_how_far_the_session_was() {
        let table = [
            (Some(3), false, "its session died; its steps are ended, and Reset is run", Due::Reset(3)),
            (
                None,
                true,
                "its session died; its steps are ended, and its Reset is not run again",
                Due::Nothing("its session died; its steps were ended, and its Reset is not run again".to_owned()),
            ),
            (
                None,
                false,
                "its session died; nothing has to be reset",
                Due::Nothing("its session died; nothing had to be reset".to_owned()),
            ),
        ];
        for (needed, begun, said, due) in table {
            let mut entry = session(needed, begun);
            assert_eq!(entry.due(at(1)), None, "it lives");
            assert_eq!(entry.process_died(at(1)), said);
            assert_eq!(entry.due(at(1)), Some(due));
        }
    }

    #[test]
    fn a_session_that_was_given_up_is_said_to_have_given_no_sign_of_life() {
        let mut entry = session(Some(1), false);
        entry.given_up = Some(Duration::from_mins(1));
        let said = "its session did not respond for 1m and was killed; its steps are ended, and Reset is run";
        assert_eq!(entry.process_died(at(1)), said);
    }

    #[test]
    fn a_process_that_can_not_be_made_is_tried_again_until_reset_has_taken_too_long() {
        let mut entry = session(Some(1), false);
        entry.process_died(at(1));
        let error = io::Error::from_raw_os_error(libc::EAGAIN);
        for second in 1..31 {
            assert_eq!(entry.due(at(second)), Some(Due::Reset(1)));
            entry.reset_is_tried(at(second));
            entry.reset_failed(&error, at(second));
            assert_eq!(entry.due(at(second)), None);
        }
        let told = format!(
            "its session died; can't create a process: {error}; its steps were ended, but its Reset was not run"
        );
        assert_eq!(entry.due(at(31)), Some(Due::Nothing(told)));
    }

    #[test]
    fn a_reset_whose_process_dies_before_it_begins_is_run_by_another_and_else_not_again() {
        let mut entry = session(Some(1), false);
        entry.process_died(at(1));
        entry.reset_is_tried(at(1));
        entry.pid = Some(8);
        assert_eq!(entry.due(at(1)), None, "it is at work");
        let said = "the process that cleans up after it died; its steps are ended, and Reset is run";
        assert_eq!(entry.process_died(at(2)), said);
        assert_eq!(entry.due(at(2)), None, "it may have lacked something");
        assert_eq!(entry.due(at(3)), Some(Due::Reset(1)));
        entry.pid = Some(9);
        (entry.reset_needed, entry.reset_begun) = (None, true);
        entry.process_died(at(4));
        let Some(Due::Nothing(told)) = entry.due(at(4)) else { panic!("{entry:?}") };
        assert!(told.ends_with("; its steps were ended, and its Reset is not run again"), "{told}");
    }
}
