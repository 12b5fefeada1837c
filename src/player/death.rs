//! What is still to be done, and to be said, for a session whose process died. Pure.

use std::io;
use std::time::Duration;

use super::registry::{Registry, SessionEntry, Summary};
use crate::model::PlayerTime;
use crate::wait::Wait;

/// How long after a process could not be made it is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// A session whose process died.
#[derive(Debug)]
pub(super) struct Death {
    /// What happened, for people; and the same with what is done about it.
    how: String,
    said: String,
    /// When the next process for its Reset may be made.
    next: PlayerTime,
    /// When that is given up; known when it was tried.
    give_up: Option<PlayerTime>,
}

/// What is to be done for a dead session of which nothing runs any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A process is to run the Reset of this trial.
    Reset(u32),
    /// The same, but not yet.
    Later,
    /// Nothing; this is what became of it.
    Nothing(String),
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

    /// What is to be done for it, when nothing of it runs any more.
    pub(super) fn due(&self, now: PlayerTime) -> Option<Due> {
        let death = self.death.as_ref().filter(|_| self.pid.is_none())?;
        let how = &death.how;
        Some(match (self.reset_needed, self.reset_begun) {
            (None, true) => Due::Nothing(format!("{how}; its steps were ended, and its Reset is not run again")),
            (None, false) => Due::Nothing(format!("{how}; nothing had to be reset")),
            (Some(_), _) if death.give_up.is_some_and(|end| end <= now) => {
                Due::Nothing(format!("{how}; its steps were ended, but its Reset was not run"))
            }
            (Some(_), _) if now < death.next => Due::Later,
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
            assert_eq!(entry.due(at(second)), Some(Due::Later));
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
        assert_eq!(entry.due(at(2)), Some(Due::Later), "it may have lacked something");
        assert_eq!(entry.due(at(3)), Some(Due::Reset(1)));
        entry.pid = Some(9);
        (entry.reset_needed, entry.reset_begun) = (None, true);
        entry.process_died(at(4));
        let Some(Due::Nothing(told)) = entry.due(at(4)) else { panic!("{entry:?}") };
        assert!(told.ends_with("; its steps were ended, and its Reset is not run again"), "{told}");
    }
}
