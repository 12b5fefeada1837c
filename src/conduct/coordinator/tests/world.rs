//! A small world for the coordinator: a plan, workers that answer like players, and what was reported.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::conduct::coordinator::{Action, Coordinator, Input};
use crate::conduct::event::{Command, ConnectionEvent, End};
use crate::conduct::testing::start_at;
use crate::model::{
    ClockAnchor, Conclusion, ConductorTime, Ending, Event, Measured, Mode, Outcome, Phase, PhaseId, Plan,
    PlayerDescription, StepId, StepResult, WorkerId,
};

/// The reason why players leave in these tests.
pub(super) const LEAVES: &str = "the player was shut down";

/// A worker, as seen by the coordinator.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Player {
    /// The events that it will report, in order.
    pub(super) says: VecDeque<ConnectionEvent>,
    /// How often it was told to close.
    pub(super) closed: usize,
    /// Whether it has reported its last event.
    pub(super) over: bool,
    /// Whether it was connected.
    pub(super) begun: bool,
    /// The phase that was armed and has not ended.
    phase: Option<PhaseId>,
    /// The point whose plan it has.
    point: Option<crate::model::PointId>,
    /// Whether it no longer answers, though it was not closed.
    pub(super) mute: bool,
    /// The barrier at which it waits.
    at_barrier: Option<StepId>,
    /// Whether its connection is broken.
    pub(super) broken: bool,
    /// How many Resets it has completed.
    pub(super) resets: usize,
    /// Whether it received `go`.
    gone: bool,
    /// The trial in which something was started since its last Reset.
    touched: Option<u32>,
    /// Whether it leaves by itself.
    pub(super) leaves: bool,
    /// Whether it runs its Reset by itself.
    own_reset: bool,
}

/// Everything around a coordinator.
pub(super) struct World {
    pub(super) plan: Arc<Plan>,
    pub(super) coordinator: Coordinator,
    pub(super) players: Vec<Player>,
    pub(super) now: ConductorTime,
    pub(super) reports: Vec<Event>,
    pub(super) conclusion: Option<Conclusion>,
    /// Whether a check is running.
    pub(super) checking: bool,
    pub(super) stopped_checks: usize,
    /// The trial whose metrics are being measured.
    pub(super) measuring: Option<u32>,
    /// The result of measuring them.
    pub(super) measured: Vec<Measured>,
    /// What was said about Resets that workers ran by themselves: their steps, and their ends.
    pub(super) own_steps: Vec<(WorkerId, StepId)>,
    pub(super) own_resets: Vec<(WorkerId, u32)>,
    /// How a step ends.
    pub(super) outcome: fn(WorkerId, StepId) -> Outcome,
}

impl World {
    pub(super) fn new(plan: Plan, skip_unreachable: bool) -> Self {
        let plan = Arc::new(plan);
        let now = ConductorTime::from_nanoseconds(1_000);
        let anchor = ClockAnchor { conductor: now, utc: SystemTime::UNIX_EPOCH };
        Self {
            coordinator: Coordinator::new(Arc::clone(&plan), skip_unreachable, anchor),
            players: plan.workers.iter().map(|_| Player::default()).collect(),
            plan,
            now,
            reports: Vec::new(),
            conclusion: None,
            checking: false,
            stopped_checks: 0,
            measuring: None,
            measured: Vec::new(),
            own_steps: Vec::new(),
            own_resets: Vec::new(),
            outcome: |_, _| Outcome::Passed,
        }
    }

    pub(super) fn give(&mut self, input: Input) {
        let actions = self.coordinator.handle(input, self.now);
        for action in actions {
            assert!(self.conclusion.is_none(), "{action:?} after the end");
            match action {
                Action::Connect(worker) => {
                    let player = &mut self.players[worker.0];
                    assert!(!player.begun || player.over || player.closed > 0, "connected twice");
                    // Events that an earlier session had not reported yet are dropped.
                    *player = Player { begun: true, resets: player.resets, ..Player::default() };
                    let description = PlayerDescription::Session {
                        version: "1".to_owned(),
                        host: "h".to_owned(),
                        system: None,
                        kernel: None,
                    };
                    player.says.push_back(ConnectionEvent::Connected(description));
                }
                Action::Command(worker, command) => self.command(worker, command),
                Action::Check(_) => self.checking = true,
                Action::StopCheck => self.stopped_checks += 1,
                Action::Measure => {
                    self.measuring = self.reports.iter().rev().find_map(|event| match event {
                        Event::TrialStarted { trial, .. } => Some(*trial),
                        _ => None,
                    });
                }
                Action::StopMeasuring => self.measuring = None,
                Action::Report(event) => {
                    if let Event::RunEnded { conclusion } = &event {
                        self.conclusion = Some(conclusion.clone());
                    }
                    self.reports.push(event);
                }
            }
        }
    }

    /// Makes a worker run its steps from this one on, up to the next barrier or the end of the phase.
    fn go_on(&mut self, worker: WorkerId, from: StepId) {
        let StepId { trial, phase, position } = from;
        let player = &mut self.players[worker.0];
        player.touched = Some(trial).filter(|_| phase != Phase::Reset);
        for (position, step) in self.plan.worker_in(trial, worker).steps[phase].iter().enumerate().skip(position) {
            let place = StepId { trial, phase, position };
            if let crate::model::Action::Barrier(_) = step.action {
                player.says.push_back(ConnectionEvent::BarrierReached(place, Duration::ZERO));
                if player.leaves && phase == Phase::Reset {
                    // It knows by itself that no other worker arrives there.
                    let never = StepResult::without_output(Outcome::Unfulfilled(LEAVES.to_owned()));
                    player.says.push_back(ConnectionEvent::StepEnded(place, never));
                    continue;
                }
                player.at_barrier = Some(place);
                return;
            }
            let outcome = if step.mode == Mode::Spawn { Outcome::Spawned } else { (self.outcome)(worker, place) };
            player.says.push_back(ConnectionEvent::StepStarted(place, start_at(self.now)));
            player.says.push_back(ConnectionEvent::StepEnded(place, StepResult::without_output(outcome)));
        }
        player.says.push_back(ConnectionEvent::PhaseEnded(from.phase_id()));
    }

    /// Ends a worker's wait at a barrier.
    fn met(&mut self, worker: WorkerId, place: StepId, failed: Option<&String>) {
        let player = &mut self.players[worker.0];
        if player.at_barrier.take_if(|at| *at == place).is_none() {
            return;
        }
        let StepId { phase, position, .. } = place;
        let outcome = failed.cloned().map_or(Outcome::Passed, Outcome::Unfulfilled);
        player.says.push_back(ConnectionEvent::StepEnded(place, StepResult::without_output(outcome)));
        if failed.is_none() || phase == Phase::Reset {
            return self.go_on(worker, StepId { position: position + 1, ..place });
        }
        for position in position + 1..self.plan.worker_in(place.trial, worker).steps[phase].len() {
            let result = StepResult::without_output(Outcome::Skipped(None));
            player.says.push_back(ConnectionEvent::StepEnded(StepId { position, ..place }, result));
        }
        player.says.push_back(ConnectionEvent::PhaseEnded(place.phase_id()));
    }

    /// Makes a worker that waits at a barrier withdraw.
    pub(super) fn withdraw(&mut self, worker: usize) {
        if let Some(place) = self.players[worker].at_barrier {
            self.players[worker].says.push_back(ConnectionEvent::Withdraw(place));
        }
    }

    fn command(&mut self, worker: WorkerId, command: Command) {
        let count = |phase| self.plan.worker(worker).steps[phase].len();
        let player = &mut self.players[worker.0];
        assert!(player.closed == 0 || command == Command::Abandon, "{command:?} after the end of a session");
        let may_be_told = matches!(command, Command::FailBarrier(..) | Command::Release(..) | Command::Abandon);
        if player.leaves && !may_be_told {
            // A command to a player that leaves crosses its announcement, and is ignored.
            return;
        }
        match command {
            Command::Plan(point) => {
                assert_eq!(player.phase, None, "a plan comes between trials");
                player.point = Some(point);
                player.says.push_back(ConnectionEvent::PlanTaken);
            }
            Command::Arm(phase) => {
                assert_eq!(player.phase, None, "armed twice");
                (player.phase, player.gone) = (Some(phase), false);
                player.says.push_back(ConnectionEvent::Armed(phase, Duration::ZERO));
            }
            Command::Go(phase, _) => {
                assert_eq!(player.phase, Some(phase));
                assert_eq!(player.point, Some(self.plan.point_of(phase.trial)), "it has the plan of the trial's point");
                player.gone = true;
                self.go_on(worker, phase.step(0));
            }
            Command::Release(place, _) => self.met(worker, place, None),
            Command::FailBarrier(place, why) => self.met(worker, place, Some(&why)),
            Command::Stop(phase) => {
                player.at_barrier = None;
                // The player may report the end of the phase twice; it must count once.
                let said = player.says.iter().any(|event| matches!(event, ConnectionEvent::PhaseEnded(_)));
                if !said && player.phase == Some(phase) {
                    player.says.push_back(ConnectionEvent::PhaseEnded(phase));
                }
            }
            Command::EndTrial(trial) => {
                let place = StepId { trial, phase: Phase::Startup, position: count(Phase::Startup) - 1 };
                let result = StepResult::without_output(Outcome::Failed(Ending::Signal(15)));
                player.says.push_back(ConnectionEvent::SpawnedEnded(place, result));
                player.says.push_back(ConnectionEvent::TrialEnded(trial));
            }
            Command::Bye => {
                player.closed += 1;
                player.says.push_back(ConnectionEvent::Ended(End::closed()));
            }
            Command::Abandon => {
                assert!(!player.over || player.closed == 0);
                player.closed += 1;
                player.says.clear();
                player.says.push_back(ConnectionEvent::Ended(End::closed()));
                player.mute = false;
            }
        }
    }

    /// Makes a worker report its next event. Returns whether there was one.
    pub(super) fn speak(&mut self, worker: usize) -> bool {
        let player = &mut self.players[worker];
        if player.mute || player.over || player.broken {
            return false;
        }
        let Some(event) = player.says.pop_front() else {
            return false;
        };
        match &event {
            ConnectionEvent::PhaseEnded(PhaseId { trial, phase }) => {
                player.phase = None;
                player.resets += usize::from(*phase == Phase::Reset);
                if *phase == Phase::Reset && player.leaves {
                    self.own_resets.extend(Some((WorkerId(worker), *trial)).filter(|_| player.own_reset));
                    player.says.push_back(ConnectionEvent::Ended(End::lost("it left")));
                }
            }
            ConnectionEvent::StepEnded(place, _) if place.phase == Phase::Reset && player.own_reset => {
                self.own_steps.push((WorkerId(worker), *place));
            }
            ConnectionEvent::Ended(_) => player.over = true,
            _ => {}
        }
        self.give(Input::Connection(WorkerId(worker), event));
        true
    }

    /// Ends the check, if one is running. Returns whether one was.
    pub(super) fn check_ends(&mut self, outcome: Outcome) -> bool {
        let checking = std::mem::take(&mut self.checking);
        if checking {
            self.give(Input::Checked(outcome.into()));
        }
        checking
    }

    /// Ends the measurement, if one is in progress. Returns whether one was.
    pub(super) fn measuring_ends(&mut self) -> bool {
        let measuring = self.measuring.take();
        if let Some(trial) = measuring {
            self.give(Input::Measured(trial, self.measured.clone()));
        }
        measuring.is_some()
    }

    /// Makes a worker's player leave, after or before the events that it has yet to report.
    pub(super) fn leave(&mut self, worker: usize, after: bool) {
        let plan = Arc::clone(&self.plan);
        let player = &mut self.players[worker];
        if !player.begun || player.over || player.mute || player.leaves || player.closed > 0 {
            return;
        }
        player.leaves = true;
        let connected = player.says.iter().position(|event| matches!(event, ConnectionEvent::Connected(_)));
        let first = connected.map_or(0, |position| position + 1);
        let place = if after { player.says.len() } else { first };
        player.says.insert(place, ConnectionEvent::Leaving(LEAVES.to_owned()));
        // A running Reset continues; any other running phase ends with the steps that have begun.
        let in_reset = player.phase.is_some_and(|id| id.phase == Phase::Reset) && player.gone;
        if in_reset {
            if let Some(place) = player.at_barrier {
                self.met(WorkerId(worker), place, Some(&LEAVES.to_owned()));
            }
            return;
        }
        player.at_barrier = None;
        let due = player.touched.filter(|_| plan.has(Phase::Reset));
        let says_end = |event: &ConnectionEvent| matches!(event, ConnectionEvent::PhaseEnded(_));
        if let Some(phase) = player.phase.filter(|_| player.gone && !player.says.iter().any(says_end)) {
            player.says.push_back(ConnectionEvent::PhaseEnded(phase));
        }
        match due {
            Some(trial) => {
                player.own_reset = true;
                self.go_on(WorkerId(worker), StepId { trial, phase: Phase::Reset, position: 0 });
            }
            None => player.says.push_back(ConnectionEvent::Ended(End::lost("it left"))),
        }
    }

    /// Breaks a worker's connection, or restores it.
    pub(super) fn set_broken(&mut self, worker: usize, broken: bool) {
        let player = &mut self.players[worker];
        let connected = !player.says.iter().any(|event| matches!(event, ConnectionEvent::Connected(_)));
        if player.begun && !player.over && connected && std::mem::replace(&mut player.broken, broken) != broken {
            let event = if broken {
                ConnectionEvent::Broken("cut".to_owned())
            } else {
                ConnectionEvent::Resumed(Duration::from_secs(1))
            };
            self.give(Input::Connection(WorkerId(worker), event));
        }
    }

    /// Ends a worker's connection without warning.
    pub(super) fn cut(&mut self, worker: usize, end: End) {
        let player = &mut self.players[worker];
        if player.begun && !player.over {
            player.over = true;
            player.says.clear();
            self.give(Input::Connection(WorkerId(worker), ConnectionEvent::Ended(end)));
        }
    }

    /// Advances the time to the next deadline. Returns whether there is one.
    pub(super) fn wait(&mut self) -> bool {
        let Some(deadline) = self.coordinator.next_deadline() else {
            return false;
        };
        self.now = self.now.max(deadline).plus(Duration::from_nanos(1));
        self.give(Input::Tick);
        true
    }

    /// Makes all workers report in turn until the run has ended.
    pub(super) fn finish(&mut self) -> Conclusion {
        while self.conclusion.is_none() {
            let mut spoke = false;
            for worker in 0..self.players.len() {
                spoke |= self.conclusion.is_none() && self.speak(worker);
            }
            spoke |= self.conclusion.is_none() && self.check_ends(Outcome::Passed);
            spoke |= self.conclusion.is_none() && self.measuring_ends();
            if !spoke && self.conclusion.is_none() {
                assert!(self.wait(), "waits for ever for {}", self.coordinator.waiting());
            }
        }
        self.conclusion.clone().unwrap()
    }

    /// Makes all workers report in turn until `seen` accepts a reported event.
    pub(super) fn until(&mut self, seen: impl Fn(&Event) -> bool) {
        while !self.reports.iter().any(&seen) {
            let spoke = (0..self.players.len()).any(|worker| self.speak(worker));
            assert!(spoke || self.wait(), "it was never reported");
        }
    }
}
