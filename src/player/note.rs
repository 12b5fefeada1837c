//! What a session process and its listener tell each other: enough to clean up after it, should it die, and to hand it
//! its conductor's next connection.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::Process;
use crate::wire::{Connection, FrameDecoder, Hello, Welcome, frame};

/// One thing that a session process tells its listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub(super) enum Note {
    /// What it will do: the plan's message, as it came.
    Plan {
        /// Its JSON.
        text: String,
        /// How long its Reset may take, in nanoseconds.
        reset_timeout: u64,
    },
    /// Something was started: from now on Reset is due.
    ResetNeeded {
        /// In this trial.
        trial: u32,
    },
    /// Reset was begun: it is not to be run a second time.
    ResetBegun,
    /// A seed conductor's phases were run; its results are being delivered.
    Delivering,
    /// The conductor was last heard of then, in nanoseconds of `CLOCK_BOOTTIME`, and there is no connection to it; or
    /// there is one again.
    Silent {
        /// When; nothing while there is a connection.
        since: Option<u64>,
    },
    /// What the conductor's name stands for, or why that is not known.
    Addresses {
        /// The addresses.
        found: Result<Vec<std::net::IpAddr>, String>,
    },
    /// The session is on its own.
    Orphaned {
        /// Why.
        reason: String,
    },
    /// The session ended in good order.
    Over {
        /// What it leaves running, on purpose.
        left: Vec<Process>,
        /// What the next conductor has to know of it.
        summary: Option<String>,
    },
}

/// One thing that the listener tells a session process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(super) enum Order {
    /// Its conductor has a new connection, which comes along.
    Resume {
        /// What the conductor said on it.
        hello: Box<Hello>,
        /// What it is to be answered, but for what the session knows better.
        welcome: Box<Welcome>,
        /// What came behind that.
        rest: Vec<u8>,
    },
    /// It is not wanted any more: it is to stop its steps, run Reset, and end.
    Abandon {
        /// Why.
        reason: String,
        /// How long Reset may take at most, in seconds.
        reset_limit: Option<u64>,
    },
}

/// Tells the listener. A listener that has died needs no note.
pub(super) fn send(stream: &mut UnixStream, note: &Note) {
    if let Ok(text) = serde_json::to_vec(note) {
        let _ = stream.write_all(&frame(&text));
    }
}

/// One end of the line between the two: it never blocks when it reads.
#[derive(Debug)]
pub(super) struct Notes {
    stream: UnixStream,
    decoder: FrameDecoder,
    /// Connections that came along with orders.
    connections: VecDeque<Connection>,
    ended: bool,
}

impl Notes {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: FrameDecoder::new(u64::from(u32::MAX)), connections: VecDeque::new(), ended: false }
    }

    /// The other side, to tell it something.
    pub(super) fn stream(&mut self) -> &mut UnixStream {
        &mut self.stream
    }

    /// The socket to wait for, as long as somebody is at the other end.
    pub(super) fn open(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.stream.as_fd())
    }

    /// What has come.
    pub(super) fn take<M: DeserializeOwned>(&mut self) -> Vec<M> {
        while !self.ended && self.read() {}
        let payloads = std::iter::from_fn(|| self.decoder.next_frame().ok().flatten());
        let messages = payloads.filter_map(|payload| serde_json::from_slice(&payload).ok()).collect();
        // A plan is large, and the only one of its kind.
        self.decoder.rest();
        messages
    }

    /// The connection that came along with the order taken first.
    pub(super) fn connection(&mut self) -> Option<Connection> {
        self.connections.pop_front()
    }

    /// Gives an order, with a connection if one belongs to it; whether it was taken.
    pub(super) fn order(&self, order: &Order, connection: Option<&Connection>) -> bool {
        let Ok(text) = serde_json::to_vec(order) else { return false };
        let bytes = frame(&text);
        let descriptors = connection.map(Connection::descriptors).unwrap_or_default();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        // An order is short, and a session that takes none is stopped: half an order is as bad as none.
        let sent =
            sendmsg(&self.stream, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        sent == Ok(bytes.len())
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        match recvmsg(&self.stream, &mut [IoSliceMut::new(&mut buffer)], &mut ancillary, flags) {
            Ok(received) if received.bytes > 0 => {
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                        let connection = descriptors.next().map(|input| Connection::new(input, descriptors.next()));
                        self.connections.extend(connection.and_then(Result::ok));
                    }
                }
                self.decoder.push(&buffer[..received.bytes]);
                true
            }
            Err(rustix::io::Errno::INTR) => true,
            Err(rustix::io::Errno::AGAIN) => false,
            Ok(_) | Err(_) => {
                self.ended = true;
                false
            }
        }
    }
}
