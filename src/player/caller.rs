//! A connection that has not said yet what it wants, or was answered and is being closed.

use std::net::IpAddr;

use crate::model::PlayerTime;
use crate::wait::Wait;
use crate::wire::{Connection, FrameDecoder, FrameError, frame};

/// A connection that is not a session's.
#[derive(Debug)]
pub(super) struct Caller {
    connection: Connection,
    decoder: FrameDecoder,
    peer: IpAddr,
    progress: PlayerTime,
    since: PlayerTime,
    answered: bool,
}

/// What a caller has come to.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing yet.
    Nothing,
    /// Its first message.
    Message(Vec<u8>),
    /// Something that is no message.
    Bad(FrameError),
    /// It is gone.
    Gone,
}

impl Caller {
    /// Takes a connection; messages of up to `limit` bytes.
    pub(super) fn new(connection: Connection, peer: IpAddr, limit: u64, now: PlayerTime) -> Self {
        let decoder = FrameDecoder::new(limit);
        Self { connection, decoder, peer, progress: now, since: now, answered: false }
    }

    /// The connection, to wait for.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Who it is.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// When it is closed, if nothing comes.
    pub(super) fn deadline(&self) -> PlayerTime {
        self.progress.plus(Wait::Caller.without_progress()).min(self.since.plus(Wait::Caller.time()))
    }

    /// Reads what has come. After an answer whatever comes is thrown away, so that closing does not destroy the answer on
    /// its way.
    pub(super) fn read(&mut self, now: PlayerTime) -> Heard {
        /// Others want to be heard, too.
        const AT_ONCE: usize = 16;
        let mut buffer = [0; 16 << 10];
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
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Heard::Nothing,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Heard::Gone,
            }
        }
        Heard::Nothing
    }

    /// How many bytes are kept of a message that is not complete.
    pub(super) fn held(&self) -> u64 {
        self.decoder.pending().len() as u64
    }

    /// Answers, and begins to close. An answer is short: a new connection takes it whole, or its peer reads nothing at all.
    pub(super) fn answer(&mut self, payload: &[u8]) {
        let _ = self.connection.write(&frame(payload));
        self.connection.end_writing();
        self.answered = true;
    }

    /// The connection, and what was read of it beyond the first message.
    pub(super) fn into_parts(self) -> (Connection, FrameDecoder) {
        (self.connection, self.decoder)
    }
}
