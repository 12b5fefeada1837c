//! The connections that belong to no session: callers that have not said what they want, and strangers that are refused.

use std::net::{IpAddr, TcpListener, TcpStream};

use super::admission::Admission;
use super::caller::{Caller, Heard};
use super::refusals::Refusals;
use crate::model::PlayerTime;
use crate::sys;
use crate::wait::Wait;
use crate::wire::Connection;
use crate::wire::bounds::{CALLERS, CALLERS_BYTES, STRANGERS};
use crate::wire::seed::encode_result;

/// How many connections are taken before those that are there are heard again.
const AT_ONCE: usize = 64;

/// How many descriptors callers leave for sessions, and for looking at processes.
const SPARE: u64 = 8;

/// Connections that belong to no session.
#[derive(Debug)]
pub(super) struct Callers {
    /// Callers that have not said what they want.
    waiting: Vec<Caller>,
    /// Connections of those who may not connect: each has its answer and is being closed. They take no place from callers.
    strangers: Vec<Caller>,
    refusals: Refusals,
    /// The largest message, in bytes.
    limit: u64,
    /// Until when no connection is taken.
    paused: Option<PlayerTime>,
    /// Whether the system had no room the last time; that is logged once.
    is_full: bool,
}

impl Callers {
    /// With messages of up to `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        let (waiting, strangers, refusals) = Default::default();
        Self { waiting, strangers, refusals, limit, paused: None, is_full: false }
    }

    /// Closes all connections.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.strangers.clear();
    }

    /// What to wait for.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.waiting.iter().chain(&self.strangers).map(Caller::connection)
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let connections = self.waiting.iter().chain(&self.strangers).map(Caller::deadline);
        connections.chain(self.refusals.deadline()).chain(self.paused).min()
    }

    /// Whether connections are taken at present.
    pub(super) fn takes_connections(&self) -> bool {
        self.paused.is_none()
    }

    /// Answers a caller, and closes its connection when it has the answer.
    pub(super) fn close(&mut self, mut caller: Caller, answer: &[u8]) {
        caller.answer(answer);
        self.waiting.push(caller);
    }

    /// Takes the connections that have come.
    pub(super) fn accept(&mut self, socket: &TcpListener, admission: &Admission, now: PlayerTime) {
        self.refusals.due(now).iter().for_each(|line| tracing::warn!("{line}"));
        if self.paused.is_some_and(|until| now < until) {
            return;
        }
        self.paused = None;
        for _ in 0..AT_ONCE {
            match socket.accept() {
                Ok((stream, peer)) => {
                    self.is_full = false;
                    self.take(stream, peer.ip().to_canonical(), admission, now);
                }
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock => return,
                    std::io::ErrorKind::Interrupted | std::io::ErrorKind::ConnectionAborted => {}
                    _ if self.free_descriptor() => {}
                    _ => {
                        if !std::mem::replace(&mut self.is_full, true) {
                            tracing::warn!("no connection can be taken at present: {error}");
                        }
                        self.paused = Some(now.plus(Wait::RoomForConnection.time()));
                        return;
                    }
                },
            }
        }
    }

    fn take(&mut self, stream: TcpStream, peer: IpAddr, admission: &Admission, now: PlayerTime) {
        // One goes for one that comes: those that make progress are not shut out by those that don't.
        if !sys::can_have_more(&stream, SPARE) && !self.free_descriptor() {
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        let Ok(connection) = Connection::tcp(stream) else { return };
        let mut caller = Caller::new(connection, peer, self.limit, now);
        if admission.admits(peer, local.ip()) {
            if self.waiting.len() >= CALLERS.most() {
                self.close_slowest();
            }
            self.waiting.push(caller);
            return;
        }
        self.refusals.add(peer, now).iter().for_each(|line| tracing::warn!("{line}"));
        caller.answer(&encode_result(1, &Admission::refusal(peer)));
        if self.strangers.len() >= STRANGERS.most() {
            self.strangers.remove(0);
        }
        self.strangers.push(caller);
    }

    /// Closes a connection that makes no progress, for the sake of its descriptor; whether there was one.
    pub(super) fn free_descriptor(&mut self) -> bool {
        if self.strangers.is_empty() {
            return self.close_slowest();
        }
        self.strangers.remove(0);
        true
    }

    fn close_slowest(&mut self) -> bool {
        let slowest = self.waiting.iter().enumerate().min_by_key(|(_, caller)| caller.deadline());
        slowest.map(|(index, _)| index).map(|index| self.waiting.swap_remove(index)).is_some()
    }

    /// Reads what has come; the callers whose messages are there.
    pub(super) fn hear(&mut self, now: PlayerTime) -> Vec<(Caller, Vec<u8>)> {
        self.strangers.retain_mut(|stranger| now < stranger.deadline() && matches!(stranger.read(now), Heard::Nothing));
        let mut messages = Vec::new();
        let mut index = 0;
        while index < self.waiting.len() {
            match self.waiting[index].read(now) {
                Heard::Nothing if now < self.waiting[index].deadline() => index += 1,
                Heard::Nothing | Heard::Gone => drop(self.waiting.swap_remove(index)),
                Heard::Bad(error) => {
                    self.waiting[index].answer(&encode_result(1, &error.to_string()));
                    index += 1;
                }
                Heard::Message(payload) => messages.push((self.waiting.swap_remove(index), payload)),
            }
            self.close_largest();
        }
        messages
    }

    /// Closes the callers that have sent most, until all together are within their bound. One message always is.
    fn close_largest(&mut self) {
        let most = u64::try_from(CALLERS_BYTES.most()).unwrap_or(u64::MAX).max(self.limit.saturating_mul(2));
        while self.waiting.iter().map(Caller::held).sum::<u64>() > most {
            let largest = self.waiting.iter().enumerate().max_by_key(|(_, caller)| caller.held());
            let Some((index, _)) = largest else { return };
            let peer = self.waiting.swap_remove(index).peer();
            tracing::warn!("a connection from {peer} was closed: unfinished messages take too much memory");
        }
    }
}
