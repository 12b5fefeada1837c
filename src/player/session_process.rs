//! The process that holds one session: one loop around the core, the channel to its conductor, its steps' processes and
//! the line to the listener.

mod starting;

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::clock::clock;
use super::environment::Environment;
use super::executor::Executor;
use super::folder;
use super::life;
use super::note::{self, Note, Notes, Order};
use super::process_tree::Cgroups;
use super::resume;
use super::seed_delivery::SUPERSEDED;
use super::seed_results::Kept;
use super::session::{Session, SessionAction, SessionEvent};
use super::session_log;
use super::spool::{Output, Spool};
use super::transfers::Transfers;
use super::watch::BEAT;
use crate::model::{PlayerTime, Process};
use crate::sys::{SignalDescriptor, Spawner, give_back_memory};
use crate::wait::Wait;
use crate::wire::bounds::TooMuch;
use crate::wire::{Channel, ConductorMessage, Link, LinkError, PlanMessage, PlayerMessage};

/// How long output waits for a conductor that takes none, before it goes to the spool.
const PATIENCE: Duration = Duration::from_millis(100);

/// For what is not to wait any longer.
const AT_ONCE: PlayerTime = PlayerTime::from_nanoseconds(u64::MAX);

/// Who learns what happens.
enum Audience {
    /// Its conductor, over the channel.
    Conductor,
    /// Nobody: it runs the Reset of a session whose process died.
    Nobody,
    /// A Python conductor, when its phase is over: what is kept for it until then.
    Python(Kept),
}

/// What a phase of a Python conductor came to.
pub(super) struct PhaseRun {
    /// What came of it.
    pub(super) kept: Kept,
    /// What is still alive.
    pub(super) left: Vec<Process>,
    /// The signal that stopped it, if one did.
    pub(super) stopped: Option<i32>,
}

/// A session process.
pub(super) struct SessionProcess {
    session: Session,
    executor: Executor,
    transfers: Transfers,
    channel: Channel<PlayerTime>,
    spool: Spool,
    /// When output last moved, and whether the conductor was told that it stands still.
    moved: (PlayerTime, usize),
    stalled: bool,
    audience: Audience,
    notes: Notes,
    signals: SignalDescriptor,
    environment: Environment,
    /// The first signal to stop, once it has come.
    stopping: Option<i32>,
    /// When delivery is given up, once the session is over.
    finished: Option<PlayerTime>,
    /// What the conductor has not taken, once that was too much: it is told nothing any more.
    given_up: Option<TooMuch>,
}

/// Holds a session on its conductor's connection; the exit status.
pub(super) fn hold(
    session: Session,
    link: Link<PlayerTime>,
    spool_limit: u64,
    notes: UnixStream,
    cgroups: Cgroups,
) -> i32 {
    let connected = SessionProcess::new(session, Audience::Conductor, spool_limit, notes, cgroups);
    exit_status(connected.and_then(|mut process| {
        process.channel.connect(link, 0).map_err(io::Error::other)?;
        process.run()?;
        // The conductor waits for this end, and not for that of the process.
        process.channel.close(clock);
        Ok(())
    }))
}

/// Runs the Reset of a session whose process died in this trial; the exit status.
pub(super) fn run_reset(plan: PlanMessage, trial: u32, notes: UnixStream, cgroups: Cgroups) -> i32 {
    let process = SessionProcess::new(Session::for_reset(plan, trial), Audience::Nobody, 0, notes, cgroups);
    exit_status(process.and_then(|mut process| {
        process.take_environment();
        process.handle(SessionEvent::Orphaned { reason: "its session died".to_owned(), reset_limit: None });
        process.run()
    }))
}

/// Runs what these messages say for a Python conductor, whose largest message has `limit` bytes.
///
/// # Errors
///
/// Says which descriptor is not to be had, or why nothing can be waited for.
pub(super) fn run_phase(
    messages: [ConductorMessage; 3],
    limit: u64,
    notes: UnixStream,
    cgroups: Cgroups,
) -> io::Result<PhaseRun> {
    let mut process = SessionProcess::new(Session::new(), Audience::Python(Kept::new(limit)), 0, notes, cgroups)?;
    process.executor.wait_for_output();
    for message in messages {
        process.handle(SessionEvent::Message(message));
    }
    process.run()?;
    let (left, stopped) = (process.executor.alive(), process.stopping);
    let kept = if let Audience::Python(kept) = process.audience { kept } else { Kept::new(limit) };
    Ok(PhaseRun { kept, left, stopped })
}

fn exit_status(held: io::Result<()>) -> i32 {
    i32::from(held.inspect_err(|error| tracing::error!("a session can't be held: {error}")).is_err())
}

impl SessionProcess {
    fn new(
        session: Session,
        audience: Audience,
        spool_limit: u64,
        notes: UnixStream,
        cgroups: Cgroups,
    ) -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self {
            session,
            executor: Executor::new(Spawner::new()?, cgroups),
            transfers: Transfers::new(),
            channel: Channel::new(clock()),
            spool: Spool::new(spool_limit),
            moved: (clock(), 0),
            stalled: false,
            audience,
            notes: Notes::new(notes),
            signals: SignalDescriptor::new(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, SUPERSEDED])?,
            environment: Environment::inherited(),
            stopping: None,
            finished: None,
            given_up: None,
        })
    }

    /// Runs until the session is over.
    fn run(&mut self) -> io::Result<()> {
        loop {
            self.turn();
            if self.is_over() {
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// Takes what is there, and sends what there is to say.
    fn turn(&mut self) {
        life::show();
        self.take_signals();
        self.take_orders();
        self.miss_listener();
        self.read();
        self.handle(SessionEvent::Tick);
        self.give_up();
        // Whoever says to be there is ready: the conductor's word may come at once.
        self.make_ready();
        // What is on the disk follows as long as there is credit, and a socket that takes it: nothing else may wake us.
        loop {
            self.spool_or_refill();
            self.transfer();
            match &mut self.audience {
                Audience::Conductor => {}
                Audience::Nobody => while self.channel.outbox.take_data().is_some() {},
                Audience::Python(kept) => kept.take_data(&mut self.channel.outbox),
            }
            let before = self.channel.outbox.waiting_data();
            if let Err(reason) = self.channel.write(clock) {
                self.lose_connection(&reason);
            }
            if self.spool.is_empty() || self.channel.outbox.waiting_data() == before {
                return;
            }
        }
    }

    /// Leaves a conductor that takes nothing of what it is told.
    fn give_up(&mut self) {
        let Some(too_much) = self.given_up else { return };
        self.channel.disconnect();
        let reason = format!("its conductor did not acknowledge messages: {too_much}");
        self.handle(SessionEvent::Orphaned { reason, reset_limit: None });
    }

    fn is_over(&self) -> bool {
        if let Audience::Python(kept) = &self.audience {
            return kept.is_complete() || self.finished.is_some();
        }
        let Some(give_up) = self.finished else { return false };
        let nothing_left = self.channel.is_settled() && self.spool.is_empty();
        nothing_left || give_up <= clock() || (!self.may_be_asked() && self.channel.link().is_none())
    }

    /// Whether the conductor may come again, over a connection that the listener hands on.
    fn may_be_asked(&self) -> bool {
        self.notes.open().is_some() && self.session.may_be_asked()
    }

    /// Waits until something is there or is due.
    fn wait(&mut self) -> io::Result<()> {
        let room = self.output().has_room();
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        descriptors.extend(self.notes.open().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        if let Some(link) = self.channel.link() {
            descriptors.extend(link.waits_for());
        }
        descriptors.extend(self.executor.descriptors(room).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let link = self.channel.link().map(Link::next_deadline);
        let spool = (!room && !self.stalled).then(|| self.moved.0.plus(PATIENCE));
        let deadline = [self.session.next_deadline(), self.executor.next_deadline(), link, self.finished, spool];
        let timeout = deadline.into_iter().flatten().min().map(|deadline| deadline.since(clock()));
        let transfers = self.spool.is_empty() && self.transfers.has_work(&self.channel.outbox);
        let timeout = if transfers { Duration::ZERO } else { timeout.map_or(BEAT, |timeout| timeout.min(BEAT)) };
        match Wait::SessionEvents.poll(&mut descriptors, Some(timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn output(&mut self) -> Output<'_> {
        Output { outbox: &mut self.channel.outbox, spool: &mut self.spool }
    }

    fn take_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            // What a hang-up means is for the listener to say: it goes to all processes when a log is to be begun anew.
            let is_for_python = matches!(self.audience, Audience::Python(_));
            if signal == libc::SIGCHLD || (signal == libc::SIGHUP && !is_for_python) {
                continue;
            }
            if self.stopping.is_some() {
                // Whoever signals all of a service signals the listener too, which tells us: that is one stop, not two.
                // Of a second one it is the listener that knows, and that ends us.
                if is_for_python || self.notes.open().is_none() {
                    crate::sys::exit_now(1);
                }
                continue;
            }
            self.stopping = Some(signal);
            // What is over and is kept for a conductor that may come is kept no longer than it takes to deliver it.
            self.finished = self.finished.map(|end| end.min(clock().plus(Wait::LastDelivery.time())));
            // Whoever signals all of a service, or all that has our name, means these too: Reset must not be one of them.
            self.executor.keep_ready(&[]);
            let reason = "the player was told to stop".to_owned();
            self.handle(SessionEvent::Orphaned { reason, reset_limit: Some(Wait::StoppedReset.time()) });
        }
    }

    fn take_orders(&mut self) {
        for order in self.notes.take() {
            match order {
                Order::Resume { hello, welcome, rest } => {
                    let connection = self.notes.connection();
                    let resumed = |connection| resume::resume(&mut self.channel, &hello, *welcome, (connection, &rest));
                    if self.given_up.is_none() && connection.is_some_and(resumed) {
                        self.session.heard(clock());
                        self.tell(&Note::Silent { since: None });
                    }
                }
                Order::Abandon { reason, reset_limit } => {
                    self.channel.disconnect();
                    let reset_limit = reset_limit.map(Duration::from_secs);
                    self.handle(SessionEvent::Orphaned { reason, reset_limit });
                }
            }
        }
    }

    /// When the listener has died, a session without a connection can't be reached by anybody.
    fn miss_listener(&mut self) {
        if self.notes.open().is_some() {
            return;
        }
        self.finished = self.finished.map(|end| end.min(clock().plus(Wait::LastDelivery.time())));
        if self.channel.link().is_none() && matches!(self.audience, Audience::Conductor) {
            let reason = "its listener died, so its conductor can't reconnect".to_owned();
            self.handle(SessionEvent::Orphaned { reason, reset_limit: None });
        }
    }

    fn read(&mut self) {
        let received = self.channel.read::<ConductorMessage>(clock);
        self.session.heard(self.channel.heard());
        for taken in received.taken {
            if let Some(message) = self.transfers.take(taken, &mut self.channel.outbox) {
                self.handle(SessionEvent::Message(message));
            }
        }
        if let Some(reason) = received.broken {
            self.lose_connection(&reason);
        }
        let mut output = Output { outbox: &mut self.channel.outbox, spool: &mut self.spool };
        self.executor.read(&mut output, clock());
        self.take_events();
    }

    /// Files wait for what steps have printed. Behind a transfer that is over may come one that is over at once: nothing
    /// else would wake us for it.
    fn transfer(&mut self) {
        let has_turn = self.spool.is_empty();
        loop {
            let events = self.transfers.work(has_turn, &mut self.channel.outbox, clock());
            if events.is_empty() {
                return;
            }
            for event in events {
                self.handle(event);
            }
        }
    }

    /// Output goes to the spool while nobody takes it, and comes back from there.
    fn spool_or_refill(&mut self) {
        let waiting = self.channel.outbox.waiting_data();
        let now = clock();
        if waiting != self.moved.1 || waiting == 0 {
            self.moved = (now, waiting);
        }
        let stuck = now.since(self.moved.0) >= PATIENCE;
        self.spool.set_open(self.channel.link().is_none() || stuck || !self.spool.is_empty());
        self.spool.refill(&mut self.channel.outbox);
        let full = self.spool.is_full();
        if full && !self.stalled {
            let kept = self.spool.waiting();
            self.channel.outbox.push(&PlayerMessage::Stalled { kept });
        }
        self.stalled = full;
    }

    /// Until the lease is over the conductor may come again.
    fn lose_connection(&mut self, reason: &LinkError) {
        tracing::info!("{reason}");
        if self.session.plan().is_none() {
            self.session.shorten_lease(Wait::FirstPlan.time());
        }
        let since = Some(self.channel.heard().nanoseconds());
        self.tell(&Note::Silent { since });
        // What the connection had sent may have been large, and nobody may come for the whole lease.
        give_back_memory();
    }

    fn tell(&mut self, note: &Note) {
        note::send(self.notes.stream(), note);
    }

    fn handle(&mut self, event: SessionEvent) {
        for action in session_log::handle(&mut self.session, event, clock()) {
            match action {
                SessionAction::Send(message) => self.send(message),
                SessionAction::Start { key, at, behind } => self.start(key, at, behind),
                SessionAction::Spawned { key, pid } => self.tell_pid(key.phase, key.position, Some(pid)),
                SessionAction::Stop(key, with) => self.executor.stop(key, with, clock()),
                SessionAction::Transfer(key) => {
                    if let Some(plan) = self.session.plan() {
                        self.transfers.begin(key, plan, &mut self.channel.outbox);
                    }
                }
                SessionAction::CancelTransfer(key) => self.transfers.cancel(key, &mut self.channel.outbox),
                SessionAction::Sweep => {
                    self.settle(AT_ONCE);
                    self.executor.sweep(clock());
                }
                SessionAction::ResetNeeded { trial } => self.tell(&Note::ResetNeeded { trial }),
                SessionAction::ResetBegun => self.tell(&Note::ResetBegun),
                SessionAction::Orphaned { reason } => self.tell(&Note::Orphaned { reason }),
                SessionAction::Finish => self.finish(),
            }
        }
        self.take_events();
    }

    /// What a start that failed, or a sweep that finds nothing, has to say must not wait for the next event.
    fn take_events(&mut self) {
        let mut output = Output { outbox: &mut self.channel.outbox, spool: &mut self.spool };
        for event in self.executor.events(&mut output, clock()) {
            self.handle(event);
        }
        self.settle(clock());
    }

    /// Says what came of ends that were not settled, and are by then.
    fn settle(&mut self, by: PlayerTime) {
        let mut output = Output { outbox: &mut self.channel.outbox, spool: &mut self.spool };
        for settled in self.executor.settle(&mut output, by) {
            self.send(PlayerMessage::StepSettled(settled));
        }
    }

    fn send(&mut self, mut message: PlayerMessage) {
        if let PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) = &mut message {
            ended.left.unsettled = self.executor.settle_later(ended.step, clock());
        }
        match &message {
            PlayerMessage::PlanTaken => self.plan_taken(),
            PlayerMessage::SpawnedEnded(ended) => self.tell_pid(ended.step.phase, ended.step.position, None),
            _ => {}
        }
        match &mut self.audience {
            Audience::Python(kept) => kept.take(message),
            Audience::Nobody => {
                if let PlayerMessage::Warning { text } = message {
                    tracing::warn!("{text}");
                }
            }
            Audience::Conductor if self.given_up.is_some() => {}
            Audience::Conductor => {
                self.channel.outbox.push(&message);
                self.given_up = self.channel.outbox.check().err();
            }
        }
    }

    /// The session is over: from now on the player is free, and only what happened is still to be delivered.
    fn finish(&mut self) {
        self.settle(AT_ONCE);
        let keep = self.may_be_asked() && self.stopping.is_none();
        self.finished = Some(clock().plus(if keep { Wait::LateDelivery.time() } else { Wait::LastDelivery.time() }));
        // Nothing that the conductor says has a meaning any more.
        self.channel.inbox.close();
        let summary = self.session.summary(matches!(self.audience, Audience::Nobody));
        self.executor.keep_ready(&[]);
        let left = self.executor.alive();
        self.tell(&Note::Over { left, summary });
        // It may be kept for an hour, and many of them.
        self.session.forget_plan();
        self.environment = Environment::default();
        give_back_memory();
    }

    /// The plan is left with the listener before the conductor hears that it was taken.
    fn plan_taken(&mut self) {
        self.take_environment();
        if let Some(text) = folder::warning() {
            self.channel.outbox.push(&PlayerMessage::Warning { text });
        }
        let Some(plan) = self.session.plan() else { return };
        let reset_timeout = plan.reset_timeout;
        if let Ok(text) = serde_json::to_string(plan) {
            self.tell(&Note::Plan { text, reset_timeout });
        }
        // To read a plan takes as much memory again as it has.
        give_back_memory();
    }
}
