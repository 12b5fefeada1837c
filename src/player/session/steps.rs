//! What a session does as its steps start and end, and how it goes on from there.

use std::time::Duration;

use super::event::{SessionAction, StepEnd, Turn};
use super::running::Running;
use super::work::Work;
use super::{Session, Stage};
use crate::model::{Phase, PlayerTime, StepId, nanoseconds};
use crate::wire::{ActionMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepStartedMessage};

impl Session {
    pub(super) fn started(
        &mut self,
        key: StepId,
        (at, late): (PlayerTime, Duration),
        pid: u32,
        streams: [u32; 2],
        turn: &mut Turn,
    ) {
        if let Some(work) = self.spawned.iter_mut().find(|work| work.key == key) {
            work.started(at, streams);
            turn.push(SessionAction::Spawned { key, pid });
            return;
        }
        let Stage::Running(running) = &mut self.stage else { return };
        running.instant = None;
        let Some(work) = running.work(key) else { return };
        if !work.started(at, streams) {
            return;
        }
        let [stdout, stderr] = streams;
        let (at, late) = (at.nanoseconds(), nanoseconds(late));
        let message = StepStartedMessage { step: key, at, late, pid, stdout, stderr };
        turn.send(PlayerMessage::StepStarted(message));
        if let Some(work) = Some(work.spawn).filter(|spawn| *spawn).and_then(|_| running.take(key)) {
            turn.push(SessionAction::Spawned { key, pid });
            turn.step_ended(key, StepEnd::of(OutcomeMessage::Spawned));
            self.spawned.push(work);
        }
    }

    /// A step's process is over: one that the phase waits for, or a spawned one.
    pub(super) fn process_ended(&mut self, key: StepId, end: StepEnd, at: Option<PlayerTime>, turn: &mut Turn) {
        if let Some(index) = self.spawned.iter().position(|work| work.key == key) {
            if let Some(end) = self.spawned[index].process_ended(end, at) {
                let work = self.spawned.swap_remove(index);
                if let (Stage::Running(running), true) = (&mut self.stage, end.outcome.is_failure()) {
                    running.failed_that_must_not(&work);
                }
                turn.spawned_ended(key, end);
                self.spawned_is_over(work, at, turn);
            }
        } else if let Stage::Running(running) = &mut self.stage {
            running.instant = None;
            running.process_ended(key, end, at, turn);
        }
    }

    fn spawned_is_over(&mut self, work: Work, at: Option<PlayerTime>, turn: &mut Turn) {
        if let (Stage::Running(running), Some(at)) = (&mut self.stage, at) {
            running.spawned_ended(work.key, at, turn);
        }
        self.ended.push((work.key.trial, work.label));
    }

    /// Does something to each spawned step; what is over by that is told.
    fn each_spawned(&mut self, turn: &mut Turn, mut act: impl FnMut(&mut Work, &mut Turn) -> bool) {
        for mut work in self.spawned.extract_if(.., |work| act(work, turn)).collect::<Vec<_>>() {
            turn.spawned_ended(work.key, work.wait_ended(OutcomeMessage::Stopped, turn.now));
            self.spawned_is_over(work, Some(turn.now), turn);
        }
    }

    pub(super) fn sweep(&mut self, trial: Option<u32>, turn: &mut Turn) {
        // The sweep ends their processes; this only says so of each.
        let mut stops = Turn { now: turn.now, actions: Vec::new() };
        self.each_spawned(turn, |work, _| work.stop(&OutcomeMessage::Stopped, &mut stops));
        self.stage = Stage::Sweeping { trial };
        turn.push(SessionAction::Sweep);
    }

    pub(super) fn swept(&mut self, warnings: Vec<String>, turn: &mut Turn) {
        let Stage::Sweeping { trial } = self.stage else { return };
        for text in warnings {
            turn.send(PlayerMessage::Warning { text });
        }
        // Whoever could not be stopped is told as stopped, with the warning above: its end will not be heard of.
        for work in std::mem::take(&mut self.spawned) {
            turn.spawned_ended(work.key, StepEnd::of(OutcomeMessage::Stopped));
        }
        self.ended.clear();
        if let Some(trial) = trial {
            self.stage = Stage::Idle;
            turn.send(PlayerMessage::TrialEnded { trial });
            self.arm_for_what_follows(trial, None, turn);
        } else {
            self.stage = Stage::Finished;
            self.summary(false).into_iter().for_each(|summary| turn.send(PlayerMessage::Left { summary }));
            turn.push(SessionAction::Finish);
        }
    }

    /// Goes on as far as it can without another event.
    pub(super) fn advance(&mut self, turn: &mut Turn) {
        self.each_spawned(turn, super::work::Work::time_passed);
        if let (Stage::Running(running), Some(plan)) = (&mut self.stage, &self.plan) {
            running.time_passed(turn);
            let touched = &mut self.touched;
            while let Some((key, step)) = running.begin_next(plan, turn) {
                let Some(action) = &step.action else {
                    touch(key, plan, touched, turn);
                    turn.push(SessionAction::Start { key, at: running.instant, behind: None });
                    continue;
                };
                running.instant = None;
                match action {
                    ActionMessage::Stop { label } => {
                        stop_spawned(&mut self.spawned, &self.ended, (key, label.as_str()), running, turn);
                        continue;
                    }
                    ActionMessage::Barrier { .. } => turn.send(PlayerMessage::BarrierReached(key)),
                    ActionMessage::Fetch { .. } | ActionMessage::Put { .. } if self.orphaned.is_none() => {
                        touch(key, plan, touched, turn);
                        turn.push(SessionAction::Transfer(key));
                    }
                    ActionMessage::Fetch { .. } | ActionMessage::Put { .. } => {}
                }
                if let Some(reason) = &self.orphaned {
                    running.go_on_alone(reason, turn);
                }
            }
            let (id, stopped) = (running.id, running.stopping);
            if running.is_over(plan.steps(id.phase).len()) {
                self.failed = std::mem::take(&mut running.failed);
                self.end_phase(id, turn);
                if !stopped {
                    self.arm_for_what_follows(id.trial, Some(id.phase), turn);
                }
            }
        }
        if matches!(self.stage, Stage::Idle) && self.orphaned.is_some() {
            self.clean_up(turn);
        }
    }
}

/// From now on there is something that Reset undoes.
fn touch(key: StepId, plan: &PlanMessage, touched: &mut Option<u32>, turn: &mut Turn) {
    let is_new = key.phase != Phase::Reset && touched.replace(key.trial) != Some(key.trial);
    if is_new && plan.phases.contains(&Phase::Reset) {
        turn.push(SessionAction::ResetNeeded { trial: key.trial });
    }
}

/// Stops the spawned step of this label that was started last. One that is over already needs no stop.
fn stop_spawned(
    spawned: &mut [Work],
    ended: &[(u32, String)],
    (key, label): (StepId, &str),
    running: &mut Running,
    turn: &mut Turn,
) {
    if let Some(target) = spawned.iter_mut().rev().find(|work| work.key.trial == key.trial && work.label == label) {
        target.stop(&OutcomeMessage::Stopped, turn);
        if let Some(work) = running.work(key) {
            work.wait_for(target.key, turn.now);
        }
        return;
    }
    let outcome = if ended.iter().any(|(trial, of)| *trial == key.trial && of == label) {
        OutcomeMessage::Exit { status: 0 }
    } else {
        OutcomeMessage::Unfulfilled { why: format!("no step `{label}` was spawned in this trial") }
    };
    running.wait_ended(key, outcome, turn.now, turn);
}
