//! The messages between the listener and its processes: enough to clean up after a session that dies, and to pass to a
//! session the next connection of its conductor.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::scratch::ScratchFolder;
use crate::model::{PlayerTime, Process};
use crate::sys;
use crate::wire::{Connection, FrameDecoder, Hello, Welcome, frame};

/// A report of a process to the listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Note {
    /// The plan of the session.
    Plan {
        /// The plan as JSON.
        text: String,
        /// The time limit of its Reset, in nanoseconds.
        reset_timeout: u64,
    },
    /// Something was started in this trial that Reset has to undo.
    ResetNeeded(u32),
    /// Reset has started, and is not run a second time.
    ResetBegun,
    /// All scratch folders that exist now. They are removed if the session dies.
    Scratch(Vec<ScratchFolder>),
    /// A phase of a Python conductor has run; its results are being delivered.
    Delivering,
    /// The connection to the conductor was lost, with the time at which it was last heard from; or, without a time, it
    /// was restored.
    Silent(Option<PlayerTime>),
    /// The addresses of the conductor's name, or the reason why they are unknown.
    Addresses(Result<Vec<std::net::IpAddr>, String>),
    /// The session is orphaned, for this reason.
    Orphaned(String),
    /// The session ended in an orderly way.
    Over {
        /// The processes that it leaves running on purpose.
        left: Vec<Process>,
        /// What the next conductor has to know about the session.
        summary: Option<String>,
    },
}

/// An order of the listener to a session process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Continue on a new connection of the conductor, which is passed with this order.
    Resume {
        /// The `hello` of the conductor on this connection.
        hello: Box<Hello>,
        /// The answer, which the session completes.
        welcome: Box<Welcome>,
        /// The data that was received after the `hello`.
        rest: Vec<u8>,
    },
    /// Stop the steps, run Reset, and end.
    Abandon {
        /// The reason.
        reason: String,
        /// The maximum duration of Reset.
        reset_limit: Option<Duration>,
    },
}

/// Sends a note to the listener. If the listener has died, the error does not matter.
pub(super) fn send(mut stream: &UnixStream, note: &Note) {
    if let Ok(text) = serde_json::to_vec(note) {
        let _ = stream.write_all(&frame(&text));
    }
}

/// One end of the connection between the listener and a process. Reading never blocks.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) stream: UnixStream,
    decoder: FrameDecoder,
    /// The connections that were passed with orders.
    connections: VecDeque<Connection>,
    ended: bool,
}

impl Notes {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: FrameDecoder::new(u64::from(u32::MAX)), connections: VecDeque::new(), ended: false }
    }

    /// Returns the socket to wait for, until the other end is closed.
    pub(super) fn open(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.stream.as_fd())
    }

    /// Returns the messages that have arrived.
    pub(super) fn take<M: DeserializeOwned>(&mut self) -> Vec<M> {
        while !self.ended && self.read() {}
        let payloads = std::iter::from_fn(|| self.decoder.next_frame().ok().flatten());
        let messages = payloads.filter_map(|payload| serde_json::from_slice(&payload).ok()).collect();
        // A plan is large, and there is only one: free its memory.
        self.decoder.rest();
        messages
    }

    /// Returns the connection that was passed with the first order.
    pub(super) fn connection(&mut self) -> Option<Connection> {
        self.connections.pop_front()
    }

    /// Sends an order, with its connection if it has one.
    pub(super) fn order(&self, order: &Order, connection: Option<&Connection>) {
        let Ok(text) = serde_json::to_vec(order) else { return };
        let bytes = frame(&text);
        let descriptors = connection.map(Connection::descriptors).unwrap_or_default();
        // An order is short: a process that does not accept all of it is stopped (`SIGSTOP`), and needs none.
        let _ = sys::send_with(&self.stream, &bytes, &descriptors);
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4 << 10];
        match sys::receive_with(&self.stream, &mut buffer) {
            Ok((count @ 1.., descriptors)) => {
                if !descriptors.is_empty() {
                    self.connections.extend(Connection::passed(descriptors));
                }
                self.decoder.push(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Ok(_) | Err(_) => {
                self.ended = true;
                false
            }
        }
    }
}
