//! The coordinator (pure): takes events with their times, and returns what to do.
//!
//! A run is a sequence of stages, and each stage waits for a set of workers ([`Coordinator::pending`]), each until its
//! limit. A worker that is lost leaves the set, so a stage ends when the set is empty, whatever happened to its
//! workers:
//!
//! ```text
//! Connecting → Planning → (Arming → Running)* → EndingTrial → Checking → Measuring → … → Leaving → Over
//! ```
//!
//! `stages` moves from stage to stage, `phase` handles a phase, `liveness` sets deadlines for workers and handles
//! broken connections, `departing` handles players that leave, `meeting` handles barriers, `judge` computes the
//! verdicts, `measuring` ends a trial with its metrics, `precision` adds trials until medians are precise enough,
//! `waiting` describes what the run waits for, `leaving` ends the run.

mod barriers;
mod departing;
mod interrupts;
mod judge;
mod lead;
mod leaving;
mod liveness;
mod measuring;
mod meeting;
mod phase;
mod precision;
mod stages;
#[cfg(test)]
pub(in crate::conduct) mod tests;
mod todo;
mod waiting;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Blame, ClockAnchor, ConductorTime, Event, Measured, Phase, PhaseId, Plan, PrintedVersion, WorkerId,
};

use super::event::{CheckEnd, Command, ConnectionEvent, End};
use super::history::Resumption;
use barriers::Barriers;
pub(super) use judge::{Judge, Past, how};
use lead::Lead;
use precision::Precision;
pub(super) use todo::Todo;
use worker::Worker;

/// An input of the coordinator: what happened.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The run begins.
    Start,
    /// A worker's connection reports an event.
    Connection(WorkerId, ConnectionEvent),
    /// The conductor received a signal to stop.
    Interrupt(i32),
    /// An output cannot be written any more.
    OutputFailed(String),
    /// The check of the trial has ended.
    Checked(CheckEnd),
    /// The metrics of this trial were measured.
    Measured(u32, Vec<Measured>),
    /// The conductor itself did not run for this long, until now.
    HeldUp(Duration),
    /// Time passed.
    Tick,
}

/// An output of the coordinator: what to do.
#[derive(Debug)]
pub(super) enum Action {
    /// Start to connect a worker.
    Connect(WorkerId),
    /// Send a command to a worker's connection.
    Command(WorkerId, Command),
    /// Start the check of this trial. Its end arrives as an input.
    Check(u32),
    /// Stop the check: its result is no longer needed.
    StopCheck,
    /// Start measuring the metrics of the trial. The result arrives as an input.
    Measure,
    /// Stop measuring: the result is no longer needed.
    StopMeasuring,
    /// Report an event to the outputs. [`Event::RunEnded`] is the last one.
    Report(Event),
}

/// What the coordinator waits for from the pending workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Their players' first answers.
    Connecting,
    /// The answers to the plan.
    Planning,
    /// Their readiness for the phase.
    Arming,
    /// The end of the phase.
    Running,
    /// The end of their spawned steps.
    EndingTrial,
    /// The end of the trial's check, in which no worker takes part.
    Checking,
    /// The metrics of the trial, in which no worker takes part.
    Measuring,
    /// The end of their connections.
    Leaving,
    /// Nothing: the run has ended.
    Over,
}

/// What remains to be run of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rest {
    /// Everything.
    All,
    /// Collect and Reset, because a step failed.
    CollectAndReset,
    /// Collect and Reset, because the run was interrupted: `on_interrupt = collect`.
    CollectAfterInterrupt,
    /// Reset, because the run was interrupted.
    ResetAlone,
}

/// Sequences the phases of a run.
#[derive(Debug)]
pub(super) struct Coordinator {
    plan: Arc<Plan>,
    skip_unreachable: bool,
    anchor: ClockAnchor,
    now: ConductorTime,
    stage: Stage,
    /// When the stage began.
    since: ConductorTime,
    pending: BTreeSet<WorkerId>,
    /// How long a worker may take in this stage after its connection is restored, if its limit has passed.
    allowance: Duration,
    /// How much the limits of this stage were extended for processing what arrived while the conductor itself was held
    /// up.
    extra: Duration,
    workers: Vec<Worker>,
    /// Why workers could not take part. Before the first phase, each of these ends the run.
    faults: BTreeMap<WorkerId, End>,
    trial: u32,
    todo: Todo,
    /// The generation of a resumed run, and how many of its trials are done.
    resumed: Option<(u32, u32)>,
    /// The index of the current phase in the plan's phases.
    position: usize,
    /// Why the current phase was told to stop, if it was.
    stopping: Option<Blame>,
    rest: Rest,
    /// Whether something was started since the last Reset.
    dirty: bool,
    /// When the trial's Reset was started.
    reset_began: Option<ConductorTime>,
    interrupted: Option<i32>,
    /// When the metrics of the trial are given up.
    measured_by: Option<ConductorTime>,
    lead: Lead,
    barriers: Barriers,
    /// How long a message to the slowest worker at a barrier of the phase, and its answer, take.
    barrier_round_trip: Duration,
    judge: Judge,
    /// Whether the values are precise enough, if that was requested.
    precision: Option<Precision>,
    /// What the commands of `versions` printed last.
    versions: BTreeMap<WorkerId, Vec<PrintedVersion>>,
    /// What cannot be written, as reported.
    unwritten: BTreeSet<(Option<WorkerId>, String)>,
    actions: Vec<Action>,
}

impl Coordinator {
    /// Creates the coordinator for this plan. Nothing happens before [`Input::Start`].
    pub(super) fn new(plan: Arc<Plan>, skip_unreachable: bool, anchor: ClockAnchor) -> Self {
        Self {
            skip_unreachable,
            anchor,
            now: anchor.conductor,
            stage: Stage::Connecting,
            since: anchor.conductor,
            pending: BTreeSet::new(),
            allowance: Duration::ZERO,
            extra: Duration::ZERO,
            workers: plan.workers.iter().map(|_| Worker::default()).collect(),
            faults: BTreeMap::new(),
            trial: 0,
            todo: Todo::new(plan.trials, BTreeSet::new(), BTreeMap::new()),
            resumed: None,
            position: 0,
            stopping: None,
            rest: Rest::All,
            dirty: false,
            reset_began: None,
            interrupted: None,
            measured_by: None,
            lead: Lead::default(),
            barriers: Barriers::default(),
            barrier_round_trip: Duration::ZERO,
            judge: Judge::default(),
            precision: plan.wants_precision().then(Precision::default),
            versions: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            actions: Vec::new(),
            plan,
        }
    }

    /// Prepares the coordinator for the rest of a run that is partly done.
    pub(super) fn resuming(mut self, Resumption { todo, past, generation, values, versions, .. }: Resumption) -> Self {
        let done = u32::try_from(past.len()).unwrap_or(u32::MAX);
        for past in past {
            self.judge.recall(past);
        }
        self.precision = self.precision.map(|_| Precision::resuming(values));
        Self { todo, resumed: Some((generation, done)), versions, ..self }
    }

    /// Processes an input, and returns what to do, in order.
    pub(super) fn handle(&mut self, input: Input, now: ConductorTime) -> Vec<Action> {
        self.now = now;
        if self.stage != Stage::Over {
            match input {
                Input::Start => self.start(),
                Input::Connection(worker, event) => self.connection(worker, event),
                Input::Interrupt(signal) => self.interrupt(signal),
                Input::OutputFailed(text) => self.output_failed(None, text),
                Input::Checked(end) => self.checked(end),
                Input::Measured(trial, all) => self.measured(trial, all),
                Input::HeldUp(pause) => self.was_held_up(pause),
                Input::Tick => {}
            }
            self.give_up_overdue();
            self.advance();
        }
        std::mem::take(&mut self.actions)
    }

    fn connection(&mut self, worker: WorkerId, event: ConnectionEvent) {
        // Events of a worker that was given up come too late.
        if self.workers[worker.0].is_gone() {
            return;
        }
        match event {
            ConnectionEvent::Connected(player) => self.connected(worker, player),
            ConnectionEvent::PlanTaken => self.plan_taken(worker),
            ConnectionEvent::Versions(printed) => self.versions_printed(worker, printed),
            ConnectionEvent::Armed(phase, round_trip) => self.armed(worker, phase, round_trip),
            ConnectionEvent::BarrierReached(place, round_trip) => self.barrier_reached(worker, place, round_trip),
            ConnectionEvent::Withdraw(place) => self.withdraw(worker, place),
            ConnectionEvent::StepStarted(place, started) => self.step_started(worker, place, started),
            ConnectionEvent::Output(step, stream, output) => {
                self.report(Event::OutputReceived { step: step.of(worker), stream, output });
            }
            ConnectionEvent::OutputEnded(step, stream, output) => {
                self.report(Event::OutputEnded { step: step.of(worker), stream, output });
            }
            ConnectionEvent::StepEnded(place, result) => self.step_ended(worker, place, result),
            ConnectionEvent::SpawnedEnded(place, result) => self.spawned_ended(worker, place, result),
            ConnectionEvent::StepLost(place, result) => self.step_lost(worker, place, result),
            ConnectionEvent::PhaseEnded(phase) => self.worker_phase_ended(worker, phase),
            ConnectionEvent::Delivering(phase) => self.delivers(worker, phase),
            ConnectionEvent::TrialEnded(trial) if trial == self.trial => self.answered(Stage::EndingTrial, worker),
            ConnectionEvent::TrialEnded(_) => {}
            ConnectionEvent::Leaving(reason) => self.departs(worker, reason),
            ConnectionEvent::Warning(text) => self.report(Event::Warning { worker: Some(worker), text }),
            ConnectionEvent::OutputFailed(text) => self.output_failed(Some(worker), text),
            ConnectionEvent::Reaching(within) => self.reaches(worker, within),
            ConnectionEvent::Broken(reason) => self.broken(worker, reason),
            ConnectionEvent::Resumed(silent) => self.resumed(worker, silent),
            ConnectionEvent::Ended(end) => self.ended(worker, end),
        }
    }

    /// Records that the worker did what this stage waits for. A worker that leaves takes part in phases like others; in
    /// other stages, its end is waited for.
    fn answered(&mut self, stage: Stage, worker: WorkerId) {
        if self.stage == stage && (stage == Stage::Running || !self.workers[worker.0].is_departing()) {
            self.pending.remove(&worker);
        }
    }

    fn phase(&self) -> Phase {
        self.plan.phases[self.position]
    }

    fn phase_id(&self) -> PhaseId {
        PhaseId { trial: self.trial, phase: self.phase() }
    }

    fn live(&self) -> BTreeSet<WorkerId> {
        self.who(Worker::is_live)
    }

    /// The workers for which `is_so` returns `true`.
    fn who(&self, is_so: impl Fn(&Worker) -> bool) -> BTreeSet<WorkerId> {
        let ids = self.plan.workers().map(|(id, _)| id);
        ids.filter(|id| is_so(&self.workers[id.0])).collect()
    }

    /// The names of workers, as text for a message.
    fn names(&self, workers: impl IntoIterator<Item = WorkerId>) -> String {
        let names = workers.into_iter().map(|id| format!("`{}`", self.plan.name(id)));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Waits for these workers, each for this long. Without `limit`, each worker's limit is set separately.
    fn wait(&mut self, stage: Stage, pending: BTreeSet<WorkerId>, limit: Option<Duration>) {
        self.stage = stage;
        self.since = self.now;
        self.pending = pending;
        self.allowance = limit.unwrap_or_default();
        self.extra = Duration::ZERO;
        for worker in self.workers.iter_mut().filter(|worker| !worker.is_departing()) {
            worker.due = limit.map(|limit| self.now.plus(limit));
        }
    }

    /// Sends a command to the pending workers, except those that leave: they do what is necessary by themselves.
    fn command_pending(&mut self, command: &Command) {
        let told = self.pending.iter().filter(|id| !self.workers[id.0].is_departing());
        let actions: Vec<_> = told.map(|id| Action::Command(*id, command.clone())).collect();
        self.actions.extend(actions);
    }

    fn command(&mut self, worker: WorkerId, command: Command) {
        self.actions.push(Action::Command(worker, command));
    }

    /// Reports that something cannot be written, once for each worker and text.
    fn output_failed(&mut self, worker: Option<WorkerId>, text: String) {
        if self.unwritten.insert((worker, text.clone())) {
            self.report(Event::OutputFailed { worker, text: text.clone() });
            self.judge.not_carried_out(text);
        }
    }

    fn report(&mut self, event: Event) {
        if let Some(precision) = &mut self.precision {
            precision.take(&event);
        }
        self.actions.push(Action::Report(event));
    }
}
