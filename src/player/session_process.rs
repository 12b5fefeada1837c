//! The process that holds one session. Its loop serves the session, its audience, the processes of its steps and the
//! connection to the listener.

mod orders;
mod starting;

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::audience::{Audience, Conductor};
use super::environment::{Environment, folder_warning};
use super::executor::Executor;
use super::life;
use super::note::{self, Note, Notes};
use super::origin::Cgroups;
use super::python_delivery::SUPERSEDED;
use super::python_results::PhaseResults;
use super::scratch::{Scratch, ScratchFolder};
use super::session::{Session, SessionAction, SessionEvent};
use super::session_log;
use super::versions;
use super::watch::BEAT;
use crate::model::{Phase, PhaseId, PlayerTime, Process};
use crate::sys::{Next, SignalDescriptor, clock, give_back_memory};
use crate::wait::Wait;
use crate::wire::{ConductorMessage, Link, LinkError, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage};

/// For what must not wait any longer.
const AT_ONCE: PlayerTime = PlayerTime::from_nanoseconds(u64::MAX);

/// A session process.
pub(super) struct SessionProcess<'a> {
    session: Session,
    executor: Executor,
    audience: Audience<'a>,
    notes: Notes,
    signals: SignalDescriptor,
    environment: Environment,
    scratch: Scratch,
    /// The warnings of a sweep that has ended, until the scratch folder is removed.
    swept: Option<Vec<String>>,
    /// The first signal to stop, once one has arrived.
    stopping: Option<Signal>,
    /// When delivery is given up, once the session has ended.
    finished: Option<PlayerTime>,
}

/// Holds a session on the connection of its conductor. Returns the exit status.
pub(super) fn hold(session: Session, conductor: io::Result<Conductor>, notes: UnixStream, cgroups: Cgroups) -> i32 {
    exit_status(conductor.and_then(|conductor| {
        let audience = Audience::Conductor(Box::new(conductor));
        SessionProcess::new(session, audience, notes, cgroups)?.run()
    }))
}

/// Runs the Reset of a session that had these scratch folders and whose process died in this trial. Returns the exit
/// status.
pub(super) fn run_reset(
    plan: PlanMessage,
    trial: u32,
    scratch: Vec<ScratchFolder>,
    notes: UnixStream,
    cgroups: Cgroups,
) -> i32 {
    let process = SessionProcess::new(Session::for_reset(plan, trial), Audience::Nobody, notes, cgroups);
    exit_status(process.and_then(|mut process| {
        process.take_environment();
        process.scratch.adopt(scratch, trial);
        process.handle(SessionEvent::Orphaned { reason: "its session died".to_owned(), reset_limit: None });
        process.run()
    }))
}

/// Runs the Run phase of this plan for a Python conductor. Returns the processes that are still running, and the signal
/// that stopped the phase, if there was one.
///
/// # Errors
///
/// Returns an error if the process lacks a descriptor or cannot wait.
pub(super) fn run_phase(
    plan: PlanMessage,
    results: &mut PhaseResults,
    notes: UnixStream,
    cgroups: Cgroups,
) -> io::Result<(Vec<Process>, Option<Signal>)> {
    let mut process = SessionProcess::new(Session::default(), Audience::Python(results), notes, cgroups)?;
    let phase = PhaseId { trial: 1, phase: Phase::Run };
    for message in [ConductorMessage::Plan(Box::new(plan)), ConductorMessage::Go { phase, at: None }] {
        process.handle(SessionEvent::Message(message));
    }
    process.run()?;
    Ok((process.executor.tree.children(), process.stopping))
}

fn exit_status(held: io::Result<()>) -> i32 {
    i32::from(held.inspect_err(|error| tracing::error!("cannot run a session: {error}")).is_err())
}

impl<'a> SessionProcess<'a> {
    fn new(session: Session, audience: Audience<'a>, notes: UnixStream, cgroups: Cgroups) -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self {
            session,
            executor: Executor::new(cgroups, matches!(audience, Audience::Python(_)))?,
            audience,
            notes: Notes::new(notes),
            signals: SignalDescriptor::new(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP, SUPERSEDED])?,
            environment: Environment::inherited(),
            scratch: Scratch::default(),
            swept: None,
            stopping: None,
            finished: None,
        })
    }

    /// Runs until the session has ended.
    fn run(&mut self) -> io::Result<()> {
        loop {
            self.turn();
            if self.is_over() {
                self.end();
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// Closes the connection, for which the conductor waits, and then removes the folder, for which nobody has to wait.
    fn end(&mut self) {
        self.audience.conductor().into_iter().for_each(|conductor| conductor.channel.close(clock));
        // If this fails, the listener tries again and logs why.
        if let Some(folder) = self.scratch.take_free()
            && folder.remove().is_none()
        {
            self.tell(&Note::Scratch(Vec::new()));
        }
    }

    /// Handles everything that has arrived, and sends what is pending.
    fn turn(&mut self) {
        life::show();
        self.take_signals();
        self.take_orders();
        self.check_listener();
        self.read();
        self.remove_scratch();
        self.handle(SessionEvent::Tick);
        self.give_up();
        // Do this before the conductor learns that this worker is ready: `go` may arrive immediately.
        self.prepare();
        self.audience.conductor().into_iter().for_each(Conductor::send_log);
        // Send spooled data while there is credit and the socket accepts it: nothing else may wake this process.
        while let Some(conductor) = self.audience.conductor() {
            conductor.spool_or_refill();
            let events = conductor.transfer();
            if !events.is_empty() {
                for event in events {
                    self.handle(event);
                }
                continue;
            }
            match conductor.write() {
                Ok(true) => {}
                Ok(false) => return,
                Err(reason) => self.lose_connection(&reason),
            }
        }
    }

    /// Leaves a conductor that does not acknowledge messages.
    fn give_up(&mut self) {
        if let Some(conductor) = self.audience.conductor()
            && let Err(too_much) = conductor.channel.outbox.check()
        {
            conductor.channel.disconnect();
            self.orphan(format!("its conductor did not acknowledge messages: {too_much}"), None);
        }
    }

    fn orphan(&mut self, reason: String, reset_limit: Option<Duration>) {
        self.handle(SessionEvent::Orphaned { reason, reset_limit });
    }

    fn is_over(&self) -> bool {
        if self.scratch.is_busy() {
            return false;
        }
        match (&self.audience, self.finished) {
            (Audience::Python(results), finished) => results.is_complete || finished.is_some(),
            (Audience::Nobody, finished) => finished.is_some(),
            (Audience::Conductor(_), None) => false,
            (Audience::Conductor(conductor), Some(give_up)) => {
                let may_deliver = conductor.channel.link().is_some() || self.may_be_asked();
                conductor.is_settled() || give_up <= clock() || !may_deliver
            }
        }
    }

    /// Whether the conductor may reconnect through the listener.
    fn may_be_asked(&self) -> bool {
        self.notes.open().is_some() && self.session.may_come_back
    }

    /// Waits until something has arrived or is due.
    fn wait(&mut self) -> io::Result<()> {
        let (room, now) = (self.audience.has_room(), clock());
        let mut deadlines = vec![self.session.next_deadline(), self.executor.next_deadline(now), self.finished];
        let mut longest = BEAT;
        if let Some(conductor) = self.audience.conductor() {
            deadlines.push(conductor.next_deadline());
            longest = if conductor.has_work() { Duration::ZERO } else { BEAT };
        }
        if self.scratch.is_busy() {
            longest = Duration::ZERO;
        }
        let link = self.audience.link().into_iter().flat_map(Link::waits_for);
        let descriptors = self.notes.open().into_iter().chain(self.executor.descriptors(room, now));
        let descriptors = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).chain(link);
        let mut descriptors: Vec<_> = descriptors.chain([PollFd::new(&self.signals, PollFlags::IN)]).collect();
        let deadline = deadlines.into_iter().flatten().min();
        let timeout = deadline.map_or(longest, |deadline| deadline.since(now).min(longest));
        match Wait::SessionEvents.poll(&mut descriptors, Some(timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self) {
        if let Some(conductor) = self.audience.conductor() {
            let received = conductor.channel.read::<ConductorMessage>(clock);
            self.session.heard(conductor.channel.heard());
            for taken in received.taken {
                let Some(Conductor { transfers, channel, .. }) = self.audience.conductor() else { return };
                if let Some(message) = transfers.take(taken, &mut channel.outbox) {
                    self.handle(SessionEvent::Message(message));
                }
            }
            received.broken.iter().for_each(|reason| self.lose_connection(reason));
        }
        self.executor.read(&mut self.audience);
        self.take_events();
    }

    /// Handles a lost connection. The conductor may reconnect until the lease expires.
    fn lose_connection(&mut self, reason: &LinkError) {
        tracing::info!("{reason}");
        if self.session.plan().is_none() {
            self.session.shorten_lease(Wait::FirstPlan.time());
        }
        let since = self.audience.conductor().map(|conductor| conductor.channel.heard());
        self.tell(&Note::Silent(since));
        // The connection may have received a lot of data, and may stay closed for the whole lease.
        give_back_memory(Next::Wait);
    }

    fn tell(&mut self, note: &Note) {
        note::send(&self.notes.stream, note);
    }

    fn handle(&mut self, event: SessionEvent) {
        self.carry_out(event);
        self.take_events();
    }

    fn carry_out(&mut self, event: SessionEvent) {
        for action in session_log::handle(&mut self.session, event, clock()) {
            match action {
                SessionAction::Send(message) => self.send(message),
                SessionAction::Start { key, at, .. } => self.start(key, at),
                SessionAction::Spawned { key, pid } => self.tell_pid(key, Some(pid)),
                SessionAction::Stop(key, with) => self.executor.stop(key, with, clock()),
                SessionAction::Transfer(key) => {
                    let scratch = self.scratch_of(key);
                    if let (Some(plan), Some(conductor)) = (self.session.plan(), self.audience.conductor()) {
                        conductor.transfers.begin(key, plan, &scratch, &mut conductor.channel.outbox);
                    }
                }
                SessionAction::CancelTransfer(key) => {
                    let conductor = self.audience.conductor().into_iter();
                    conductor.for_each(|conductor| conductor.transfers.cancel(key, &mut conductor.channel.outbox));
                }
                SessionAction::Sweep => {
                    self.settle(AT_ONCE);
                    self.executor.sweep(clock());
                }
                SessionAction::Report(note) => self.tell(&note),
                SessionAction::Finish => self.finish(),
            }
        }
    }

    /// Handles the executor's events. A failed start, or a sweep that found nothing, must not wait for the next event.
    fn take_events(&mut self) {
        while let Some(event) = self.executor.next_event(&mut self.audience, clock()) {
            match event {
                // The trial has ended once its scratch folder is removed, or can be reused.
                SessionEvent::Swept(warnings) => {
                    self.scratch.end_trial(!warnings.is_empty());
                    self.swept = Some(warnings);
                    self.remove_scratch();
                }
                event => self.carry_out(event),
            }
        }
        self.settle(clock());
    }

    /// Reports the steps that were not settled when they ended, and are settled at time `by`.
    fn settle(&mut self, by: PlayerTime) {
        for settled in self.executor.settle(&mut self.audience, by) {
            self.send(PlayerMessage::StepSettled(settled));
        }
    }

    fn send(&mut self, mut message: PlayerMessage) {
        if let PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) = &mut message
            // A spawned step keeps running. If its process has already ended, the end event that follows says what it left.
            && ended.outcome != OutcomeMessage::Spawned
        {
            ended.left.unsettled = self.executor.settle_later(ended.step, clock());
        }
        // If an awaited line was not printed, show what was printed instead.
        if let PlayerMessage::StepEnded(StepEndedMessage { step, outcome: OutcomeMessage::Unfulfilled { why }, .. }) =
            &mut message
            && let Some(lines) = self.executor.reader.lines.last_lines(*step)
        {
            *why = format!("{why}; {lines}");
        }
        match &message {
            PlayerMessage::PlanTaken => self.plan_taken(),
            PlayerMessage::SpawnedEnded(ended) => self.tell_pid(ended.step, None),
            _ => {}
        }
        self.audience.send(message);
    }

    /// Ends the session: the player becomes free, and only the results are still delivered.
    fn finish(&mut self) {
        self.settle(AT_ONCE);
        let waits = self.may_be_asked() && self.stopping.is_none();
        self.finished = Some(clock().plus(if waits { Wait::LateDelivery.time() } else { Wait::LastDelivery.time() }));
        // Messages of the conductor are ignored from now on.
        self.audience.conductor().into_iter().for_each(|conductor| conductor.channel.inbox.close());
        if self.audience.link().is_none() || !self.scratch.is_free() {
            self.scratch.end_current();
        }
        let summary = self.session.summary(matches!(self.audience, Audience::Nobody));
        self.executor.retain_prepared(&[]);
        let left = self.executor.tree.children();
        self.tell(&Note::Over { left, summary });
        // There may be many such processes, each for up to an hour.
        self.session.plan = None;
        self.environment = Environment::default();
        give_back_memory(Next::Wait);
    }

    /// Handles a new plan. The listener gets it before the conductor learns that it was taken.
    fn plan_taken(&mut self) {
        // Prepared processes belong to the previous plan.
        self.executor.retain_prepared(&[]);
        self.take_environment();
        if let Some(text) = folder_warning() {
            self.audience.send(PlayerMessage::Warning { text });
        }
        let printed = self.session.plan().map(versions::printed).unwrap_or_default();
        if !printed.is_empty() {
            self.audience.send(PlayerMessage::Versions { printed });
        }
        let Some(plan) = self.session.plan() else { return };
        let reset_timeout = plan.reset_timeout;
        if let Ok(text) = serde_json::to_string(plan) {
            self.tell(&Note::Plan { text, reset_timeout });
        }
        // Reading a plan takes as much additional memory as the plan itself.
        give_back_memory(Next::Work);
    }
}
