//! One step that was begun and is not over: when it has taken too long, what its end means, and whether it is tried again.

use std::time::Duration;

use super::event::{SessionAction, StepEnd, StopWith, Streams, Turn};
use crate::model::{PlayerTime, StepId, nanoseconds};
use crate::wait::Wait;
use crate::wire::{ActionMessage, AttemptMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepMessage, bounds};

/// How long after a failed attempt the next one is made.
const AGAIN: Duration = Duration::from_millis(500);

/// What the step is at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Its process was asked for.
    Starting,
    /// Its process runs.
    Running,
    /// The next attempt is made then.
    Pausing(PlayerTime),
    /// It waits at the barrier of this name.
    AtBarrier(String),
    /// It waits for the end of this spawned step.
    Stopping(StepId),
    /// Its files are transferred.
    Transferring,
}

/// A step that was begun and is not over.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) key: StepId,
    /// The step's label, for `stop:`.
    pub(super) label: String,
    pub(super) spawn: bool,
    pub(super) parallel: bool,
    pub(super) must: bool,
    state: State,
    /// When it began: its first process, or its wait.
    began: Option<PlayerTime>,
    /// When its first process is given up that has not started, and how long the step may take. A process can be held up
    /// before it is its program, by a folder that is not answered for, or by somebody who stops it.
    start_by: Option<(PlayerTime, u64)>,
    limit: Option<Limit>,
    until: Option<Until>,
    /// Why its process could not be made last time, while that is tried again.
    lacks: Option<String>,
    /// How it ended, when that was our doing and its process is on its way out.
    ended_by_us: Option<OutcomeMessage>,
}

/// How long it may take, and how it ended when it took that long.
#[derive(Debug)]
struct Limit {
    time: Duration,
    outcome: OutcomeMessage,
}

/// How it is repeated.
#[derive(Debug)]
struct Until {
    limit: Duration,
    attempt: Option<Duration>,
    /// When the current attempt was started, and whether it was stopped for taking too long.
    started: Option<PlayerTime>,
    is_late: bool,
    attempts: Vec<AttemptMessage>,
    streams: Streams,
}

impl Work {
    /// A step that is begun now, and whose process is to start at this instant, if it has one.
    pub(super) fn new(
        key: StepId,
        step: &StepMessage,
        plan: &PlanMessage,
        (now, instant): (PlayerTime, Option<PlayerTime>),
    ) -> Self {
        let waiting = match &step.action {
            Some(ActionMessage::Barrier { name }) => Some(State::AtBarrier(name.clone())),
            Some(ActionMessage::Fetch { .. } | ActionMessage::Put { .. }) => Some(State::Transferring),
            Some(ActionMessage::Stop { .. }) | None => None,
        };
        let default = plan.step_timeout.filter(|_| !step.spawn && step.until.is_none());
        let limit = step.timeout.or(default).map(|after| Limit {
            time: Duration::from_nanos(after),
            outcome: if step.passes_at_limit {
                OutcomeMessage::Elapsed { after }
            } else {
                OutcomeMessage::TimedOut { after }
            },
        });
        let most = step.timeout.or(step.until.map(|until| until.limit)).or(plan.step_timeout);
        let given_up =
            |most| now.max(instant.unwrap_or(now)).plus(Wait::StepStart.time()).plus(Duration::from_nanos(most));
        let until = step.until.map(|until| Until {
            limit: Duration::from_nanos(until.limit),
            attempt: until.attempt.map(Duration::from_nanos),
            started: None,
            is_late: false,
            attempts: Vec::new(),
            streams: Streams::default(),
        });
        Self {
            key,
            label: step.label.clone(),
            spawn: step.spawn,
            parallel: step.parallel,
            must: step.must,
            began: waiting.as_ref().map(|_| now),
            start_by: most.map(|most| (given_up(most), most)),
            state: waiting.unwrap_or(State::Starting),
            limit,
            until,
            lacks: None,
            ended_by_us: None,
        }
    }

    /// It waits from now on for the end of a spawned step.
    pub(super) fn wait_for(&mut self, target: StepId, now: PlayerTime) {
        self.state = State::Stopping(target);
        self.began = Some(now);
    }

    /// Whether it waits at its barrier.
    pub(super) fn is_at_barrier(&self) -> bool {
        self.barrier().is_some()
    }

    /// The barrier at which it waits.
    pub(super) fn barrier(&self) -> Option<&str> {
        match &self.state {
            State::AtBarrier(name) => Some(name),
            _ => None,
        }
    }

    /// Whether its files are transferred.
    pub(super) fn transfers(&self) -> bool {
        self.state == State::Transferring
    }

    /// The spawned step whose end it waits for.
    pub(super) fn waits_for(&self) -> Option<StepId> {
        match self.state {
            State::Stopping(target) => Some(target),
            _ => None,
        }
    }

    /// When something of it is due.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let again = match self.state {
            State::Pausing(again) => Some(again),
            _ => None,
        };
        let limits = [self.start_end().map(|(end, _)| end), self.limit_end(), self.until_end(), self.attempt_end()];
        limits.into_iter().flatten().filter(|_| self.ended_by_us.is_none()).chain(again).min()
    }

    fn start_end(&self) -> Option<(PlayerTime, u64)> {
        self.start_by.filter(|_| self.state == State::Starting && self.began.is_none())
    }

    fn limit_end(&self) -> Option<PlayerTime> {
        Some(self.began?.plus(self.limit.as_ref()?.time))
    }

    fn until_end(&self) -> Option<PlayerTime> {
        Some(self.began?.plus(self.until.as_ref()?.limit))
    }

    fn attempt_end(&self) -> Option<PlayerTime> {
        let until = self.until.as_ref().filter(|until| !until.is_late)?;
        Some(until.started.filter(|_| self.state == State::Running)?.plus(until.attempt?))
    }

    /// Its process runs; whether that is its first.
    pub(super) fn started(&mut self, at: PlayerTime, numbers: [u32; 2]) -> bool {
        (self.state, self.lacks) = (State::Running, None);
        if let Some(until) = &mut self.until {
            (until.started, until.is_late, until.streams.numbers) = (Some(at), false, numbers);
        }
        self.began.replace(self.began.unwrap_or(at)).is_none()
    }

    /// Its process could not be made, for lack of something that may be there later: it is tried again, until its phase has
    /// taken too long. Not when it is to end anyway.
    pub(super) fn try_again(&mut self, why: &str, now: PlayerTime) -> bool {
        if self.ended_by_us.is_some() {
            return false;
        }
        (self.state, self.start_by) = (State::Pausing(now.plus(AGAIN)), None);
        self.lacks = Some(why.to_owned());
        true
    }

    /// Its process ended, or could not be made: the end of the step, unless another attempt will be made.
    pub(super) fn process_ended(&mut self, end: StepEnd, at: Option<PlayerTime>) -> Option<StepEnd> {
        let lengths = end.lengths;
        let (Some(until), Some(began), Some(at)) = (&mut self.until, self.began, at) else {
            return Some(self.over(end, at));
        };
        let started = until.started.unwrap_or(at);
        let outcome = match (until.is_late, until.attempt) {
            (true, Some(limit)) => OutcomeMessage::TimedOut { after: nanoseconds(limit) },
            _ => end.outcome.clone(),
        };
        let (after, duration) = (nanoseconds(started.since(began)), nanoseconds(at.since(started)));
        until.attempts.truncate(bounds::ATTEMPTS.most() - 1);
        until.attempts.push(AttemptMessage { after, duration, outcome: outcome.clone() });
        if self.ended_by_us.is_some() || !outcome.is_failure() {
            return Some(self.over(end, Some(at)));
        }
        until.streams.lengths = lengths;
        self.state = State::Pausing(at.plus(AGAIN));
        None
    }

    /// What it waited for came about, or never will.
    pub(super) fn wait_ended(&mut self, outcome: OutcomeMessage, at: PlayerTime) -> StepEnd {
        let lengths = self.until.as_ref().map(|until| until.streams.lengths).unwrap_or_default();
        self.over(StepEnd { lengths, ..StepEnd::of(outcome) }, Some(at))
    }

    fn over(&mut self, end: StepEnd, at: Option<PlayerTime>) -> StepEnd {
        let duration = self.began.zip(at).map(|(began, at)| at.since(began));
        let attempts = self.until.as_mut().map(|until| std::mem::take(&mut until.attempts)).unwrap_or_default();
        StepEnd { outcome: self.ended_by_us.take().unwrap_or(end.outcome), duration, attempts, ..end }
    }

    /// Ends it, because of this; the end of its process comes as an event. One that has no process is over at once.
    pub(super) fn stop(&mut self, outcome: &OutcomeMessage, turn: &mut Turn) -> bool {
        if self.ended_by_us.is_some() && !self.is_at_barrier() {
            return false;
        }
        let lacks = self.lacks.take();
        self.ended_by_us.get_or_insert_with(|| match lacks {
            Some(why) => {
                let why = format!("{why}; it was tried again until `reset_timeout` had passed");
                OutcomeMessage::NotStarted { why }
            }
            None => outcome.clone(),
        });
        if matches!(self.state, State::Starting | State::Running) {
            let is_elapsed = matches!(outcome, OutcomeMessage::Elapsed { .. });
            let with = if is_elapsed { StopWith::Interrupt } else { StopWith::Terminate };
            turn.push(SessionAction::Stop(self.key, with));
            return false;
        }
        if self.transfers() {
            turn.push(SessionAction::CancelTransfer(self.key));
        }
        true
    }

    /// Does what is due. Whether the step is over by that.
    pub(super) fn time_passed(&mut self, turn: &mut Turn) -> bool {
        let is_past = |end: Option<PlayerTime>| end.is_some_and(|end| end <= turn.now);
        if self.ended_by_us.is_none() {
            let limit = self.limit.as_ref().filter(|_| is_past(self.limit_end())).map(|limit| limit.outcome.clone());
            let until = self.until.as_ref().filter(|_| is_past(self.until_end()));
            let until = until.map(|until| OutcomeMessage::TimedOut { after: nanoseconds(until.limit) });
            let start = self.start_end().filter(|(end, _)| is_past(Some(*end)));
            let start = start.map(|(_, after)| OutcomeMessage::TimedOut { after });
            if let Some(outcome) = limit.or(until).or(start) {
                return self.too_late(outcome, turn);
            }
        }
        if is_past(self.attempt_end()) {
            turn.push(SessionAction::Stop(self.key, StopWith::Terminate));
            self.until.iter_mut().for_each(|until| until.is_late = true);
        }
        if let State::Pausing(again) = self.state
            && again <= turn.now
        {
            self.state = State::Starting;
            let behind = self.until.as_ref().filter(|until| until.started.is_some()).map(|until| until.streams);
            turn.push(SessionAction::Start { key: self.key, at: None, behind });
        }
        false
    }

    /// Who waits at a barrier asks to be let go: a release that is on its way wins.
    fn too_late(&mut self, outcome: OutcomeMessage, turn: &mut Turn) -> bool {
        if self.is_at_barrier() {
            turn.send(PlayerMessage::Withdraw(self.key));
            self.ended_by_us = Some(outcome);
            return false;
        }
        self.stop(&outcome, turn)
    }

    /// The release came after all.
    pub(super) fn released(&mut self, at: PlayerTime) -> StepEnd {
        self.ended_by_us = None;
        self.wait_ended(OutcomeMessage::Exit { status: 0 }, at)
    }
}
