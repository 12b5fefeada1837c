//! Simulates whole runs of the coordinator in simulated time, with players that behave like real ones and with injected
//! faults, to test what reports make of a run.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::conduct::coordinator::{Action, Coordinator, Input};
use crate::conduct::event::{Command, ConnectionEvent, End};
use crate::conduct::history::Resumption;
use crate::model::{
    Action as StepAction, Bound, ClockAnchor, ConductorTime, Ending, Event, Measured, Measurement, Outcome, PhaseId,
    Plan, PlannedStep, PlayerDescription, Source, Stamped, Step, StepId, StepReference, StepResult, Verdict, WorkerId,
};

/// How long a step runs by default.
const STEP: Duration = Duration::from_secs(1);
/// How long a message takes.
const WAY: Duration = Duration::from_millis(1);

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The step ends with this exit status.
    Fails(StepReference, i32),
    /// The step's process cannot be created.
    NotStarted(StepReference),
    /// The step runs for this long.
    Slow(StepReference, Duration),
    /// The spawned step ends with this exit status, this long after its start.
    Dies(StepReference, Duration, i32),
    /// Its worker is lost while the step runs.
    Loses(StepReference),
    /// The worker cannot be reached.
    Unreachable(WorkerId),
    /// The step's process starts this much later.
    Late(StepReference, Duration),
    /// The step's output cannot be kept.
    DiskFull(StepReference),
    /// `check` of this trial fails.
    Check(u32),
    /// The metrics of this worker in this trial have an unexpected value.
    Outside(u32, WorkerId),
    /// The metrics of this worker in this trial have no value.
    Unmeasured(u32, WorkerId),
    /// The run is interrupted this long after its start.
    Interrupt(Duration),
}

/// The result of a run.
pub(crate) struct Simulated {
    pub(crate) events: Vec<Stamped>,
    /// The faults that happened; others may have prevented the rest.
    pub(crate) came_to_pass: BTreeSet<Fault>,
    /// For each barrier's time limit that passed, the slow steps that had not ended then.
    pub(crate) gave_up: BTreeSet<BTreeSet<StepReference>>,
    /// For each step that was skipped by its player, the step that failed before it.
    pub(crate) skipped_for: BTreeMap<StepReference, StepReference>,
    pub(crate) verdict: Verdict,
}

/// Runs a plan with these faults.
pub(crate) fn simulate(plan: Plan, skip_unreachable: bool, faults: &BTreeSet<Fault>) -> Simulated {
    let now = ConductorTime::from_nanoseconds(1_000_000_000);
    let anchor = ClockAnchor { conductor: now, utc: SystemTime::UNIX_EPOCH };
    let plan = Arc::new(plan);
    let coordinator = Coordinator::new(Arc::clone(&plan), skip_unreachable, anchor);
    carry_out(plan, coordinator, now, faults, usize::MAX)
}

/// Continues a run, until this many events have happened.
pub(crate) fn simulate_rest(plan: Plan, resumption: Resumption, faults: &BTreeSet<Fault>, events: usize) -> Simulated {
    let (now, plan) = (resumption.last, Arc::new(plan));
    let coordinator = Coordinator::new(Arc::clone(&plan), false, resumption.anchor).resuming(resumption);
    carry_out(plan, coordinator, now, faults, events)
}

fn carry_out(
    plan: Arc<Plan>,
    coordinator: Coordinator,
    now: ConductorTime,
    faults: &BTreeSet<Fault>,
    events: usize,
) -> Simulated {
    let players = plan.workers.iter().map(|_| Player::default()).collect();
    let mut simulation = Simulation {
        plan,
        faults,
        coordinator,
        players,
        now,
        due: BTreeMap::new(),
        number: 0,
        simulated: Simulated {
            events: Vec::new(),
            came_to_pass: BTreeSet::new(),
            gave_up: BTreeSet::new(),
            skipped_for: BTreeMap::new(),
            verdict: Verdict::Passed,
        },
        is_over: false,
    };
    for fault in faults {
        if let Fault::Interrupt(after) = fault {
            simulation.later(*after, Due::Interrupt);
        }
    }
    simulation.give(Input::Start);
    simulation.run(events);
    simulation.simulated
}

/// An event that is due at its time.
#[derive(Debug)]
enum Due {
    /// A worker's player sends an event.
    Says(WorkerId, ConnectionEvent),
    /// The worker's current step ends, unless the worker is at another one by then.
    Ends(WorkerId, StepId, Outcome),
    /// A spawned step dies.
    Dies(WorkerId, StepId, i32),
    /// The worker's time limit at a barrier has passed.
    Withdraws(WorkerId, StepId),
    /// The worker begins the next step.
    Continues(WorkerId, StepId),
    /// The line for which the worker waits is printed.
    Printed(WorkerId, StepId),
    Interrupt,
    Checked(u32),
    Measured(u32),
}

/// A worker's player.
#[derive(Debug, Default)]
struct Player {
    /// The current step.
    at: Option<StepId>,
    phase: Option<PhaseId>,
    /// The `must:` step that failed, so that the rest is skipped.
    failed: Option<StepId>,
    spawned: BTreeSet<StepId>,
    withdrawn: bool,
    is_gone: bool,
}

struct Simulation<'a> {
    plan: Arc<Plan>,
    faults: &'a BTreeSet<Fault>,
    coordinator: Coordinator,
    players: Vec<Player>,
    now: ConductorTime,
    due: BTreeMap<(ConductorTime, u64), Due>,
    number: u64,
    simulated: Simulated,
    is_over: bool,
}

impl Simulation<'_> {
    fn run(&mut self, events: usize) {
        while !self.is_over && self.simulated.events.len() < events {
            let deadline = self.coordinator.next_deadline();
            let next = self.due.first_key_value().map(|((at, _), _)| *at);
            if let Some(deadline) = deadline.filter(|deadline| next.is_none_or(|next| *deadline < next)) {
                self.now = self.now.max(deadline).plus(Duration::from_nanos(1));
                self.give(Input::Tick);
                continue;
            }
            let ((at, _), due) = self.due.pop_first().expect("something happens, or is waited for");
            self.now = self.now.max(at);
            self.happens(due);
        }
    }

    /// Returns a value of each metric for each worker whose output it is read from.
    fn measured(&mut self, trial: u32) -> Vec<Measured> {
        let mut all = Vec::new();
        for metric in &Arc::clone(&self.plan).metrics {
            let Some(Source::Output(steps, _)) = &metric.source else { continue };
            for PlannedStep { worker, .. } in steps {
                let measurement = if self.comes_to_pass(&Fault::Unmeasured(trial, *worker)) {
                    Measurement::Missing("no number in the output".to_owned())
                } else if self.comes_to_pass(&Fault::Outside(trial, *worker)) {
                    Measurement::Value { value: 812.4, outside: true, missing: None }
                } else {
                    Measurement::Value { value: 941.2, outside: false, missing: None }
                };
                let (metric, unit) = (metric.name.clone(), metric.unit.clone());
                all.push(Measured { metric, worker: Some(*worker), unit, measurement });
            }
        }
        all
    }

    fn later(&mut self, after: Duration, due: Due) {
        self.number += 1;
        self.due.insert((self.now.plus(after), self.number), due);
    }

    fn says(&mut self, worker: WorkerId, event: ConnectionEvent) {
        self.later(WAY, Due::Says(worker, event));
    }

    fn give(&mut self, input: Input) {
        for action in self.coordinator.handle(input, self.now) {
            match action {
                Action::Connect(worker) => self.connect(worker),
                Action::Command(worker, command) => self.command(worker, command),
                Action::Check(trial) => self.later(STEP, Due::Checked(trial)),
                Action::Measure => {
                    let of_trial = |stamped: &&Stamped| matches!(stamped.event, Event::TrialStarted { .. });
                    let trials = self.simulated.events.iter().filter(of_trial).count();
                    self.later(STEP, Due::Measured(u32::try_from(trials).expect("few trials")));
                }
                Action::StopCheck | Action::StopMeasuring => {}
                Action::Report(event) => {
                    if let Event::RunEnded { conclusion } = &event {
                        self.is_over = true;
                        self.simulated.verdict = conclusion.verdict;
                    }
                    self.simulated.events.push(Stamped { at: self.now, event });
                }
            }
        }
    }

    fn connect(&mut self, worker: WorkerId) {
        self.players[worker.0] = Player::default();
        if self.comes_to_pass(&Fault::Unreachable(worker)) {
            let end = End::unreachable("connection refused");
            return self.says(worker, ConnectionEvent::Ended(end));
        }
        let (version, host) = ("1".to_owned(), "h".to_owned());
        self.says(
            worker,
            ConnectionEvent::Connected(PlayerDescription::Session { version, host, system: None, kernel: None }),
        );
    }

    /// Records that this fault happens, if it is to be injected. Returns whether it is.
    fn comes_to_pass(&mut self, fault: &Fault) -> bool {
        let is_put_in = self.faults.contains(fault);
        if is_put_in {
            self.simulated.came_to_pass.insert(fault.clone());
        }
        is_put_in
    }

    fn step(&self, worker: WorkerId, place: StepId) -> Option<Step> {
        self.plan.step(place.of(worker)).cloned()
    }

    fn command(&mut self, worker: WorkerId, command: Command) {
        let player = &mut self.players[worker.0];
        match command {
            _ if player.is_gone => {}
            Command::Plan(_) => self.says(worker, ConnectionEvent::PlanTaken),
            Command::Arm(phase) => self.says(worker, ConnectionEvent::Armed(phase, WAY)),
            Command::Go(phase, at) => {
                (player.phase, player.failed) = (Some(phase), None);
                self.later(at.since(self.now), Due::Continues(worker, phase.step(0)));
            }
            Command::Release(place, at) => {
                if player.at.take_if(|own| *own == place).is_some() {
                    self.ended(worker, place, Outcome::Passed);
                    self.later(at.since(self.now), Due::Continues(worker, next(place)));
                }
            }
            Command::FailBarrier(place, why) => {
                if player.at.take_if(|own| *own == place).is_some() {
                    let limit = match self.step(worker, place).and_then(|step| step.bound) {
                        Some(Bound::Timeout(limit)) if self.players[worker.0].withdrawn => Some(limit),
                        _ => None,
                    };
                    if limit.is_some() {
                        self.gave_up(place);
                    }
                    let outcome = limit.map_or(Outcome::Unfulfilled(why), Outcome::TimedOut);
                    self.ended(worker, place, outcome);
                    self.later(Duration::ZERO, Due::Continues(worker, next(place)));
                }
            }
            Command::Stop(phase) => {
                if player.phase.take_if(|own| *own == phase).is_some() {
                    let at = player.at.take();
                    self.stopped(worker, phase, at);
                }
            }
            Command::EndTrial(trial) => {
                for place in std::mem::take(&mut player.spawned) {
                    let result = StepResult::without_output(Outcome::Stopped);
                    self.says(worker, ConnectionEvent::SpawnedEnded(place, result));
                }
                self.says(worker, ConnectionEvent::TrialEnded(trial));
            }
            Command::Bye | Command::Abandon => {
                player.is_gone = true;
                self.later(WAY, Due::Says(worker, ConnectionEvent::Ended(End::closed())));
            }
        }
    }

    /// Records that the time limit of a barrier has passed: the first worker that says so ends it for all others.
    fn gave_up(&mut self, place: StepId) {
        let slow = |(worker, player): (usize, &Player)| {
            let step = player.at.filter(|_| !player.is_gone)?.of(WorkerId(worker));
            let is_slow = self.faults.iter().any(|fault| matches!(fault, Fault::Slow(slow, _) if *slow == step));
            is_slow.then_some(step)
        };
        let open: BTreeSet<_> = self.players.iter().enumerate().filter_map(slow).collect();
        assert!(!open.is_empty(), "somebody is slow where a time limit passes: {place:?}");
        self.simulated.gave_up.insert(open);
    }

    /// Stops the phase on a worker: the running step is stopped, the rest is skipped.
    fn stopped(&mut self, worker: WorkerId, phase: PhaseId, at: Option<StepId>) {
        let told = self.simulated.events.iter().filter_map(|stamped| match &stamped.event {
            Event::StepEnded { step, .. } if step.worker == worker => Some((step.trial, step.phase, step.position)),
            _ => None,
        });
        let told: BTreeSet<_> = told.collect();
        let on_the_way: BTreeSet<StepId> = self
            .due
            .values()
            .filter_map(|due| match due {
                Due::Says(own, ConnectionEvent::StepEnded(place, _)) if *own == worker => Some(*place),
                _ => None,
            })
            .collect();
        for position in 0..self.plan.worker(worker).steps[phase.phase].len() {
            let place = phase.step(position);
            if told.contains(&(phase.trial, phase.phase, position)) || on_the_way.contains(&place) {
                continue;
            }
            let outcome = if at == Some(place) { Outcome::Stopped } else { Outcome::Skipped(None) };
            self.says(worker, ConnectionEvent::StepEnded(place, StepResult::without_output(outcome)));
        }
        self.says(worker, ConnectionEvent::PhaseEnded(phase));
    }

    fn happens(&mut self, due: Due) {
        match due {
            Due::Says(worker, event) => self.give(Input::Connection(worker, event)),
            Due::Interrupt => {
                let fault = self.faults.iter().find(|fault| matches!(fault, Fault::Interrupt(_))).cloned();
                self.simulated.came_to_pass.extend(fault);
                self.give(Input::Interrupt(2));
            }
            Due::Checked(trial) => {
                let fails = self.comes_to_pass(&Fault::Check(trial));
                let outcome = if fails { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed };
                self.give(Input::Checked(outcome.into()));
            }
            Due::Measured(trial) => {
                let measured = self.measured(trial);
                self.give(Input::Measured(trial, measured));
            }
            Due::Continues(worker, place) => {
                let player = &self.players[worker.0];
                if !player.is_gone && player.phase == Some(place.phase_id()) {
                    self.begins(worker, place);
                }
            }
            Due::Ends(worker, place, outcome) => {
                let player = &mut self.players[worker.0];
                if !player.is_gone && player.at.take_if(|at| *at == place).is_some() {
                    self.ended(worker, place, outcome);
                    self.later(Duration::ZERO, Due::Continues(worker, next(place)));
                }
            }
            Due::Withdraws(worker, place) => {
                let player = &mut self.players[worker.0];
                if !player.is_gone && player.at == Some(place) {
                    player.withdrawn = true;
                    self.says(worker, ConnectionEvent::Withdraw(place));
                }
            }
            Due::Dies(worker, place, status) => self.dies(worker, place, status),
            Due::Printed(worker, place) => self.happens(Due::Ends(worker, place, Outcome::Passed)),
        }
    }
}

fn next(place: StepId) -> StepId {
    StepId { position: place.position + 1, ..place }
}
