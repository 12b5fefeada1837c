//! The listener's record of a session, also after its process died: what still has to be done and reported for it.
//! This module is pure.

use std::fmt;
use std::io;
use std::time::Duration;

use super::note::Note;
use super::scratch::ScratchFolder;
use crate::model::PlayerTime;
use crate::wait::Wait;
use crate::wire::{Hello, Holder, HolderState};

/// The time between two attempts to create a process.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// The death of a session process.
#[derive(Debug)]
pub(super) struct Death {
    /// What happened, as a message.
    how: String,
    /// The same message, with what is done about it.
    pub(super) text: String,
    /// When the next process for its Reset may be created.
    pub(super) next: PlayerTime,
    /// When attempts to create it are given up, counted from the first attempt.
    give_up: Option<PlayerTime>,
}

/// What to do for a dead session once none of its processes is running.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Create a process that runs the Reset of this trial.
    Reset(u32),
    /// Nothing. Contains a summary of what happened to the session.
    Nothing(String),
}

/// The state of a session's Reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reset {
    /// Nothing was started that Reset would undo.
    #[default]
    NotNeeded,
    /// It has to be run for this trial.
    Needed(u32),
    /// It was started, and is not run a second time.
    Begun,
}

/// The listener's record of a session.
#[derive(Debug, Default)]
pub(super) struct SessionEntry {
    /// The `hello` of its conductor's last connection.
    pub(super) hello: Hello,
    since: PlayerTime,
    pub(super) lease: Duration,
    /// When its conductor was last heard from, while there is no connection to it.
    pub(super) silent_since: Option<PlayerTime>,
    /// When it was orphaned.
    orphaned: Option<PlayerTime>,
    /// Its process, while that is alive.
    pub(super) pid: Option<u32>,
    /// Its plan, as JSON, for a process that runs its Reset.
    pub(super) plan: Option<String>,
    /// Its scratch folders.
    pub(super) scratch: Vec<ScratchFolder>,
    /// The time limit of its Reset.
    reset_timeout: Duration,
    reset: Reset,
    /// Whether it has ended in an orderly way.
    pub(super) is_over: bool,
    /// When it will be given up, while it does not respond.
    pub(super) give_up_at: Option<PlayerTime>,
    /// How long it had not responded when it was killed.
    pub(super) given_up: Option<Duration>,
    /// The death of its process.
    pub(super) death: Option<Death>,
}

impl SessionEntry {
    /// Creates the entry of a session that begins with this `hello` in this process.
    pub(super) fn new(hello: &Hello, lease: Duration, pid: u32, now: PlayerTime) -> Self {
        Self { hello: hello.clone(), since: now, lease, pid: Some(pid), ..Self::default() }
    }

    /// Whether the session belongs to the worker of this `hello`.
    pub(super) fn is_of(&self, hello: &Hello) -> bool {
        self.hello.run == hello.run && self.hello.worker == hello.worker
    }

    /// Returns a summary of the session for the next conductor.
    pub(super) fn summary(&self, text: String) -> Summary {
        Summary { of: Some(self.hello.clone()), text }
    }

    /// Describes the session as a holder of the player, for other runs. If it has to end now, its lease no longer
    /// matters.
    pub(super) fn holder(&self, has_to_end: bool, now: PlayerTime) -> Holder {
        /// How long it may take to stop its steps and the processes that they have spawned.
        const STOPPING: Duration = Duration::from_secs(15);
        let orphaned = self.orphaned.or(has_to_end.then_some(now));
        let lease_end = self.silent_since.filter(|_| orphaned.is_none()).map(|since| since.plus(self.lease));
        let states = [
            (HolderState::Unresponsive, self.give_up_at),
            (HolderState::Orphaned, orphaned),
            (HolderState::Silent, lease_end),
        ];
        let mut states =
            states.into_iter().filter_map(|(state, at)| Some((state, at?.plus(self.reset_timeout + STOPPING))));
        let (state, free_at) = states.next().unwrap_or((HolderState::Live, now));
        Holder {
            run: self.hello.run.clone(),
            conductor: self.hello.conductor.clone(),
            seconds: now.since(self.since).as_secs(),
            state,
            free_within: free_at.since(now).as_secs(),
            lease_within: lease_end.map(|end| end.since(now).as_secs()),
        }
    }

    /// Handles a note of its process. Returns a line for the log.
    pub(super) fn take(&mut self, note: Note, now: PlayerTime) -> Option<String> {
        match note {
            Note::Plan { text, reset_timeout } => {
                self.plan = Some(text);
                // A plan is adopted only once the Reset of the previous plan has ended.
                self.reset = Reset::NotNeeded;
                self.reset_timeout = Duration::from_nanos(reset_timeout);
            }
            Note::ResetNeeded(trial) => self.reset = Reset::Needed(trial),
            Note::ResetBegun => self.reset = Reset::Begun,
            Note::Silent(since) => self.silent_since = since,
            Note::Scratch(folders) => self.scratch = folders,
            Note::Orphaned(reason) => {
                self.orphaned = Some(now);
                return Some(format!("{}: {reason}", self.hello.describe()));
            }
            Note::Over { .. } | Note::Delivering | Note::Addresses(_) => {}
        }
        None
    }

    /// Returns the line for the log if the player ends before the Reset is complete.
    pub(super) fn cut_off(&self) -> Option<String> {
        let what = match self.reset {
            Reset::Needed(_) => "its Reset is not run",
            Reset::Begun if self.orphaned.is_some() => "its Reset is not completed",
            Reset::Begun | Reset::NotNeeded => return None,
        };
        Some(format!("{}: it is being killed, and {what}", self.hello.describe()))
    }

    /// Handles the death of the session process, or of its clean-up process. Returns the message to report.
    pub(super) fn process_died(&mut self, now: PlayerTime) -> String {
        let who = if self.death.is_some() { "its clean-up process" } else { "its session" };
        let how = match self.given_up.take().map(humantime::format_duration) {
            None => format!("{who} died"),
            Some(limit) => format!("{who} did not respond for {limit} and was killed"),
        };
        self.pid = None;
        self.give_up_at = None;
        self.orphaned.get_or_insert(now);
        self.silent_since.get_or_insert(now);
        let then = match self.reset {
            Reset::Needed(_) => "its steps are stopped, and Reset is run",
            Reset::Begun => "its steps are stopped, and its Reset is not run again",
            Reset::NotNeeded => "no Reset is needed",
        };
        let text = format!("{how}; {then}");
        self.death = Some(match self.death.take() {
            None => Death { how, text: text.clone(), next: now, give_up: None },
            // If it died before Reset started, it may have lacked a resource that will be available later.
            Some(death) => Death { how: format!("{}; {how}", death.how), next: now.plus(AGAIN), ..death },
        });
        text
    }

    /// Returns what to do for the session now that none of its processes is running.
    pub(super) fn due(&self, now: PlayerTime) -> Option<Due> {
        let death = self.death.as_ref().filter(|_| self.pid.is_none() && !self.is_over)?;
        let what = match self.reset {
            Reset::Begun => "its steps were stopped, and its Reset is not run again",
            Reset::NotNeeded => "no Reset was needed",
            Reset::Needed(_) if death.give_up.is_some_and(|end| end <= now) => {
                "its steps were stopped, but its Reset was not run"
            }
            Reset::Needed(trial) => return (now >= death.next).then_some(Due::Reset(trial)),
        };
        Some(Due::Nothing(format!("{}; {what}", death.how)))
    }

    /// Records that a process for its Reset is being created. Failures are retried for as long as Reset may take.
    pub(super) fn reset_is_tried(&mut self, now: PlayerTime) {
        let end = now.plus(Wait::ResetProcess.given(self.reset_timeout));
        if let Some(death) = &mut self.death {
            death.give_up.get_or_insert(end);
        }
    }

    /// Records that this process could not be created.
    pub(super) fn reset_failed(&mut self, why: &io::Error, now: PlayerTime) {
        let why = format!("; cannot create a process: {why}");
        if let Some(death) = &mut self.death {
            death.next = now.plus(AGAIN);
            if !death.how.ends_with(&why) {
                death.how += &why;
            }
        }
    }

    /// Returns a summary of the session, once the clean-up process has run its Reset.
    pub(super) fn reset_was_run(&self) -> Option<Summary> {
        let death = self.death.as_ref()?;
        Some(self.summary(format!("{}; its steps were stopped, and Reset was run", death.how)))
    }
}

/// A summary of a session that ended without its conductor.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// The `hello` of its conductor.
    of: Option<Hello>,
    pub(super) text: String,
}

impl Summary {
    /// Creates a summary that belongs to no particular session.
    pub(super) fn of_nobody(text: String) -> Self {
        Self { of: None, text }
    }

    /// Whether it describes this session.
    pub(super) fn is_of(&self, hello: &Hello) -> bool {
        let id = |hello: &Hello| (hello.run.clone(), hello.worker.clone(), hello.session);
        self.of.as_ref().is_some_and(|of| id(of) == id(hello))
    }

    /// Returns the text for a conductor of this run. Sessions of the same run need no further description.
    pub(super) fn told_to(&self, run: &str) -> String {
        match &self.of {
            Some(of) if of.run == run => {
                format!("an earlier session of this run for worker {}: {}", of.worker, self.text)
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.iter().try_for_each(|hello| write!(out, "{}: ", hello.describe()))?;
        out.write_str(&self.text)
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

    /// Creates a session with this state of its Reset and 30 seconds for it.
    fn session(reset: Reset) -> SessionEntry {
        let entry = SessionEntry::new(&hello(), Duration::from_mins(1), 7, at(0));
        SessionEntry { reset, reset_timeout: Duration::from_secs(30), ..entry }
    }

    #[test]
    fn what_is_due_and_said_depends_on_how_far_the_session_was() {
        let table = [
            (Reset::Needed(3), "its session died; its steps are stopped, and Reset is run", Due::Reset(3)),
            (
                Reset::Begun,
                "its session died; its steps are stopped, and its Reset is not run again",
                Due::Nothing("its session died; its steps were stopped, and its Reset is not run again".to_owned()),
            ),
            (
                Reset::NotNeeded,
                "its session died; no Reset is needed",
                Due::Nothing("its session died; no Reset was needed".to_owned()),
            ),
        ];
        for (reset, said, due) in table {
            let mut entry = session(reset);
            assert_eq!(entry.due(at(1)), None, "it lives");
            assert_eq!(entry.process_died(at(1)), said);
            assert_eq!(entry.due(at(1)), Some(due));
        }
    }

    #[test]
    fn a_session_that_was_given_up_is_said_to_have_given_no_sign_of_life() {
        let mut entry = session(Reset::Needed(1));
        entry.given_up = Some(Duration::from_mins(1));
        let said = "its session did not respond for 1m and was killed; its steps are stopped, and Reset is run";
        assert_eq!(entry.process_died(at(1)), said);
    }

    #[test]
    fn a_process_that_can_not_be_made_is_tried_again_until_reset_has_taken_too_long() {
        let mut entry = session(Reset::Needed(1));
        entry.process_died(at(1));
        let error = io::Error::from_raw_os_error(libc::EAGAIN);
        for second in 1..31 {
            assert_eq!(entry.due(at(second)), Some(Due::Reset(1)));
            entry.reset_is_tried(at(second));
            entry.reset_failed(&error, at(second));
            assert_eq!(entry.due(at(second)), None);
        }
        let told = format!(
            "its session died; cannot create a process: {error}; its steps were stopped, but its Reset was not run"
        );
        assert_eq!(entry.due(at(31)), Some(Due::Nothing(told)));
    }

    #[test]
    fn a_reset_whose_process_dies_before_it_begins_is_run_by_another_and_else_not_again() {
        let mut entry = session(Reset::Needed(1));
        entry.process_died(at(1));
        entry.reset_is_tried(at(1));
        entry.pid = Some(8);
        assert_eq!(entry.due(at(1)), None, "it is at work");
        let said = "its clean-up process died; its steps are stopped, and Reset is run";
        assert_eq!(entry.process_died(at(2)), said);
        assert_eq!(entry.due(at(2)), None, "it may have lacked something");
        assert_eq!(entry.due(at(3)), Some(Due::Reset(1)));
        entry.pid = Some(9);
        entry.reset = Reset::Begun;
        entry.process_died(at(4));
        let Some(Due::Nothing(told)) = entry.due(at(4)) else { panic!("{entry:?}") };
        assert!(told.ends_with("; its steps were stopped, and its Reset is not run again"), "{told}");
    }
}
