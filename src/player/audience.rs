//! The recipient of a session's reports and of its steps' output.

use std::io;
use std::time::Duration;

use super::log_socket::LogSocket;
use super::python_results::PhaseResults;
use super::session::SessionEvent;
use super::spool::Spool;
use super::transfers::Transfers;
use crate::model::{LONGEST_LEASE, PlayerTime};
use crate::sys::clock;
use crate::wire::{
    Channel, Connection, Data, FrameDecoder, Greeting, Hello, Link, LinkError, MAX_FRAME, PlayerMessage, Welcome,
    interval,
};

/// How long output waits for a conductor that does not receive it before it goes to the spool.
const PATIENCE: Duration = Duration::from_millis(100);

/// The recipient of a session's reports and of its steps' output.
#[derive(Debug)]
pub(super) enum Audience<'a> {
    /// The conductor of the session.
    Conductor(Box<Conductor>),
    /// Nobody: the process runs the Reset of a session whose process died.
    Nobody,
    /// A Python conductor, which gets the results after its phase.
    Python(&'a mut PhaseResults),
}

impl Audience<'_> {
    /// Returns the conductor, if there is one.
    pub(super) fn conductor(&mut self) -> Option<&mut Conductor> {
        if let Self::Conductor(conductor) = self { Some(conductor) } else { None }
    }

    /// Returns the connection to the conductor, if there is one.
    pub(super) fn link(&self) -> Option<&Link<PlayerTime>> {
        if let Self::Conductor(conductor) = self { conductor.channel.link() } else { None }
    }

    /// Whether output of steps may be read now.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Conductor(conductor) => conductor.spool.has_room(&conductor.channel.outbox),
            Self::Nobody | Self::Python(_) => true,
        }
    }

    /// Passes on output of a step.
    pub(super) fn push(&mut self, data: Data) {
        match self {
            Self::Conductor(conductor) => conductor.spool.push(data, &mut conductor.channel.outbox),
            Self::Nobody => {}
            Self::Python(results) => results.push(data),
        }
    }

    /// Passes on a message.
    pub(super) fn send(&mut self, message: PlayerMessage) {
        match (self, message) {
            (Self::Conductor(conductor), message) => conductor.channel.outbox.push(&message),
            (Self::Nobody, PlayerMessage::Warning { text }) => tracing::warn!("{text}"),
            (Self::Nobody, _) => {}
            (Self::Python(results), message) => results.take(message),
        }
    }
}

/// The conductor of a session: the channel to it, and the data that has not been sent yet.
#[derive(Debug)]
pub(super) struct Conductor {
    pub(super) channel: Channel<PlayerTime>,
    pub(super) transfers: Transfers,
    spool: Spool,
    /// The log of the player, if it goes to the conductor.
    log: Option<LogSocket>,
    /// When the amount of data waiting to be sent last changed, and that amount.
    moved: (PlayerTime, usize),
    /// Whether the spool is full and this was reported to the conductor.
    is_stalled: bool,
}

impl Conductor {
    /// Creates the conductor on this connection. It also gets `log`.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection cannot begin a session.
    pub(super) fn new(link: Link<PlayerTime>, spool_limit: u64, log: Option<LogSocket>) -> io::Result<Self> {
        let now = clock();
        let mut channel = Channel::new(now);
        channel.connect(link, 0).map_err(io::Error::other)?;
        let (transfers, spool) = (Transfers::new(), Spool::new(spool_limit));
        Ok(Self { channel, transfers, spool, log, moved: (now, 0), is_stalled: false })
    }

    /// Continues on another connection, which is answered with `welcome`. `rest` is what the conductor sent after its
    /// `hello`. Returns whether this succeeded.
    pub(super) fn resume(&mut self, connection: Connection, hello: &Hello, mut welcome: Welcome, rest: &[u8]) -> bool {
        let mut decoder = FrameDecoder::new(MAX_FRAME as u64);
        decoder.push(rest);
        welcome.next = self.channel.inbox.next();
        let Hello { run, worker, attempt, next, .. } = hello;
        let resumed = self.channel.connect(open(connection, decoder, lease(hello), welcome), *next);
        match &resumed {
            Ok(()) => tracing::info!("run {run}: the session of `{worker}` continues over connection {attempt}"),
            Err(why) => tracing::warn!("run {run}: the session of `{worker}` cannot go on: {why}"),
        }
        resumed.is_ok()
    }

    /// Does a part of the file transfers. Files are sent after the output of steps.
    pub(super) fn transfer(&mut self) -> Vec<SessionEvent> {
        self.transfers.work(self.spool.is_empty(), &mut self.channel.outbox, clock())
    }

    /// Sends the log, once nothing else is waiting to be sent.
    pub(super) fn send_log(&mut self) {
        if let Some(log) = self.log.as_mut().filter(|_| self.channel.link().is_some() && self.channel.outbox.is_idle())
        {
            log.take().iter().for_each(|message| self.channel.outbox.push(message));
        }
    }

    /// Whether something can be sent or read without waiting.
    pub(super) fn has_work(&self) -> bool {
        self.spool.is_empty() && self.transfers.has_work(&self.channel.outbox)
    }

    /// Sends as much as possible. Returns whether more can be sent immediately.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection is lost.
    pub(super) fn write(&mut self) -> Result<bool, LinkError> {
        let before = self.channel.outbox.waiting_data();
        self.channel.write(clock)?;
        Ok(!self.spool.is_empty() && self.channel.outbox.waiting_data() != before)
    }

    /// Moves output to the spool while the conductor does not receive any, and back from the spool otherwise.
    pub(super) fn spool_or_refill(&mut self) {
        let (now, waiting) = (clock(), self.channel.outbox.waiting_data());
        if waiting != self.moved.1 || waiting == 0 {
            self.moved = (now, waiting);
        }
        let is_stuck = now.since(self.moved.0) >= PATIENCE;
        self.spool.is_open = self.channel.link().is_none() || is_stuck || !self.spool.is_empty();
        self.spool.refill(&mut self.channel.outbox);
        let is_full = self.spool.is_full();
        if is_full && !self.is_stalled {
            self.channel.outbox.push(&PlayerMessage::Stalled { kept: self.spool.waiting() });
        }
        self.is_stalled = is_full;
    }

    /// Returns when waiting output has to go to the spool.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        let waits = !self.spool.has_room(&self.channel.outbox) && !self.is_stalled;
        let spool = waits.then(|| self.moved.0.plus(PATIENCE));
        self.channel.link().map(Link::next_deadline).into_iter().chain(spool).min()
    }

    /// Whether everything was delivered.
    pub(super) fn is_settled(&self) -> bool {
        self.channel.is_settled() && self.spool.is_empty()
    }
}

/// Creates the link on a connection. It begins with `welcome`.
pub(super) fn open(
    connection: Connection,
    decoder: FrameDecoder,
    lease: Duration,
    welcome: Welcome,
) -> Link<PlayerTime> {
    let mut link = Link::new(connection, "its conductor", decoder, interval(lease), clock());
    link.begin_with(&Greeting::Welcome(Welcome { clock: clock().nanoseconds(), ..welcome }).encode());
    link
}

/// Returns the lease of this conductor.
pub(super) fn lease(hello: &Hello) -> Duration {
    /// The lease if the conductor requests none.
    const DEFAULT: Duration = Duration::from_mins(1);
    if hello.lease == 0 { DEFAULT } else { Duration::from_nanos(hello.lease).min(LONGEST_LEASE) }
}
