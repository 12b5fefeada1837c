//! A connection that has not said yet what it wants, or was answered and is being closed.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};

use crate::model::PlayerTime;
use crate::wait::Wait;
use crate::wire::{FrameDecoder, FrameError, frame};

/// A connection that is not a session's.
#[derive(Debug)]
pub(super) struct Caller {
    stream: TcpStream,
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
    pub(super) fn new(stream: TcpStream, peer: IpAddr, limit: u64, now: PlayerTime) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        let decoder = FrameDecoder::new(limit);
        Ok(Self { stream, decoder, peer, progress: now, since: now, answered: false })
    }

    /// The socket, to wait for.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
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
            match self.stream.read(&mut buffer) {
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

    /// Answers, and begins to close. An answer is short: a socket takes it whole, or its peer reads nothing at all.
    pub(super) fn answer(&mut self, payload: &[u8]) {
        let _ = self.stream.write_all(&frame(payload));
        let _ = self.stream.shutdown(Shutdown::Write);
        self.answered = true;
    }

    /// The connection, and what was read of it beyond the first message.
    pub(super) fn into_parts(self) -> (TcpStream, FrameDecoder) {
        (self.stream, self.decoder)
    }
}
