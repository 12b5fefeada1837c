//! What a session does when steps begin, start and end, and how it continues after that.

use super::event::{SessionAction, Turn};
use super::work::{State, Work};
use super::{Ended, Session, Stage};
use crate::model::{Phase, PlayerTime, StepId, nanoseconds};
use crate::player::note::Note;
use crate::wire::{
    ActionMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage, StepMessage, StepStartedMessage,
};

impl Session {
    /// Returns a step that has started and has not ended.
    pub(super) fn work(&mut self, key: StepId) -> Option<&mut Work> {
        self.works.iter_mut().find(|work| work.key == key)
    }

    /// Records that the process of a step was started.
    pub(super) fn started(&mut self, message: StepStartedMessage, turn: &mut Turn) {
        let (key, pid) = (message.step, message.pid);
        let Some(work) = self.works.iter_mut().find(|work| work.key == key) else { return };
        let is_first = work.started(PlayerTime::from_nanoseconds(message.at));
        if work.is_spawned {
            return turn.push(SessionAction::Spawned { key, pid });
        }
        if let Stage::Running(running) = &mut self.stage {
            running.instant = None;
        }
        if is_first {
            turn.send(PlayerMessage::StepStarted(message));
            if work.step.spawn {
                work.is_spawned = true;
                turn.push(SessionAction::Spawned { key, pid });
                turn.send(PlayerMessage::StepEnded(StepEndedMessage::new(key, OutcomeMessage::Spawned)));
            }
        }
    }

    /// Handles the end of a step's process, or that it could not be created.
    pub(super) fn process_ended(&mut self, end: StepEndedMessage, at: Option<PlayerTime>, turn: &mut Turn) {
        let key = end.step;
        if let Stage::Running(running) = &mut self.stage
            && self.works.iter().any(|work| work.key == key && !work.is_spawned)
        {
            running.instant = None;
        }
        self.end_step(key, at.unwrap_or(turn.now), turn, |work| work.process_ended(end, at));
    }

    /// Ends a step if `end` returns its outcome.
    fn end_step(
        &mut self,
        key: StepId,
        at: PlayerTime,
        turn: &mut Turn,
        end: impl FnOnce(&mut Work) -> Option<StepEndedMessage>,
    ) {
        let Some(index) = self.works.iter().position(|work| work.key == key) else { return };
        if let Some(end) = end(&mut self.works[index]) {
            let work = self.works.remove(index);
            self.step_ended(work, end, at, turn);
        }
    }

    /// Ends a step, because what it waited for has happened or will not happen.
    pub(super) fn wait_ended(&mut self, key: StepId, outcome: OutcomeMessage, at: PlayerTime, turn: &mut Turn) {
        self.end_step(key, at, turn, |work| Some(work.wait_ended(outcome, at)));
    }

    /// Ends a barrier that was released; the next steps start at `at`.
    pub(super) fn released(&mut self, key: StepId, at: Option<PlayerTime>, turn: &mut Turn) {
        if let Stage::Running(running) = &mut self.stage
            && self.works.iter().any(|work| work.key == key && work.state == State::AtBarrier)
        {
            running.instant = at;
            let at = at.unwrap_or(turn.now);
            self.end_step(key, at, turn, |work| Some(work.released(at)));
        }
    }

    /// Records and reports the end of a step.
    fn step_ended(&mut self, work: Work, end: StepEndedMessage, at: PlayerTime, turn: &mut Turn) {
        if let (Stage::Running(running), true) = (&mut self.stage, end.outcome.is_failure()) {
            running.step_failed(&work);
        }
        if !work.is_spawned {
            return turn.send(PlayerMessage::StepEnded(end));
        }
        turn.send(PlayerMessage::SpawnedEnded(end));
        let waiting = self.works.iter().filter(|waiting| waiting.state == State::Stopping(work.key));
        for key in waiting.map(|waiting| waiting.key).collect::<Vec<_>>() {
            self.wait_ended(key, OutcomeMessage::Exit { status: 0 }, at, turn);
        }
        self.awaited_ended(&work, at, turn);
        let Work { key, step, printed, .. } = work;
        self.ended.push(Ended { trial: key.trial, label: step.label, printed });
    }

    /// Calls `act` for each spawned step, or each other step, and ends those for which it returns true.
    pub(super) fn each(&mut self, spawned: bool, turn: &mut Turn, mut act: impl FnMut(&mut Work, &mut Turn) -> bool) {
        let over = self.works.extract_if(.., |work| work.is_spawned == spawned && act(work, turn));
        for mut work in over.collect::<Vec<_>>() {
            let end = work.wait_ended(OutcomeMessage::Stopped, turn.now);
            self.step_ended(work, end, turn.now, turn);
        }
    }

    /// Stops the steps of the phase and skips the rest. `why` is the reason, if the conductor does not know it.
    pub(super) fn stop_steps(&mut self, why: Option<String>, outcome: &OutcomeMessage, turn: &mut Turn) {
        if let Stage::Running(running) = &mut self.stage {
            running.skip(why);
            running.is_stopped = true;
        }
        self.each(false, turn, |work, turn| work.stop(outcome, turn));
    }

    /// Fails transfers and barriers, which cannot succeed without a conductor.
    pub(super) fn go_on_alone(&mut self, why: &str, turn: &mut Turn) {
        let outcome = OutcomeMessage::Unfulfilled { why: why.to_owned() };
        let fails = |work: &Work| matches!(work.state, State::Transferring | State::AtBarrier);
        self.each(false, turn, |work, turn| fails(work) && work.stop(&outcome, turn));
    }

    pub(super) fn sweep(&mut self, trial: Option<u32>, turn: &mut Turn) {
        // The sweep ends their processes; this only reports each step.
        let mut stops = Turn { now: turn.now, actions: Vec::new() };
        self.each(true, turn, |work, _| work.stop(&OutcomeMessage::Stopped, &mut stops));
        self.stage = Stage::Sweeping(trial);
        turn.push(SessionAction::Sweep);
    }

    pub(super) fn swept(&mut self, warnings: Vec<String>, turn: &mut Turn) {
        let Stage::Sweeping(trial) = self.stage else { return };
        for text in warnings {
            turn.send(PlayerMessage::Warning { text });
        }
        // Steps that could not be stopped are reported as stopped, with the warning above: their end will not be
        // noticed.
        for work in std::mem::take(&mut self.works) {
            turn.send(PlayerMessage::SpawnedEnded(StepEndedMessage::new(work.key, OutcomeMessage::Stopped)));
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

    /// Continues as far as possible without another event.
    pub(super) fn advance(&mut self, turn: &mut Turn) {
        self.each(true, turn, Work::time_passed);
        self.each(false, turn, Work::time_passed);
        if let Some(plan) = self.plan.clone() {
            self.advance_phase(&plan, turn);
        }
        self.take_plan(turn);
        if matches!(self.stage, Stage::Idle) && self.orphaned.is_some() {
            self.clean_up(turn);
        }
    }

    fn advance_phase(&mut self, plan: &PlanMessage, turn: &mut Turn) {
        let Stage::Running(running) = &mut self.stage else { return };
        let phase = running.id;
        if let Some((limit, _)) = running.limit.take_if(|(_, end)| *end <= turn.now) {
            let why = format!("{} took longer than {}", phase.phase, humantime::format_duration(limit));
            self.stop_steps(Some(why), &OutcomeMessage::TimedOut { after: nanoseconds(limit) }, turn);
        }
        while let Some((key, step)) = self.begin_next(plan, turn) {
            self.begin_step(key, step, plan, turn);
        }
        let Stage::Running(running) = &mut self.stage else { return };
        if running.position >= plan.steps(phase.phase).len() && self.works.iter().all(|work| work.is_spawned) {
            self.failed = std::mem::take(&mut running.failed);
            let is_stopped = running.is_stopped;
            self.end_phase(phase, turn);
            if !is_stopped {
                self.arm_for_what_follows(phase.trial, Some(phase.phase), turn);
            }
        }
    }

    /// Returns the next step if it can start now. Skipped steps end immediately.
    fn begin_next<'a>(&mut self, plan: &'a PlanMessage, turn: &mut Turn) -> Option<(StepId, &'a StepMessage)> {
        let Stage::Running(running) = &mut self.stage else { return None };
        loop {
            let key = running.id.step(running.position);
            let step = plan.step(key)?;
            let mut open = self.works.iter().filter(|work| !work.is_spawned);
            if !open.all(|work| work.step.parallel && step.parallel && !running.skips()) {
                return None;
            }
            running.position += 1;
            if !running.skips() {
                self.works.push(Work::new(key, step, plan, running.instant.unwrap_or(turn.now), turn.now));
                return Some((key, step));
            }
            let why = running.skipped_for.clone();
            turn.send(PlayerMessage::StepEnded(StepEndedMessage::new(key, OutcomeMessage::Skipped { why })));
        }
    }

    fn begin_step(&mut self, key: StepId, step: &StepMessage, plan: &PlanMessage, turn: &mut Turn) {
        let Stage::Running(running) = &mut self.stage else { return };
        let at = running.instant.filter(|_| step.action.is_none());
        running.instant = at;
        match &step.action {
            None => {
                self.touch(key, plan, turn);
                turn.push(SessionAction::Start { key, at, again: false });
            }
            Some(ActionMessage::Stop { label }) => self.stop_spawned(key, label, turn),
            Some(ActionMessage::Await { label, pattern }) => self.await_line(key, label, pattern, turn),
            Some(ActionMessage::Barrier { .. }) => turn.send(PlayerMessage::BarrierReached(key)),
            Some(ActionMessage::Fetch { .. } | ActionMessage::Put { .. }) if self.orphaned.is_none() => {
                self.touch(key, plan, turn);
                turn.push(SessionAction::Transfer(key));
            }
            Some(ActionMessage::Fetch { .. } | ActionMessage::Put { .. }) => {}
        }
        if let Some(reason) = self.orphaned.clone() {
            self.go_on_alone(&reason, turn);
        }
    }

    /// Records that Reset has something to undo from now on.
    fn touch(&mut self, key: StepId, plan: &PlanMessage, turn: &mut Turn) {
        let is_new = key.phase != Phase::Reset && self.touched.replace(key.trial) != Some(key.trial);
        if is_new && plan.phases.contains(&Phase::Reset) {
            turn.push(SessionAction::Report(Note::ResetNeeded(key.trial)));
        }
    }

    /// Stops the last spawned step with this label. If it has already ended, there is nothing to stop.
    fn stop_spawned(&mut self, key: StepId, label: &str, turn: &mut Turn) {
        if let Some(target) = self.last_spawned(key.trial, label) {
            target.stop(&OutcomeMessage::Stopped, turn);
            let target = target.key;
            self.work(key).into_iter().for_each(|work| work.wait(State::Stopping(target), turn.now));
            return;
        }
        let outcome = match self.last_ended(key.trial, label) {
            Some(_) => OutcomeMessage::Exit { status: 0 },
            None => not_spawned(label),
        };
        self.wait_ended(key, outcome, turn.now, turn);
    }
}

/// Returns the outcome of a step that refers to a spawned step that does not exist.
pub(super) fn not_spawned(label: &str) -> OutcomeMessage {
    OutcomeMessage::Unfulfilled { why: format!("step `{label}` was not spawned in this trial") }
}
