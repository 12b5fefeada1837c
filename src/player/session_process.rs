//! The process that holds one session: one loop around the core, its connection and its steps' processes.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::executor::{Executor, image};
use super::link::Link;
use super::note::{self, Note};
use super::seed_run::Kept;
use super::session::{Session, SessionAction, SessionEvent, StepKey};
use crate::model::PlayerTime;
use crate::sys::{Image, SignalDescriptor, Spawner, boot_time_nanoseconds};
use crate::wire::{ConductorMessage, Outbox, PlayerMessage, WINDOW};

/// How much output may wait for credit before the pipes are left alone.
const ROOM: usize = WINDOW / 4;

/// How long a session that is over tries to deliver what it has.
const DELIVERY: Duration = Duration::from_secs(5);

/// How long Reset may take when the player is told to stop.
const STOP_RESET: Duration = Duration::from_secs(30);

/// What a phase came to that was run for nobody who listens.
pub(super) struct Alone {
    /// What came of it.
    pub(super) kept: Kept,
    /// What is still alive.
    pub(super) left: Vec<(u32, String)>,
    /// The signal that stopped it, if one did.
    pub(super) stopped: Option<i32>,
}

/// A session process.
pub(super) struct SessionProcess {
    session: Session,
    executor: Executor,
    outbox: Outbox,
    link: Option<Link>,
    notes: UnixStream,
    signals: SignalDescriptor,
    environment: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first signal to stop, once it has come.
    stopping: Option<i32>,
    /// When delivery is given up, once the session is over.
    finished: Option<PlayerTime>,
    /// What was said, when it is not sent but kept for a seed conductor.
    kept: Option<Vec<PlayerMessage>>,
}

impl SessionProcess {
    /// A session on a connection, or an heir without one.
    ///
    /// # Errors
    ///
    /// Says which descriptor is not to be had.
    pub(super) fn new(session: Session, link: Option<Link>, notes: UnixStream) -> std::io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self {
            session,
            executor: Executor::new(Spawner::new()?),
            outbox: Outbox::new(),
            link,
            notes,
            signals: SignalDescriptor::new(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP])?,
            environment: std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect(),
            stopping: None,
            finished: None,
            kept: None,
        })
    }

    /// Runs until the session is over; the exit status.
    pub(super) fn run(mut self) -> i32 {
        match &mut self.link {
            None => self.handle(SessionEvent::Orphaned { reason: "its session died".to_owned(), reset_limit: None }),
            Some(link) => {
                let mut messages = Vec::new();
                let result = link.take_frames(&mut self.outbox, &clock, &mut messages);
                self.messages(messages, result);
            }
        }
        while !self.is_over() {
            self.write();
            if !self.wait() {
                return 1;
            }
            self.take_signals();
            self.read();
            self.time_passed();
        }
        let left = Executor::alive();
        note::send(&mut self.notes, &Note::Over { left });
        // The conductor waits for this end, and not for that of the process.
        self.link = None;
        0
    }

    /// Runs what these messages say, and keeps what comes of it.
    pub(super) fn run_alone(mut self, messages: [ConductorMessage; 3], mut kept: Kept) -> Alone {
        self.kept = Some(Vec::new());
        for message in messages {
            self.handle(SessionEvent::Message(message));
        }
        loop {
            kept.take_data(&mut self.outbox);
            let mut over = false;
            for said in self.kept.iter_mut().flat_map(std::mem::take) {
                over |= kept.take(said);
            }
            if over || self.finished.is_some() || !self.wait() {
                return Alone { kept, left: Executor::alive(), stopped: self.stopping };
            }
            self.take_signals();
            self.read();
            self.time_passed();
        }
    }

    fn is_over(&self) -> bool {
        self.finished.is_some_and(|give_up| {
            let delivered = self.outbox.is_settled() && self.link.as_ref().is_none_or(|link| !link.wants_to_write());
            self.link.is_none() || delivered || give_up <= clock()
        })
    }

    /// Waits until something is there or is due; whether the waiting itself works.
    fn wait(&self) -> bool {
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(link) = &self.link {
            let writing = if link.wants_to_write() { PollFlags::OUT } else { PollFlags::empty() };
            descriptors.push(PollFd::new(link.stream(), PollFlags::IN | writing));
        }
        let room = self.has_room();
        descriptors.extend(self.executor.descriptors(room).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let link = self.link.as_ref().map(Link::next_deadline);
        let deadline = [self.session.next_deadline(), self.executor.next_deadline(), link, self.finished];
        let timeout = deadline.into_iter().flatten().min().map(|deadline| deadline.since(clock()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        matches!(poll(&mut descriptors, timeout.as_ref()), Ok(_) | Err(rustix::io::Errno::INTR))
    }

    /// Output is read while somebody takes it; without a conductor it is read and forgotten.
    fn has_room(&self) -> bool {
        self.link.is_none() || self.outbox.waiting_data() < ROOM
    }

    fn take_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            if signal == libc::SIGCHLD {
                continue;
            }
            if self.stopping.is_some() {
                crate::sys::exit_now(1);
            }
            self.stopping = Some(signal);
            let text = "the player was told to stop".to_owned();
            self.outbox.push(&PlayerMessage::Leaving { reason: text.clone() });
            self.handle(SessionEvent::Orphaned { reason: text, reset_limit: Some(STOP_RESET) });
        }
    }

    fn read(&mut self) {
        if let Some(link) = &mut self.link {
            let (messages, result) = link.read(&mut self.outbox, clock);
            self.messages(messages, result);
        }
        let nobody_listens = self.link.is_none() && self.kept.is_none();
        if nobody_listens {
            self.outbox = Outbox::new();
        }
        self.executor.read(&mut self.outbox, |outbox| nobody_listens || outbox.waiting_data() < ROOM);
        for event in self.executor.events(&mut self.outbox, clock()) {
            self.handle(event);
        }
    }

    fn messages(&mut self, messages: Vec<ConductorMessage>, result: Result<(), String>) {
        for message in messages {
            self.handle(SessionEvent::Message(message));
        }
        if let Err(reason) = result {
            self.lose_connection(reason);
        }
    }

    fn write(&mut self) {
        if let Some(link) = &mut self.link
            && let Err(reason) = link.write(&mut self.outbox, clock())
        {
            self.lose_connection(reason);
        }
    }

    fn time_passed(&mut self) {
        if let Some(link) = &mut self.link
            && let Err(reason) = link.time_passed(&mut self.outbox, clock())
        {
            self.lose_connection(reason);
        }
        self.handle(SessionEvent::Tick);
    }

    /// A broken connection is a lost conductor, as long as a session can't be resumed.
    fn lose_connection(&mut self, reason: String) {
        self.link = None;
        self.handle(SessionEvent::Orphaned { reason, reset_limit: None });
    }

    fn handle(&mut self, event: SessionEvent) {
        let actions = self.session.handle(event, clock());
        for action in actions {
            match action {
                SessionAction::Send(message) => {
                    if message == PlayerMessage::PlanTaken {
                        self.plan_taken();
                    }
                    match &mut self.kept {
                        Some(kept) => kept.push(message),
                        None => self.outbox.push(&message),
                    }
                }
                SessionAction::Start(key) => self.start(key),
                SessionAction::Stop(key) => self.executor.stop(key, clock()),
                SessionAction::Sweep => self.executor.sweep(clock()),
                SessionAction::ResetNeeded { trial } => note::send(&mut self.notes, &Note::ResetNeeded { trial }),
                SessionAction::ResetBegun => note::send(&mut self.notes, &Note::ResetBegun),
                SessionAction::Finish => self.finished = Some(clock().plus(DELIVERY)),
            }
        }
        // What a start that failed, or a sweep that finds nothing, has to say must not wait for the next event.
        let events = self.executor.events(&mut self.outbox, clock());
        for event in events {
            self.handle(event);
        }
    }

    /// The plan is left with the listener before the conductor hears that it was taken.
    fn plan_taken(&mut self) {
        if let Some(plan) = self.session.plan() {
            note::send(&mut self.notes, &Note::Plan(Box::new(plan.clone())));
            for (name, value) in &plan.environment {
                self.environment.insert(name.clone().into_bytes(), value.clone().into_bytes());
            }
        }
    }

    fn start(&mut self, key: StepKey) {
        let Some(plan) = self.session.plan() else { return };
        let Some(step) = plan.steps(key.phase).get(key.position) else { return };
        let own = [("TRIAL", key.trial.to_string()), ("PHASE", key.phase.to_string()), ("STEP", step.label.clone())];
        for (name, value) in own {
            self.environment.insert(format!("CONDUCTOR_{name}").into_bytes(), value.into_bytes());
        }
        let image = image(&plan.shell, &step.command, plan.directory.as_deref(), &self.environment);
        // A seed conductor never hears a spawned step again, and lets it live on.
        let unheard = self.kept.is_some() && step.spawn;
        self.executor.start(key, image.map(|image| Image { unheard, ..image }));
    }
}

/// The player's clock.
pub(super) fn clock() -> PlayerTime {
    PlayerTime::from_nanoseconds(boot_time_nanoseconds())
}
