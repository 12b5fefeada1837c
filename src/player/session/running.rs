//! A phase that is being run: which step is at work, what comes next, what has taken too long.

use std::time::Duration;

use super::{SessionAction, StepKey, ended_message};
use crate::model::{Phase, PlayerTime};
use crate::wire::{OutcomeMessage, StepMessage};

/// A phase that is being run.
#[derive(Debug)]
pub(super) struct Running {
    trial: u32,
    phase: Phase,
    /// The next step that was not begun.
    position: usize,
    /// When the first step is to start, until it was begun.
    instant: Option<PlayerTime>,
    current: Option<Current>,
    /// Whether the rest is to be skipped.
    stopping: bool,
    /// When the phase as a whole has taken too long, and how long that is.
    limit: Option<(Duration, PlayerTime)>,
    over_limit: bool,
}

/// The step that the phase waits for.
#[derive(Debug)]
struct Current {
    key: StepKey,
    /// Whether the phase waits only for its start.
    spawn: bool,
    started: Option<PlayerTime>,
    limit: Option<(Duration, PlayerTime)>,
    ended_by_us: Option<OutcomeMessage>,
}

impl Running {
    pub(super) fn new(
        trial: u32,
        phase: Phase,
        instant: Option<PlayerTime>,
        limit: Option<(Duration, PlayerTime)>,
    ) -> Self {
        Self { trial, phase, position: 0, instant, current: None, stopping: false, limit, over_limit: false }
    }

    /// When the step that is being begun has to start; the ones after it follow at once.
    pub(super) fn take_instant(&mut self) -> Option<PlayerTime> {
        self.instant.take()
    }

    pub(super) fn is(&self, trial: u32, phase: Phase) -> bool {
        (self.trial, self.phase) == (trial, phase)
    }

    pub(super) fn is_reset(&self) -> bool {
        self.phase == Phase::Reset
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn trial(&self) -> u32 {
        self.trial
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// When something of it has taken too long.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let phase = self.limit.filter(|_| !self.over_limit).map(|(_, at)| at);
        let current = self.current.as_ref().filter(|current| current.ended_by_us.is_none());
        let step = current.and_then(|current| current.limit).map(|(_, at)| at);
        phase.into_iter().chain(step).min()
    }

    /// Stops the step at work and skips the rest.
    pub(super) fn stop(&mut self, actions: &mut Vec<SessionAction>) {
        self.stopping = true;
        self.end_current(&OutcomeMessage::Stopped, actions);
    }

    /// Stops what has taken too long.
    pub(super) fn time_passed(&mut self, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        if let Some(current) = &self.current
            && let Some((after, at)) = current.limit
            && at <= now
        {
            self.end_current(&timed_out(after), actions);
        }
        if let Some((after, at)) = self.limit
            && at <= now
            && !self.over_limit
        {
            self.over_limit = true;
            self.stopping = true;
            self.end_current(&timed_out(after), actions);
        }
    }

    /// The next step to begin, if the phase can go on, and whether it is a spawned one.
    pub(super) fn next_step(
        &mut self,
        steps: &[StepMessage],
        actions: &mut Vec<SessionAction>,
    ) -> Option<(StepKey, bool)> {
        while self.current.is_none() {
            let step = steps.get(self.position)?;
            let key = StepKey { trial: self.trial, phase: self.phase, position: self.position };
            self.position += 1;
            if self.stopping {
                actions.push(ended_message(key, OutcomeMessage::Skipped, None, ([0; 2], false), false));
                continue;
            }
            self.current = Some(Current { key, spawn: step.spawn, started: None, limit: None, ended_by_us: None });
            return Some((key, step.spawn));
        }
        None
    }

    /// Whether every one of `steps` steps is over.
    pub(super) fn is_over(&self, steps: usize) -> bool {
        self.current.is_none() && self.position >= steps
    }

    /// The process of the step at work runs.
    pub(super) fn started(&mut self, key: StepKey, at: PlayerTime, limit: Option<Duration>) {
        if let Some(current) = self.current.as_mut().filter(|current| current.key == key) {
            current.started = Some(at);
            current.limit = limit.map(|limit| (limit, at.plus(limit)));
        }
    }

    /// The process of a spawned step runs, or can't: the phase waits for it no more.
    pub(super) fn spawned_is_up(&mut self, key: StepKey) {
        self.current.take_if(|current| current.key == key);
    }

    /// The step at work is over: how, and how long it took.
    pub(super) fn ended(
        &mut self,
        key: StepKey,
        outcome: &OutcomeMessage,
        at: Option<PlayerTime>,
    ) -> Option<(OutcomeMessage, Option<Duration>)> {
        let current = self.current.take_if(|current| current.key == key)?;
        let duration = current.started.zip(at).map(|(started, at)| at.since(started));
        Some((current.ended_by_us.unwrap_or_else(|| outcome.clone()), duration))
    }

    fn end_current(&mut self, outcome: &OutcomeMessage, actions: &mut Vec<SessionAction>) {
        if let Some(current) = &mut self.current
            && current.ended_by_us.is_none()
            && !current.spawn
        {
            current.ended_by_us = Some(outcome.clone());
            actions.push(SessionAction::Stop(current.key));
        }
    }
}

fn timed_out(after: Duration) -> OutcomeMessage {
    OutcomeMessage::TimedOut { after: u64::try_from(after.as_nanos()).unwrap_or(u64::MAX) }
}
