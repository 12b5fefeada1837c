//! The core of a session: what a player does for one worker. It is pure: it takes events and the time, and returns
//! actions.
//!
//! It owns no socket, process, clock or file. It decides when each step runs, what the end of a step means, whether a
//! step has taken too long, and that Reset runs if the conductor is gone.

mod awaiting;
mod event;
mod orphan;
mod running;
mod steps;
#[cfg(test)]
mod tests;
mod work;

use std::rc::Rc;
use std::time::Duration;

use super::note::Note;
use crate::model::{LONGEST_LEASE, Phase, PhaseId, PlayerTime, StepId};
use crate::wait::Wait;
use crate::wire::{ConductorMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage, StepMessage};
use event::Turn;
pub use event::{NotStarted, SessionAction, SessionEvent};
use running::Running;
use work::{State, Work};

/// The maximum delay before a phase starts or workers continue after a barrier. A longer one is due to a wrong clock.
const FARTHEST: Duration = Duration::from_secs(30);

/// The state of a session. By default it has no plan and no lease, and ends only when the conductor says so.
#[derive(Debug, Default)]
pub struct Session {
    pub(super) plan: Option<Rc<PlanMessage>>,
    /// The plan that replaces `plan` once the current phase and the Reset after it have ended.
    next_plan: Option<Box<PlanMessage>>,
    /// The player's incarnation, for a session that begins with a conductor's `hello`.
    incarnation: Option<String>,
    stage: Stage,
    /// How long the conductor may be silent, and when it was last heard from, if the session has a lease.
    lease: Option<(Duration, PlayerTime)>,
    /// The deadline for the plan. Heartbeats alone do not keep the player reserved.
    plan_by: Option<PlayerTime>,
    /// Why the session is orphaned, if it is.
    orphaned: Option<String>,
    /// Whether the conductor of an orphaned session may still reconnect and ask for its results.
    pub(super) may_come_back: bool,
    /// Whether the session ends when its lease expires, without waiting for a reconnection, because its player serves
    /// only this session.
    pub(super) ends_with_lease: bool,
    reset_limit: Option<Duration>,
    /// The steps that have started and have not ended, including spawned ones.
    works: Vec<Work>,
    /// The spawned steps that have ended.
    ended: Vec<Ended>,
    /// The trial in which something was started since the last Reset.
    touched: Option<u32>,
    /// The last phase that was started. No phase is started twice, whatever the conductor sends.
    begun: Option<PhaseId>,
    /// The labels of the steps that failed in that phase, once it has ended.
    failed: Vec<String>,
}

/// A spawned step that has ended.
#[derive(Debug)]
struct Ended {
    trial: u32,
    label: String,
    /// The `await:` steps whose lines it has printed.
    printed: Vec<StepId>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Armed(PhaseId),
    Running(Running),
    /// All processes are being stopped; then this trial, or the session if there is none, ends.
    Sweeping(Option<u32>),
    Finished,
}

impl Session {
    /// Creates a session whose conductor may be silent for `lease`, starting now.
    pub fn with_lease(lease: Duration, now: PlayerTime) -> Self {
        let plan_by = Some(now.plus(Wait::Plan.time()));
        Self { lease: Some((lease.min(LONGEST_LEASE), now)), plan_by, ..Self::default() }
    }

    /// Sets the incarnation of the player.
    #[must_use]
    pub fn of(self, incarnation: String) -> Self {
        Self { incarnation: Some(incarnation), ..self }
    }

    /// Creates a session that runs the Reset of a session whose process died in this trial.
    pub fn for_reset(plan: PlanMessage, trial: u32) -> Self {
        Self { plan: Some(Rc::new(plan)), touched: Some(trial), ..Self::default() }
    }

    /// Returns the plan, if there is one.
    pub fn plan(&self) -> Option<&PlanMessage> {
        self.plan.as_deref()
    }

    /// Returns a step of the plan.
    pub fn step(&self, id: StepId) -> Option<&StepMessage> {
        self.plan.as_ref()?.step(id)
    }

    /// Whether the session has ended.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Finished)
    }

    /// Returns the steps whose processes can be started by the next message of the conductor: the first steps of the
    /// armed phase, or those after the barrier at which the session waits.
    pub fn awaited(&self) -> Vec<StepId> {
        let (Some(plan), None) = (&self.plan, &self.orphaned) else { return Vec::new() };
        let mut open = self.works.iter().filter(|work| !work.is_spawned);
        let is_at_barrier = open.next().is_some_and(|work| work.state == State::AtBarrier) && open.next().is_none();
        match &self.stage {
            Stage::Armed(id) => running::together(plan, *id, 0),
            Stage::Running(running) if is_at_barrier && !running.skips() => {
                running::together(plan, running.id, running.position)
            }
            _ => Vec::new(),
        }
    }

    /// Returns when the session has to handle [`SessionEvent::Tick`].
    pub fn next_deadline(&self) -> Option<PlayerTime> {
        let phase = if let Stage::Running(running) = &self.stage { running.limit } else { None };
        let works = self.works.iter().filter_map(Work::deadline);
        works.chain(phase.map(|(_, end)| end)).chain(self.lease_end()).min()
    }

    /// Handles an event and returns the resulting actions.
    pub fn handle(&mut self, event: SessionEvent, now: PlayerTime) -> Vec<SessionAction> {
        let mut turn = Turn { now, actions: Vec::new() };
        match event {
            SessionEvent::Message(message) => self.message(message, &mut turn),
            SessionEvent::Started(message) => self.started(message, &mut turn),
            SessionEvent::NotStarted(key, NotStarted { why, may_work_later }) => {
                // Reset must run even if earlier steps have used up some resource.
                let reset =
                    self.work(key).filter(|work| may_work_later && key.phase == Phase::Reset && !work.is_spawned);
                if !reset.is_some_and(|work| work.try_again(&why, now)) {
                    let end = StepEndedMessage::new(key, OutcomeMessage::NotStarted { why });
                    self.process_ended(end, None, &mut turn);
                }
            }
            SessionEvent::Ended(end, at) => self.process_ended(end, Some(at), &mut turn),
            SessionEvent::TransferEnded { key, outcome, at } => {
                if self.work(key).is_some_and(|work| work.state == State::Transferring) {
                    self.wait_ended(key, outcome, at, &mut turn);
                }
            }
            SessionEvent::Printed { by, awaiting, at } => self.printed(by, awaiting, at, &mut turn),
            SessionEvent::Swept(warnings) => self.swept(warnings, &mut turn),
            SessionEvent::Orphaned { reason, reset_limit } => self.orphan(reason, reset_limit, &mut turn),
            SessionEvent::Tick => {}
        }
        self.keep_lease(&mut turn);
        self.advance(&mut turn);
        turn.actions
    }

    fn message(&mut self, message: ConductorMessage, turn: &mut Turn) {
        match message {
            ConductorMessage::Plan(plan) if plan.incarnation.is_some() && plan.incarnation != self.incarnation => {
                self.orphan("its plan was made for an earlier start of the player".to_owned(), None, turn);
            }
            ConductorMessage::Plan(plan) if self.orphaned.is_none() => self.next_plan = Some(plan),
            ConductorMessage::Arm(phase) if self.is_between_phases() && self.plan.is_some() => self.arm(phase, turn),
            ConductorMessage::Go { phase, at } => {
                if matches!(self.stage, Stage::Armed(armed) if armed == phase) {
                    self.begin(phase, at.map(PlayerTime::from_nanoseconds), turn);
                }
            }
            ConductorMessage::Stop(phase) => self.stop_phase(phase, turn),
            ConductorMessage::Release { step, at } => {
                let at = at.map(PlayerTime::from_nanoseconds).filter(|at| at.since(turn.now) <= FARTHEST);
                self.released(step, at, turn);
            }
            ConductorMessage::FailBarrier { step, why } => {
                if self.work(step).is_some_and(|work| work.state == State::AtBarrier) {
                    self.wait_ended(step, OutcomeMessage::Unfulfilled { why }, turn.now, turn);
                }
            }
            ConductorMessage::EndTrial { trial } if self.is_between_phases() => {
                self.sweep(Some(trial), turn);
            }
            ConductorMessage::Bye if self.is_between_phases() && !self.has_to_clean_up() => {
                self.stage = Stage::Finished;
                turn.push(SessionAction::Finish);
            }
            ConductorMessage::Bye => self.orphan("the conductor ended the session".to_owned(), None, turn),
            // The other messages are ignored in this stage; a Rust conductor never sends them here. Messages about
            // files are handled elsewhere.
            ConductorMessage::Plan(_)
            | ConductorMessage::Arm(_)
            | ConductorMessage::EndTrial { .. }
            | ConductorMessage::File(_)
            | ConductorMessage::FileEnded(_)
            | ConductorMessage::FileTaken { .. }
            | ConductorMessage::Unknown => {}
        }
    }

    /// Adopts the plan that the conductor has sent, unless the Reset of the previous plan is still due.
    fn take_plan(&mut self, turn: &mut Turn) {
        if !self.is_between_phases() || self.has_to_clean_up() || self.orphaned.is_some() {
            return;
        }
        let Some(plan) = self.next_plan.take() else { return };
        if let Some((lease, _)) = &mut self.lease {
            *lease = Duration::from_nanos(plan.lease).min(LONGEST_LEASE);
        }
        self.plan_by = None;
        self.plan = Some(Rc::from(plan));
        // An armed phase would be one of the previous plan.
        self.stage = Stage::Idle;
        turn.send(PlayerMessage::PlanTaken);
        self.arm_for_what_follows(self.begun.map_or(0, |begun| begun.trial), None, turn);
    }

    fn is_between_phases(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Armed(_))
    }

    fn arm(&mut self, phase: PhaseId, turn: &mut Turn) {
        self.stage = Stage::Armed(phase);
        turn.send(PlayerMessage::Armed(phase));
    }

    /// Reports the end of a phase that has no running steps.
    fn end_phase(&mut self, phase: PhaseId, turn: &mut Turn) {
        self.stage = Stage::Idle;
        turn.send(PlayerMessage::PhaseEnded(phase));
    }

    /// Arms the next phase of the plan without being asked, which saves a round trip. The conductor can still ask for
    /// another phase. After Reset, the trial must end first.
    fn arm_for_what_follows(&mut self, trial: u32, phase: Option<Phase>, turn: &mut Turn) {
        let Some(plan) = self.plan.as_ref().filter(|_| self.orphaned.is_none()) else { return };
        let later = plan.phases.iter().copied().find(|later| Some(*later) > phase);
        let next = match later {
            Some(later) if phase.is_some() => Some((trial, later)),
            _ if phase == Some(Phase::Reset) => None,
            _ => plan.phases.first().filter(|_| trial < plan.trials).map(|first| (trial + 1, *first)),
        };
        if let Some((trial, phase)) = next {
            self.arm(PhaseId { trial, phase }, turn);
        }
    }

    fn begin(&mut self, id: PhaseId, at: Option<PlayerTime>, turn: &mut Turn) {
        let Some(plan) = &self.plan else { return };
        if self.begun >= Some(id) {
            return self.end_phase(id, turn);
        }
        self.begun = Some(id);
        let most = self.reset_limit.unwrap_or(Duration::MAX).min(Duration::from_nanos(plan.reset_timeout));
        let limit = (id.phase == Phase::Reset).then(|| (most, turn.now.plus(most)));
        if id.phase == Phase::Reset {
            self.touched = None;
            turn.push(SessionAction::Report(Note::ResetBegun));
        }
        // A start this far in the future is due to a wrong clock.
        let at = at.filter(|at| at.since(turn.now) <= FARTHEST);
        self.stage = Stage::Running(Running::new(id, at, limit));
    }

    /// Stops a phase. One that has not started has nothing to stop; it can still start later, because Reset may be
    /// needed. A running Reset is not stopped.
    fn stop_phase(&mut self, phase: PhaseId, turn: &mut Turn) {
        match &mut self.stage {
            Stage::Armed(armed) if *armed == phase => self.end_phase(phase, turn),
            Stage::Running(running) if running.id == phase && !running.is_reset() => {
                self.stop_steps(None, &OutcomeMessage::Stopped, turn);
            }
            _ => {}
        }
    }
}
