//! What a session does as its steps start and end, and how it goes on from there.

use std::time::Duration;

use super::event::{SessionAction, StepEnd, StepKey};
use super::running::{Begun, Running};
use super::work::{Next, Work};
use super::{Session, Stage};
use crate::model::{Phase, PlayerTime, nanoseconds};
use crate::wire::{OutcomeMessage, PlanMessage, PlayerMessage, StepStartedMessage};

impl Session {
    pub(super) fn started(
        &mut self,
        key: StepKey,
        (at, late): (PlayerTime, Duration),
        pid: u32,
        streams: [u32; 2],
        actions: &mut Vec<SessionAction>,
    ) {
        if let Some(work) = self.spawned.iter_mut().find(|work| work.key == key) {
            work.started(at, streams);
            actions.push(SessionAction::Spawned { key, pid });
            return;
        }
        let Stage::Running(running) = &mut self.stage else { return };
        running.instant_is_over();
        let Some(work) = running.work(key) else { return };
        if !work.started(at, streams) {
            return;
        }
        let [stdout, stderr] = streams;
        let (at, late) = (at.nanoseconds(), nanoseconds(late));
        let message = StepStartedMessage { step: key, at, late, pid, stdout, stderr };
        actions.push(SessionAction::Send(PlayerMessage::StepStarted(message)));
        if let Some(work) = Some(work.spawn).filter(|spawn| *spawn).and_then(|_| running.take(key)) {
            actions.push(SessionAction::Spawned { key, pid });
            actions.push(StepEnd::of(OutcomeMessage::Spawned).told(key, false));
            self.spawned.push(work);
        }
    }

    /// A step's process is over: one that the phase waits for, or a spawned one.
    pub(super) fn process_ended(
        &mut self,
        key: StepKey,
        end: StepEnd,
        at: Option<PlayerTime>,
        actions: &mut Vec<SessionAction>,
    ) {
        if let Some(index) = self.spawned.iter().position(|work| work.key == key) {
            if let Next::Over(end) = self.spawned[index].process_ended(end, at) {
                let work = self.spawned.swap_remove(index);
                if let (Stage::Running(running), true) = (&mut self.stage, end.outcome.is_failure()) {
                    running.failed_that_must_not(&work);
                }
                actions.push(end.told(key, true));
                self.spawned_is_over(work, at, actions);
            }
        } else if let Stage::Running(running) = &mut self.stage {
            running.instant_is_over();
            running.process_ended(key, end, at, actions);
        }
    }

    fn spawned_is_over(&mut self, work: Work, at: Option<PlayerTime>, actions: &mut Vec<SessionAction>) {
        if let (Stage::Running(running), Some(at)) = (&mut self.stage, at) {
            running.spawned_ended(work.key, at, actions);
        }
        self.ended.push((work.key.trial, work.label));
    }

    /// Does something to each spawned step; what is over by that is told.
    fn each_spawned(
        &mut self,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
        mut act: impl FnMut(&mut Work, &mut Vec<SessionAction>) -> bool,
    ) {
        for mut work in Work::extract(&mut self.spawned, |work| act(work, actions)) {
            actions.push(work.wait_ended(OutcomeMessage::Stopped, now).told(work.key, true));
            self.spawned_is_over(work, Some(now), actions);
        }
    }

    pub(super) fn sweep(&mut self, trial: Option<u32>, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        // The sweep ends their processes; this only says so of each.
        let mut stops = Vec::new();
        self.each_spawned(now, actions, |work, _| work.stop(&OutcomeMessage::Stopped, &mut stops));
        self.stage = Stage::Sweeping { trial };
        actions.push(SessionAction::Sweep);
    }

    pub(super) fn swept(&mut self, warnings: Vec<String>, actions: &mut Vec<SessionAction>) {
        let Stage::Sweeping { trial } = self.stage else { return };
        for text in warnings {
            actions.push(SessionAction::Send(PlayerMessage::Warning { text }));
        }
        // Whoever could not be stopped is told as stopped, with the warning above: its end will not be heard of.
        for work in std::mem::take(&mut self.spawned) {
            actions.push(StepEnd::of(OutcomeMessage::Stopped).told(work.key, true));
        }
        self.ended.clear();
        if let Some(trial) = trial {
            self.stage = Stage::Idle;
            actions.push(SessionAction::Send(PlayerMessage::TrialEnded { trial }));
            self.arm_for_what_follows(trial, None, actions);
        } else {
            self.stage = Stage::Finished;
            actions.extend(self.summary(false).map(|summary| SessionAction::Send(PlayerMessage::Left { summary })));
            actions.push(SessionAction::Finish);
        }
    }

    /// Goes on as far as it can without another event.
    pub(super) fn advance(&mut self, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        self.each_spawned(now, actions, |work, actions| work.time_passed(now, actions));
        if let (Stage::Running(running), Some(plan)) = (&mut self.stage, &self.plan) {
            running.time_passed(now, actions);
            let touched = &mut self.touched;
            while let Some(begun) = running.begin_next(plan, now, actions) {
                match begun {
                    Begun::Waiting => {
                        if let Some(reason) = &self.orphaned {
                            running.go_on_alone(reason, now, actions);
                        }
                    }
                    Begun::Process(key) => {
                        touch(key, plan, touched, actions);
                        actions.push(SessionAction::Start { key, at: running.instant(), behind: None });
                    }
                    Begun::Transfer(key) => match &self.orphaned {
                        None => {
                            touch(key, plan, touched, actions);
                            actions.push(SessionAction::Transfer(key));
                        }
                        Some(reason) => running.go_on_alone(reason, now, actions),
                    },
                    Begun::Stop(key, label) => {
                        stop_spawned(&mut self.spawned, &self.ended, (key, &label), running, now, actions);
                    }
                }
            }
            let (id, stopped) = (running.id(), running.is_stopping());
            if running.is_over(plan.steps(id.phase).len()) {
                self.failed = running.failed();
                self.end_phase(id, actions);
                if !stopped {
                    self.arm_for_what_follows(id.trial, Some(id.phase), actions);
                }
            }
        }
        if matches!(self.stage, Stage::Idle) && self.orphaned.is_some() {
            self.clean_up(now, actions);
        }
    }
}

/// From now on there is something that Reset undoes.
fn touch(key: StepKey, plan: &PlanMessage, touched: &mut Option<u32>, actions: &mut Vec<SessionAction>) {
    let is_new = key.phase != Phase::Reset && touched.replace(key.trial) != Some(key.trial);
    if is_new && plan.phases.contains(&Phase::Reset.into()) {
        actions.push(SessionAction::ResetNeeded { trial: key.trial });
    }
}

/// Stops the spawned step of this label that was started last. One that is over already needs no stop.
fn stop_spawned(
    spawned: &mut [Work],
    ended: &[(u32, String)],
    (key, label): (StepKey, &str),
    running: &mut Running,
    now: PlayerTime,
    actions: &mut Vec<SessionAction>,
) {
    if let Some(target) = spawned.iter_mut().rev().find(|work| work.key.trial == key.trial && work.label == label) {
        target.stop(&OutcomeMessage::Stopped, actions);
        if let Some(work) = running.work(key) {
            work.wait_for(target.key, now);
        }
        return;
    }
    let outcome = if ended.iter().any(|(trial, of)| *trial == key.trial && of == label) {
        OutcomeMessage::Exit { status: 0 }
    } else {
        OutcomeMessage::Unfulfilled { why: format!("no step `{label}` was spawned in this trial") }
    };
    running.wait_ended(key, outcome, now, actions);
}
