//! A step that has started and has not ended: its time limits, the meaning of its end, and its retries.

use std::time::Duration;

use rustix::process::Signal;

use super::event::{SessionAction, Turn};
use crate::model::{PlayerTime, StepId, nanoseconds};
use crate::wait::Wait;
use crate::wire::{
    ActionMessage, AttemptMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage, StepMessage, bounds,
};

/// The time between a failed attempt and the next one.
const AGAIN: Duration = Duration::from_millis(500);

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its process is being started.
    Starting,
    /// Its process runs.
    Running,
    /// The next attempt starts at this time.
    Pausing(PlayerTime),
    /// The step waits at its barrier.
    AtBarrier,
    /// The step waits for the end of this spawned step.
    Stopping(StepId),
    /// The step waits for a line of this spawned step.
    Awaiting(StepId),
    /// The step transfers files.
    Transferring,
}

/// A step that has started and has not ended.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) key: StepId,
    pub(super) step: StepMessage,
    /// Whether it runs in the background, so that its phase does not wait for it.
    pub(super) is_spawned: bool,
    /// The `await:` steps whose line this step has printed, including those that have not started.
    pub(super) printed: Vec<StepId>,
    pub(super) state: State,
    /// When it began: the start of its first process, or of its wait.
    began: Option<PlayerTime>,
    /// The deadline for the start of its first process, and the outcome if it is missed. A process can hang before
    /// exec, for example in a folder on a file server, or because somebody stops it.
    start_by: Option<(PlayerTime, OutcomeMessage)>,
    /// Its time limits, each with the outcome if it is exceeded.
    limits: Vec<(Duration, OutcomeMessage)>,
    until: Option<Until>,
    /// Why its process could not be created, while that is retried.
    lacks: Option<String>,
    /// The outcome, if the step was ended by us and its process has not ended yet.
    ended_by_us: Option<OutcomeMessage>,
}

/// The attempts of an `until:` step.
#[derive(Debug, Default)]
struct Until {
    /// The time limit of an attempt.
    limit: Option<Duration>,
    /// When the current attempt started. `is_late` says whether it was stopped because it took too long.
    started: Option<PlayerTime>,
    is_late: bool,
    attempts: Vec<AttemptMessage>,
    /// How much all attempts have printed.
    lengths: [u64; 2],
}

impl Work {
    /// Creates a step that begins now. If it has a process, the process is to start at `instant`.
    pub(super) fn new(
        key: StepId,
        step: &StepMessage,
        plan: &PlanMessage,
        instant: PlayerTime,
        now: PlayerTime,
    ) -> Self {
        let waiting = match &step.action {
            Some(ActionMessage::Barrier { .. }) => Some(State::AtBarrier),
            Some(ActionMessage::Fetch { .. } | ActionMessage::Put { .. }) => Some(State::Transferring),
            Some(ActionMessage::Stop { .. } | ActionMessage::Await { .. }) | None => None,
        };
        let timed_out = |after| match &step.action {
            Some(ActionMessage::Await { label, pattern }) => {
                let time = humantime::format_duration(Duration::from_nanos(after));
                let why = format!("step `{label}` printed no line that matches `{pattern}` within {time}");
                OutcomeMessage::Unfulfilled { why }
            }
            _ => OutcomeMessage::TimedOut { after },
        };
        let own = |after| if step.passes_at_limit { OutcomeMessage::Elapsed { after } } else { timed_out(after) };
        let default = plan.step_timeout.filter(|_| !step.spawn && step.until.is_none());
        let limit = step.timeout.or(default).map(|after| (Duration::from_nanos(after), own(after)));
        let until = step.until.map(|until| (Duration::from_nanos(until.limit), timed_out(until.limit)));
        let most = step.timeout.or(step.until.map(|until| until.limit)).or(plan.step_timeout);
        let start = now.max(instant).plus(Wait::StepStart.time());
        Self {
            key,
            step: step.clone(),
            is_spawned: false,
            printed: Vec::new(),
            began: waiting.map(|_| now),
            start_by: most.map(|most| (start.plus(Duration::from_nanos(most)), timed_out(most))),
            state: waiting.unwrap_or(State::Starting),
            limits: limit.into_iter().chain(until).collect(),
            until: step.until.map(|until| Until { limit: until.attempt.map(Duration::from_nanos), ..Until::default() }),
            lacks: None,
            ended_by_us: None,
        }
    }

    /// Makes the step wait from now on for something that a spawned step does.
    pub(super) fn wait(&mut self, state: State, now: PlayerTime) {
        (self.state, self.began) = (state, Some(now));
    }

    /// Returns when the step next needs attention.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let again = if let State::Pausing(again) = self.state { Some(again) } else { None };
        let limits = [self.limit().map(|(end, _)| end), self.attempt_end()];
        limits.into_iter().flatten().filter(|_| self.ended_by_us.is_none()).chain(again).min()
    }

    /// Returns when its time limit expires, and the outcome in that case.
    fn limit(&self) -> Option<(PlayerTime, &OutcomeMessage)> {
        if let Some(began) = self.began {
            let ends = self.limits.iter().map(|(limit, outcome)| (began.plus(*limit), outcome));
            return ends.min_by_key(|(end, _)| *end);
        }
        let (end, outcome) = self.start_by.as_ref().filter(|_| self.state == State::Starting)?;
        Some((*end, outcome))
    }

    fn attempt_end(&self) -> Option<PlayerTime> {
        let until = self.until.as_ref().filter(|until| !until.is_late && self.state == State::Running)?;
        Some(until.started?.plus(until.limit?))
    }

    /// Records that its process has started. Returns whether it is the first one.
    pub(super) fn started(&mut self, at: PlayerTime) -> bool {
        (self.state, self.lacks) = (State::Running, None);
        // A new attempt has printed nothing yet.
        self.printed.clear();
        if let Some(until) = &mut self.until {
            (until.started, until.is_late) = (Some(at), false);
        }
        self.began.replace(self.began.unwrap_or(at)).is_none()
    }

    /// Schedules another attempt to create its process, because a resource is lacking that may be available later. This
    /// is retried until the phase has taken too long. Returns false if the step is being ended anyway.
    pub(super) fn try_again(&mut self, why: &str, now: PlayerTime) -> bool {
        if self.ended_by_us.is_some() {
            return false;
        }
        (self.state, self.start_by) = (State::Pausing(now.plus(AGAIN)), None);
        self.lacks = Some(why.to_owned());
        true
    }

    /// Handles the end of its process, or that it could not be created. Returns the end of the step, unless there will
    /// be another attempt.
    pub(super) fn process_ended(&mut self, end: StepEndedMessage, at: Option<PlayerTime>) -> Option<StepEndedMessage> {
        let (Some(until), Some(began), Some(at)) = (&mut self.until, self.began, at) else {
            return Some(self.over(end, at));
        };
        let started = until.started.unwrap_or(at);
        let outcome = match (until.is_late, until.limit) {
            (true, Some(limit)) => OutcomeMessage::TimedOut { after: nanoseconds(limit) },
            _ => end.outcome.clone(),
        };
        let is_failure = outcome.is_failure();
        let (after, duration) = (nanoseconds(started.since(began)), nanoseconds(at.since(started)));
        until.attempts.truncate(bounds::ATTEMPTS.most() - 1);
        let [stdout, stderr] = until.lengths;
        until.attempts.push(AttemptMessage { after, duration, outcome, stdout, stderr });
        if self.ended_by_us.is_some() || !is_failure {
            return Some(self.over(end, Some(at)));
        }
        until.lengths = [end.stdout, end.stderr];
        self.state = State::Pausing(at.plus(AGAIN));
        None
    }

    /// Ends the step, because what it waited for has happened or will not happen.
    pub(super) fn wait_ended(&mut self, outcome: OutcomeMessage, at: PlayerTime) -> StepEndedMessage {
        let [stdout, stderr] = self.until.as_ref().map(|until| until.lengths).unwrap_or_default();
        self.over(StepEndedMessage { stdout, stderr, ..StepEndedMessage::new(self.key, outcome) }, Some(at))
    }

    fn over(&mut self, end: StepEndedMessage, at: Option<PlayerTime>) -> StepEndedMessage {
        let duration = self.began.zip(at).map(|(began, at)| nanoseconds(at.since(began)));
        let attempts = self.until.as_mut().map(|until| std::mem::take(&mut until.attempts)).unwrap_or_default();
        StepEndedMessage { outcome: self.ended_by_us.take().unwrap_or(end.outcome), duration, attempts, ..end }
    }

    /// Ends the step with this outcome. If it has a process, the end of the process is reported as an event; otherwise
    /// the step has ended, and this returns true.
    pub(super) fn stop(&mut self, outcome: &OutcomeMessage, turn: &mut Turn) -> bool {
        if self.ended_by_us.is_some() && self.state != State::AtBarrier {
            return false;
        }
        let lacks = self.lacks.take();
        self.ended_by_us.get_or_insert_with(|| match lacks {
            Some(why) => {
                let why = format!("{why}; it was retried until `reset_timeout` had passed");
                OutcomeMessage::NotStarted { why }
            }
            None => outcome.clone(),
        });
        if matches!(self.state, State::Starting | State::Running) {
            let is_elapsed = matches!(outcome, OutcomeMessage::Elapsed { .. });
            // A measurement whose time has passed may finish its output.
            let with = if is_elapsed { Signal::INT } else { Signal::TERM };
            turn.push(SessionAction::Stop(self.key, with));
            return false;
        }
        if self.state == State::Transferring {
            turn.push(SessionAction::CancelTransfer(self.key));
        }
        true
    }

    /// Does what is due. Returns whether the step has ended.
    pub(super) fn time_passed(&mut self, turn: &mut Turn) -> bool {
        if let Some((end, outcome)) = self.limit()
            && end <= turn.now
            && self.ended_by_us.is_none()
        {
            let outcome = outcome.clone();
            if self.state != State::AtBarrier {
                return self.stop(&outcome, turn);
            }
            // A release may be on its way; it takes precedence.
            turn.send(PlayerMessage::Withdraw(self.key));
            self.ended_by_us = Some(outcome);
            return false;
        }
        if self.attempt_end().is_some_and(|end| end <= turn.now) {
            turn.push(SessionAction::Stop(self.key, Signal::TERM));
            self.until.iter_mut().for_each(|until| until.is_late = true);
        }
        if let State::Pausing(again) = self.state
            && again <= turn.now
        {
            self.state = State::Starting;
            let again = self.until.as_ref().is_some_and(|until| until.started.is_some());
            turn.push(SessionAction::Start { key: self.key, at: None, again });
        }
        false
    }

    /// Ends the barrier: its release has arrived, even if late.
    pub(super) fn released(&mut self, at: PlayerTime) -> StepEndedMessage {
        self.ended_by_us = None;
        self.wait_ended(OutcomeMessage::Exit { status: 0 }, at)
    }
}
