//! The messages between the listener and its processes: enough to clean up after a session that dies, and to pass it its
//! conductor's next connection.

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

/// What a process reports to the listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Note {
    /// The plan of the session.
    Plan {
        /// Its JSON.
        text: String,
        /// How long its Reset may take, in nanoseconds.
        reset_timeout: u64,
    },
    /// Something was started in this trial that Reset has to undo.
    ResetNeeded(u32),
    /// Reset has begun: it is not run a second time.
    ResetBegun,
    /// All scratch folders that exist now. They are removed if the session dies.
    Scratch(Vec<ScratchFolder>),
    /// A phase of a Python conductor was run; its results are being delivered.
    Delivering,
    /// The connection to the conductor was lost, and this is when something last came from it; or there is one again.
    Silent(Option<PlayerTime>),
    /// The addresses of the conductor's name, or why they are not known.
    Addresses(Result<Vec<std::net::IpAddr>, String>),
    /// The session is orphaned, for this reason.
    Orphaned(String),
    /// The session ended in good order.
    Over {
        /// What it leaves running on purpose.
        left: Vec<Process>,
        /// What the next conductor has to know about it.
        summary: Option<String>,
    },
}

/// What the listener tells a session process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Its conductor has a new connection, which is passed with this order.
    Resume {
        /// What the conductor said on it.
        hello: Box<Hello>,
        /// The answer, which the session completes.
        welcome: Box<Welcome>,
        /// What came after that.
        rest: Vec<u8>,
    },
    /// It has to stop its steps, run Reset, and end.
    Abandon {
        /// Why.
        reason: String,
        /// How long Reset may take at most.
        reset_limit: Option<Duration>,
    },
}

/// Reports to the listener. If that has died, it does not matter.
pub(super) fn send(mut stream: &UnixStream, note: &Note) {
    if let Ok(text) = serde_json::to_vec(note) {
        let _ = stream.write_all(&frame(&text));
    }
}

/// One end of the connection between the two. Reading never blocks.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) stream: UnixStream,
    decoder: FrameDecoder,
    /// Connections that were passed with orders.
    connections: VecDeque<Connection>,
    ended: bool,
}

impl Notes {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: FrameDecoder::new(u64::from(u32::MAX)), connections: VecDeque::new(), ended: false }
    }

    /// The socket to wait for, until the other end is closed.
    pub(super) fn open(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.stream.as_fd())
    }

    /// The messages that have arrived.
    pub(super) fn take<M: DeserializeOwned>(&mut self) -> Vec<M> {
        while !self.ended && self.read() {}
        let payloads = std::iter::from_fn(|| self.decoder.next_frame().ok().flatten());
        let messages = payloads.filter_map(|payload| serde_json::from_slice(&payload).ok()).collect();
        // A plan is large, and there is only one: free its memory.
        self.decoder.rest();
        messages
    }

    /// The connection that was passed with the first order.
    pub(super) fn connection(&mut self) -> Option<Connection> {
        self.connections.pop_front()
    }

    /// Gives an order, with a connection if one belongs to it.
    pub(super) fn order(&self, order: &Order, connection: Option<&Connection>) {
        let Ok(text) = serde_json::to_vec(order) else { return };
        let bytes = frame(&text);
        let descriptors = connection.map(Connection::descriptors).unwrap_or_default();
        // An order is short: if the process does not take all of it, it is stopped, and needs none.
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
