//! The session's core: what a player does for one worker. Pure: it takes events and the time, and returns actions.
//!
//! It owns no socket, process, clock or file. It decides which step runs when, what a step's end means, when a step has
//! taken too long, and that Reset runs when the conductor is gone.

mod event;
mod orphan;
mod running;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::model::{Phase, PlayerTime};
use crate::wire::{ConductorMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage, StepStartedMessage};
pub use event::{SessionAction, SessionEvent, StepKey};
use running::Running;

/// How far away an instant may be at which a phase is to start.
const FARTHEST: Duration = Duration::from_secs(30);

/// What a player does for one worker.
#[derive(Debug, Default)]
pub struct Session {
    plan: Option<PlanMessage>,
    /// The player's incarnation, for a session that begins with a conductor's `hello`.
    incarnation: Option<String>,
    stage: Stage,
    /// How long the conductor may be silent, and when it was last heard of; for a session that has one.
    lease: Option<(Duration, PlayerTime)>,
    /// Why nobody listens any more, once nobody does.
    orphaned: Option<String>,
    /// Whether it may still come back.
    may_come_back: bool,
    reset_limit: Option<Duration>,
    spawned: Vec<Spawned>,
    /// The trial in which something was started since the last Reset.
    touched: Option<u32>,
    /// The phase that was begun last. None is begun twice, whatever a conductor says.
    begun: Option<(u32, Phase)>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Armed {
        trial: u32,
        phase: Phase,
    },
    Running(Running),
    /// Everything is being stopped; then the trial, or the session, is over.
    Sweeping {
        trial: Option<u32>,
    },
    Finished,
}

#[derive(Debug)]
struct Spawned {
    key: StepKey,
    started: Option<PlayerTime>,
    stopped: bool,
}

impl Session {
    /// One that has no plan yet, and no lease: it ends when it is told to.
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose conductor may be silent for so long, from now on.
    pub fn with_lease(lease: Duration, now: PlayerTime) -> Self {
        Self { lease: Some((lease, now)), ..Self::new() }
    }

    /// The same on a player of this incarnation.
    #[must_use]
    pub fn of(self, incarnation: String) -> Self {
        Self { incarnation: Some(incarnation), ..self }
    }

    /// One that takes over from a session that died in this trial, and runs its Reset.
    pub fn heir(plan: PlanMessage, trial: u32) -> Self {
        Self { plan: Some(plan), touched: Some(trial), ..Self::new() }
    }

    /// The plan, once there is one.
    pub fn plan(&self) -> Option<&PlanMessage> {
        self.plan.as_ref()
    }

    /// Whether Reset was the last phase that was begun.
    pub fn has_reset(&self) -> bool {
        self.begun.is_some_and(|(_, phase)| phase == Phase::Reset)
    }

    /// Why the session is on its own, if it is.
    pub fn orphaned(&self) -> Option<&str> {
        self.orphaned.as_deref()
    }

    /// Whether the session is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Finished)
    }

    /// When it wants to be told that time has passed.
    pub fn next_deadline(&self) -> Option<PlayerTime> {
        let phase = match &self.stage {
            Stage::Running(running) => running.deadline(),
            _ => None,
        };
        phase.into_iter().chain(self.lease_end()).min()
    }

    /// Takes an event and says what to do.
    pub fn handle(&mut self, event: SessionEvent, now: PlayerTime) -> Vec<SessionAction> {
        let mut actions = Vec::new();
        match event {
            SessionEvent::Message(message) => self.message(message, now, &mut actions),
            SessionEvent::Started { key, at, late, pid, streams } => {
                self.started(key, (at, late), pid, streams, &mut actions);
            }
            SessionEvent::NotStarted { key, why } => {
                self.ended(key, &OutcomeMessage::NotStarted { why }, None, ([0; 2], false), &mut actions);
            }
            SessionEvent::Ended { key, outcome, at, lengths, leaky } => {
                self.ended(key, &outcome, Some(at), (lengths, leaky), &mut actions);
            }
            SessionEvent::Swept { remaining } => self.swept(remaining, &mut actions),
            SessionEvent::Orphaned { reason, reset_limit } => self.orphan(reason, reset_limit, &mut actions),
            SessionEvent::Tick => {}
        }
        self.keep_lease(now, &mut actions);
        self.advance(now, &mut actions);
        actions
    }

    fn message(&mut self, message: ConductorMessage, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        match message {
            ConductorMessage::Plan(plan) if plan.incarnation.is_some() && plan.incarnation != self.incarnation => {
                self.orphan("its plan was made for a player that is gone".to_owned(), None, actions);
            }
            ConductorMessage::Plan(plan) if self.plan.is_none() && self.orphaned.is_none() => {
                if let Some((lease, _)) = &mut self.lease {
                    *lease = Duration::from_nanos(plan.lease);
                }
                self.plan = Some(*plan);
                actions.push(SessionAction::Send(PlayerMessage::PlanTaken));
                self.arm_for_what_follows(0, None, actions);
            }
            ConductorMessage::Arm { trial, phase } if self.is_between_phases() && self.plan.is_some() => {
                self.stage = Stage::Armed { trial, phase: phase.into() };
                actions.push(SessionAction::Send(PlayerMessage::Armed { trial, phase }));
            }
            ConductorMessage::Go { trial, phase, at } => {
                let phase = phase.into();
                if matches!(self.stage, Stage::Armed { trial: t, phase: p } if (t, p) == (trial, phase)) {
                    self.begin(trial, phase, at.map(PlayerTime::from_nanoseconds), now, actions);
                }
            }
            ConductorMessage::Stop { trial, phase } => self.stop_phase(trial, phase.into(), actions),
            ConductorMessage::EndTrial { trial } if self.is_between_phases() => {
                self.sweep(Some(trial), actions);
            }
            ConductorMessage::Bye if self.is_between_phases() => {
                self.stage = Stage::Finished;
                actions.push(SessionAction::Finish);
            }
            ConductorMessage::Bye => self.orphan("the conductor left".to_owned(), None, actions),
            // What is left comes at a moment at which it means nothing; a conductor of ours never sends it then.
            ConductorMessage::Plan(_) | ConductorMessage::Arm { .. } | ConductorMessage::EndTrial { .. } => {}
        }
    }

    fn is_between_phases(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Armed { .. })
    }

    /// Gets ready for the phase that the plan has next, without being asked: what was asked for comes to the same, and
    /// costs a round trip. A conductor that wants another phase says so. After Reset the end of the trial comes first.
    fn arm_for_what_follows(&mut self, trial: u32, phase: Option<Phase>, actions: &mut Vec<SessionAction>) {
        let Some(plan) = self.plan.as_ref().filter(|_| self.orphaned.is_none()) else { return };
        let later = plan.phases.iter().copied().find(|later| Some(Phase::from(*later)) > phase);
        let next = match later {
            Some(later) if phase.is_some() => Some((trial, later)),
            _ if phase == Some(Phase::Reset) => None,
            _ => plan.phases.first().filter(|_| trial < plan.trials).map(|first| (trial + 1, *first)),
        };
        if let Some((trial, phase)) = next {
            self.stage = Stage::Armed { trial, phase: phase.into() };
            actions.push(SessionAction::Send(PlayerMessage::Armed { trial, phase }));
        }
    }

    fn begin(
        &mut self,
        trial: u32,
        phase: Phase,
        at: Option<PlayerTime>,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) {
        let Some(plan) = &self.plan else { return };
        if self.begun >= Some((trial, phase)) {
            let phase = phase.into();
            actions.push(SessionAction::Send(PlayerMessage::PhaseEnded { trial, phase }));
            self.stage = Stage::Idle;
            return;
        }
        self.begun = Some((trial, phase));
        let most = self.reset_limit.unwrap_or(Duration::MAX).min(Duration::from_nanos(plan.reset_timeout));
        let limit = (phase == Phase::Reset).then(|| (most, now.plus(most)));
        if phase == Phase::Reset {
            self.touched = None;
            actions.push(SessionAction::ResetBegun);
        }
        // An instant that far away is the error of a clock; whoever is to start together with it would wait as long.
        let at = at.filter(|at| at.since(now) <= FARTHEST);
        self.stage = Stage::Running(Running::new(trial, phase, at, limit));
    }

    /// A phase that was not begun has nothing to stop, and can still be begun: its Reset may be needed. A Reset that was
    /// begun is not stopped.
    fn stop_phase(&mut self, trial: u32, phase: Phase, actions: &mut Vec<SessionAction>) {
        match &mut self.stage {
            Stage::Armed { trial: t, phase: p } if (*t, *p) == (trial, phase) => {
                let phase = phase.into();
                actions.push(SessionAction::Send(PlayerMessage::PhaseEnded { trial, phase }));
                self.stage = Stage::Idle;
            }
            Stage::Running(running) if running.is(trial, phase) && phase != Phase::Reset => running.stop(actions),
            _ => {}
        }
    }

    fn started(
        &mut self,
        key: StepKey,
        (at, late): (PlayerTime, Duration),
        pid: u32,
        [stdout, stderr]: [u32; 2],
        actions: &mut Vec<SessionAction>,
    ) {
        let StepKey { trial, phase, position } = key;
        let phase = phase.into();
        let (step, late) = (position, u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
        let at_nanoseconds = at.nanoseconds();
        let message = StepStartedMessage { trial, phase, step, at: at_nanoseconds, late, pid, stdout, stderr };
        actions.push(SessionAction::Send(PlayerMessage::StepStarted(message)));
        if let Some(spawned) = self.spawned.iter_mut().find(|spawned| spawned.key == key) {
            spawned.started = Some(at);
            actions.push(ended_message(key, OutcomeMessage::Spawned, None, ([0; 2], false), false));
            if let Stage::Running(running) = &mut self.stage {
                running.spawned_is_up(key);
            }
        } else if let Stage::Running(running) = &mut self.stage
            && let Some(plan) = &self.plan
        {
            running.started(key, at, limit_of(plan, key));
        }
    }

    fn ended(
        &mut self,
        key: StepKey,
        outcome: &OutcomeMessage,
        at: Option<PlayerTime>,
        left: ([u64; 2], bool),
        actions: &mut Vec<SessionAction>,
    ) {
        if let Some(index) = self.spawned.iter().position(|spawned| spawned.key == key) {
            let spawned = self.spawned.swap_remove(index);
            let was_up = spawned.started.is_some();
            let duration = spawned.started.zip(at).map(|(started, at)| at.since(started));
            let outcome = if spawned.stopped { OutcomeMessage::Stopped } else { outcome.clone() };
            actions.push(ended_message(key, outcome, duration, left, was_up));
            if let Stage::Running(running) = &mut self.stage {
                running.spawned_is_up(key);
            }
        } else if let Stage::Running(running) = &mut self.stage
            && let Some((outcome, duration)) = running.ended(key, outcome, at)
        {
            actions.push(ended_message(key, outcome, duration, left, false));
        }
    }

    fn sweep(&mut self, trial: Option<u32>, actions: &mut Vec<SessionAction>) {
        for spawned in &mut self.spawned {
            spawned.stopped = true;
        }
        self.stage = Stage::Sweeping { trial };
        actions.push(SessionAction::Sweep);
    }

    fn swept(&mut self, remaining: Vec<String>, actions: &mut Vec<SessionAction>) {
        let Stage::Sweeping { trial } = self.stage else { return };
        for text in remaining {
            actions.push(SessionAction::Send(PlayerMessage::Warning { text }));
        }
        // Whoever could not be stopped is told as stopped, with the warning above: its end will not be heard of.
        for spawned in std::mem::take(&mut self.spawned) {
            actions.push(ended_message(spawned.key, OutcomeMessage::Stopped, None, ([0; 2], true), true));
        }
        if let Some(trial) = trial {
            self.stage = Stage::Idle;
            actions.push(SessionAction::Send(PlayerMessage::TrialEnded { trial }));
            self.arm_for_what_follows(trial, None, actions);
        } else {
            self.stage = Stage::Finished;
            actions.push(SessionAction::Finish);
        }
    }

    /// Goes on as far as it can without another event.
    fn advance(&mut self, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        if let (Stage::Running(running), Some(plan)) = (&mut self.stage, &self.plan) {
            running.time_passed(now, actions);
            let steps = plan.steps(running.phase());
            while let Some((key, spawn)) = running.next_step(steps, actions) {
                if spawn {
                    self.spawned.push(Spawned { key, started: None, stopped: false });
                }
                if key.phase != Phase::Reset && self.touched.replace(key.trial) != Some(key.trial) {
                    actions.push(SessionAction::ResetNeeded { trial: key.trial });
                }
                actions.push(SessionAction::Start { key, at: running.take_instant() });
            }
            if running.is_over(steps.len()) {
                let (trial, phase, stopped) = (running.trial(), running.phase(), running.is_stopping());
                let ended = PlayerMessage::PhaseEnded { trial, phase: phase.into() };
                actions.push(SessionAction::Send(ended));
                self.stage = Stage::Idle;
                if !stopped {
                    self.arm_for_what_follows(trial, Some(phase), actions);
                }
            }
        }
        if matches!(self.stage, Stage::Idle) && self.orphaned.is_some() {
            self.clean_up(now, actions);
        }
    }
}

fn limit_of(plan: &PlanMessage, key: StepKey) -> Option<Duration> {
    let own = plan.steps(key.phase).get(key.position).and_then(|step| step.timeout);
    own.or(plan.step_timeout).map(Duration::from_nanos)
}

fn ended_message(
    key: StepKey,
    outcome: OutcomeMessage,
    duration: Option<Duration>,
    ([stdout, stderr], leaky): ([u64; 2], bool),
    spawned: bool,
) -> SessionAction {
    let StepKey { trial, phase, position } = key;
    let duration = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    let message =
        StepEndedMessage { trial, phase: phase.into(), step: position, outcome, duration, stdout, stderr, leaky };
    SessionAction::Send(if spawned { PlayerMessage::SpawnedEnded(message) } else { PlayerMessage::StepEnded(message) })
}
