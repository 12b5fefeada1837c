//! The connections that belong to no session: callers that have not sent their first message, and refused callers.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use super::admission::Admission;
use super::door::Door;
use super::local_socket::has_same_user;
use super::refusals::Refusals;
use super::stdio::{self, Passed};
use crate::model::PlayerTime;
use crate::sys;
use crate::wait::Wait;
use crate::wire::bounds::{CALLERS, CALLERS_BYTES, STRANGERS};
use crate::wire::seed::encode_result;
use crate::wire::{Connection, FrameDecoder, FrameError, frame};

/// How many connections are accepted before existing ones are read again.
const AT_ONCE: usize = 64;

/// How many descriptors callers leave free for sessions and for inspecting processes.
const SPARE: u64 = 8;

/// The address used for local callers of this user, which have none.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Connections that belong to no session.
#[derive(Debug, Default)]
pub(super) struct Callers {
    all: Vec<Caller>,
    /// Connections of `player --stdio` that have not yet passed on that of their conductor, and when each was accepted.
    passing: VecDeque<(UnixStream, PlayerTime)>,
    refusals: Refusals,
    /// The maximum size of a message, in bytes.
    limit: u64,
    /// Until when no connections are accepted.
    pub(super) paused: Option<PlayerTime>,
    /// Whether `player --stdio` has passed on a connection.
    pub(super) has_taken_any: bool,
    /// Whether the system lacked resources for the last connection; this is logged once.
    is_full: bool,
}

impl Callers {
    /// Creates an empty set of callers, which may send messages of up to `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Returns the descriptors to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let passing = self.passing.iter().map(|(stream, _)| stream.as_fd());
        self.all.iter().map(|caller| caller.connection.as_fd()).chain(passing)
    }

    /// Returns when to look again.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let passing = self.passing.front().map(|(_, since)| since.plus(Wait::PassedOnMessage.time()));
        self.all.iter().map(Caller::deadline).chain(passing).chain(self.refusals.deadline()).chain(self.paused).min()
    }

    /// Whether there are no callers.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.passing.is_empty()
    }

    /// Closes all connections.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.passing.clear();
    }

    /// Answers a caller, and closes its connection once the caller has received the answer.
    pub(super) fn close(&mut self, mut caller: Caller, answer: &[u8]) {
        caller.answer(answer);
        self.all.push(caller);
    }

    /// Accepts the connections that have arrived.
    pub(super) fn accept(&mut self, door: &Door, admission: &Admission, now: PlayerTime) {
        self.refusals.due(now).iter().for_each(|line| tracing::warn!("{line}"));
        if self.paused.is_some_and(|until| now < until) {
            return;
        }
        self.paused = None;
        self.accept_each(now, |callers| {
            match door {
                Door::Machine(socket) => {
                    let (stream, peer) = socket.accept()?;
                    callers.take(stream, peer.ip().to_canonical(), admission, now);
                }
                Door::Session(socket) => callers.take_passing(socket.accept()?.0, now),
            }
            Ok(())
        });
    }

    /// Accepts the connections of other players that request the machine.
    pub(super) fn accept_for_machine(&mut self, socket: &UnixListener, now: PlayerTime) {
        if self.paused.is_some() {
            return;
        }
        self.accept_each(now, |callers| {
            let (stream, _) = socket.accept()?;
            // Connections of other users are closed immediately, so they take nobody's place.
            if has_same_user(&stream)
                && let Ok(connection) = Connection::new(stream.into(), None)
            {
                callers.add(Caller { wants_machine: true, ..Caller::new(connection, LOCAL, callers.limit, now) });
            }
            Ok(())
        });
    }

    /// Accepts connections until none is left or the system lacks resources for another one.
    fn accept_each(&mut self, now: PlayerTime, accept: impl Fn(&mut Self) -> io::Result<()>) {
        for _ in 0..AT_ONCE {
            let Err(error) = accept(self) else {
                self.is_full = false;
                continue;
            };
            match error.kind() {
                ErrorKind::WouldBlock => return,
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ if self.free_descriptor() => {}
                _ => {
                    if !std::mem::replace(&mut self.is_full, true) {
                        tracing::warn!("cannot accept connections at the moment: {error}");
                    }
                    self.paused = Some(now.plus(Wait::RoomForConnection.time()));
                    return;
                }
            }
        }
    }

    fn take(&mut self, stream: TcpStream, peer: IpAddr, admission: &Admission, now: PlayerTime) {
        // Close one connection for each new one, so that callers that make progress are not shut out by others.
        if !sys::can_have_more(&stream, SPARE) && !self.free_descriptor() {
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        let Ok(connection) = Connection::tcp(stream) else { return };
        let is_stranger = !admission.admits(peer, local.ip());
        let mut caller = Caller { is_stranger, ..Caller::new(connection, peer, self.limit, now) };
        if is_stranger {
            self.refusals.add(peer, now).iter().for_each(|line| tracing::warn!("{line}"));
            caller.answer(&encode_result(1, &Admission::refusal(peer)));
        }
        self.add(caller);
    }

    fn add(&mut self, caller: Caller) {
        let is_stranger = caller.is_stranger;
        let bound = if is_stranger { STRANGERS } else { CALLERS };
        if self.all.iter().filter(|caller| caller.is_stranger == is_stranger).count() >= bound.most() {
            self.close_slowest(is_stranger);
        }
        self.all.push(caller);
    }

    /// Accepts a connection of `player --stdio`, which will pass on that of its conductor. Those of other users are
    /// closed immediately.
    fn take_passing(&mut self, stream: UnixStream, now: PlayerTime) {
        if !has_same_user(&stream) {
            return;
        }
        if self.passing.len() >= CALLERS.most() {
            self.passing.pop_front();
        }
        self.passing.push_back((stream, now));
    }

    /// Takes the connections that have been passed on.
    fn take_passed(&mut self, now: PlayerTime) {
        for (stream, since) in std::mem::take(&mut self.passing) {
            match stdio::take(stream) {
                Ok(Passed::Whole(connection, message)) => {
                    let mut caller = Caller::new(connection, LOCAL, self.limit, now);
                    caller.decoder.push(&message);
                    self.add(caller);
                    self.has_taken_any = true;
                }
                Ok(Passed::NotYet(stream)) if now < since.plus(Wait::PassedOnMessage.time()) => {
                    self.passing.push_back((stream, since));
                }
                Ok(Passed::NotYet(_)) => tracing::warn!("a connection was closed: nothing was passed on in time"),
                Err(error) => tracing::warn!("a connection was not taken: {error}"),
            }
        }
    }

    /// Closes the connection that has made the least progress, to free its descriptor. Returns false if there is none.
    pub(super) fn free_descriptor(&mut self) -> bool {
        self.close_slowest(true) || self.close_slowest(false)
    }

    fn close_slowest(&mut self, is_stranger: bool) -> bool {
        let callers = self.all.iter().enumerate().filter(|(_, caller)| caller.is_stranger == is_stranger);
        let slowest = callers.min_by_key(|(_, caller)| caller.deadline()).map(|(index, _)| index);
        slowest.map(|index| self.all.remove(index)).is_some()
    }

    /// Reads what has arrived. Returns the callers whose first message is complete.
    pub(super) fn hear(&mut self, now: PlayerTime) -> Vec<(Caller, Vec<u8>)> {
        self.take_passed(now);
        let mut messages = Vec::new();
        let mut index = 0;
        while index < self.all.len() {
            match self.all[index].read(now) {
                Heard::Nothing if now < self.all[index].deadline() => index += 1,
                Heard::Nothing | Heard::Gone => drop(self.all.swap_remove(index)),
                Heard::Bad(error) => {
                    self.all[index].answer(&encode_result(1, &error.to_string()));
                    index += 1;
                }
                Heard::Message(payload) => messages.push((self.all.swap_remove(index), payload)),
            }
            self.close_largest();
        }
        messages
    }

    /// Closes the callers with the largest incomplete messages until the total size is within its bound. A single
    /// message always is.
    fn close_largest(&mut self) {
        let most = u64::try_from(CALLERS_BYTES.most()).unwrap_or(u64::MAX).max(self.limit.saturating_mul(2));
        while self.all.iter().map(Caller::held).sum::<u64>() > most {
            let largest = self.all.iter().enumerate().max_by_key(|(_, caller)| caller.held());
            let Some((index, _)) = largest else { return };
            let peer = self.all.swap_remove(index).peer;
            tracing::warn!("a connection from {peer} was closed: incomplete messages use too much memory");
        }
    }
}

/// A connection that belongs to no session: its first message is incomplete, or it was answered and is being closed.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) connection: Connection,
    pub(super) decoder: FrameDecoder,
    /// Its address.
    pub(super) peer: IpAddr,
    progress: PlayerTime,
    since: PlayerTime,
    /// Whether its address may not connect. Strangers take no place from others.
    is_stranger: bool,
    /// Whether it is the player of another session that requests the machine.
    pub(super) wants_machine: bool,
    answered: bool,
}

/// What was read from a caller.
#[derive(Debug)]
enum Heard {
    /// No complete message yet.
    Nothing,
    /// Its first message.
    Message(Vec<u8>),
    /// Something that is not a message.
    Bad(FrameError),
    /// The end of the connection.
    Gone,
}

impl Caller {
    /// Creates a caller that has sent nothing, and may send a message of up to `limit` bytes.
    fn new(connection: Connection, peer: IpAddr, limit: u64, now: PlayerTime) -> Self {
        Self {
            connection,
            decoder: FrameDecoder::new(limit),
            peer,
            progress: now,
            since: now,
            is_stranger: false,
            wants_machine: false,
            answered: false,
        }
    }

    /// Returns when the connection is closed if nothing arrives.
    fn deadline(&self) -> PlayerTime {
        self.progress.plus(Wait::Caller.without_progress()).min(self.since.plus(Wait::Caller.time()))
    }

    /// Reads what has arrived. After an answer, discards it: closing a connection with unread data would destroy the
    /// answer.
    fn read(&mut self, now: PlayerTime) -> Heard {
        /// The maximum number of reads before other callers are read.
        const AT_ONCE: usize = 16;
        let mut buffer = [0; 16 << 10];
        // A connection that was passed on already has its first message.
        if !self.answered
            && let Ok(Some(payload)) = self.decoder.next_frame()
        {
            return Heard::Message(payload);
        }
        for _ in 0..AT_ONCE {
            match self.connection.read(&mut buffer) {
                Ok(0) if self.answered => return Heard::Gone,
                Ok(0) => return Heard::Bad(self.decoder.end()),
                Ok(_) if self.answered => {}
                Ok(count) => {
                    self.progress = now;
                    self.decoder.push(&buffer[..count]);
                    match self.decoder.next_frame() {
                        Ok(None) => {}
                        Ok(Some(payload)) => return Heard::Message(payload),
                        Err(error) => return Heard::Bad(error),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Gone,
            }
        }
        Heard::Nothing
    }

    /// The size of its incomplete message in memory.
    fn held(&self) -> u64 {
        self.decoder.pending().len() as u64
    }

    /// Answers the caller and starts to close the connection. An answer is short: a socket takes all of it, unless its
    /// peer reads nothing.
    fn answer(&mut self, payload: &[u8]) {
        let _ = self.connection.write(&frame(payload));
        let _ = self.connection.end_writing();
        self.answered = true;
    }
}
