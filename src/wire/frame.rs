//! Frames: a length of four bytes and a payload.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use thiserror::Error;

/// The maximum payload of a session frame, in bytes.
pub const MAX_FRAME: usize = 64 << 10;

/// Prepends the length to a payload.
///
/// # Panics
///
/// Panics if the payload has 4 GiB or more, which no message of ours has.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + payload.len());
    #[expect(clippy::expect_used, reason = "no part of the program makes a payload of 4 GiB")]
    let length = u32::try_from(payload.len()).expect("a payload is shorter than 4 GiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Why bytes are not a frame. The texts are those of the Python program, because its conductors receive them as
/// answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length exceeds the limit.
    #[error("Message too large: {length} bytes (max: {limit})")]
    TooLarge {
        /// The length in the header, in bytes.
        length: u64,
        /// The maximum length, in bytes.
        limit: u64,
    },
    /// The stream ended before a frame began.
    #[error("Connection closed")]
    Closed,
    /// The stream ended within the length.
    #[error("Incomplete length header")]
    InHeader,
    /// The stream ended within the payload.
    #[error("Incomplete message received")]
    InPayload,
}

/// Splits a stream of bytes into frames, however the bytes arrive.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: u64,
    buffer: Vec<u8>,
    from: usize,
    /// Whether the last read filled all the room.
    is_busy: bool,
}

/// The room for a usual message, in bytes.
const IDLE: usize = 4 << 10;

impl FrameDecoder {
    /// Creates a decoder of payloads of at most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, buffer: Vec::new(), from: 0, is_busy: false }
    }

    /// Changes the limit for the frames that have not been taken yet.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// Makes the space of frames that were taken usable again.
    fn compact(&mut self) {
        self.buffer.drain(..self.from);
        self.from = 0;
    }

    /// Reads once from a socket, into memory that is reused. The memory stays small until more data arrives.
    ///
    /// # Errors
    ///
    /// Returns an error if the socket cannot be read, or if it would block.
    pub fn read(&mut self, socket: impl AsFd) -> io::Result<usize> {
        /// A session frame and a little more.
        const ROOM: usize = 80 << 10;
        if self.from == self.buffer.len() || self.buffer.capacity() - self.buffer.len() < ROOM {
            self.compact();
        }
        self.buffer.reserve(if self.is_busy { ROOM } else { IDLE });
        let room = self.buffer.capacity() - self.buffer.len();
        let count = rustix::io::read(socket, rustix::buffer::spare_capacity(&mut self.buffer))?;
        self.is_busy = count == room;
        Ok(count)
    }

    /// Returns the last `count` bytes that were read.
    pub(super) fn newest(&self, count: usize) -> &[u8] {
        &self.buffer[self.buffer.len() - count..]
    }

    /// Whether the socket may contain more than was read last.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Releases the memory that a large message required, before waiting for the next one.
    pub fn rest(&mut self) {
        self.is_busy = false;
        if self.buffer.capacity() > 2 * IDLE && self.from == self.buffer.len() {
            (self.buffer, self.from) = (Vec::new(), 0);
        }
    }

    /// Returns the bytes that do not belong to a complete frame yet.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.from..]
    }

    /// Returns the next payload, if it is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the next frame exceeds the limit, as soon as its length has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        Ok(self.next_payload()?.map(<[u8]>::to_vec))
    }

    /// Returns the next payload without copying it.
    ///
    /// # Errors
    ///
    /// See [`Self::next_frame`].
    pub fn next_payload(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some((header, rest)) = self.pending().split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u64::from(u32::from_be_bytes(*header));
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.from + 4;
        self.from = start + length;
        Ok(Some(&self.buffer[start..self.from]))
    }

    /// Waits for the next whole payload. `more` waits for more bytes and adds them; it returns 0 at the end of the
    /// stream, and is called again after `WouldBlock` and `Interrupted`.
    ///
    /// # Errors
    ///
    /// Returns the other errors of `more`, `UnexpectedEof` if the stream ends before, and `InvalidData` if the frame is
    /// over the limit.
    pub fn wait_for_frame(&mut self, mut more: impl FnMut(&mut Self) -> io::Result<usize>) -> io::Result<Vec<u8>> {
        loop {
            let invalid = |error: FrameError| io::Error::new(ErrorKind::InvalidData, error.to_string());
            if let Some(payload) = self.next_frame().map_err(invalid)? {
                return Ok(payload);
            }
            match more(self) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, self.end().to_string())),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns what the end of the stream means at this point.
    pub fn end(&self) -> FrameError {
        match self.pending().len() {
            0 => FrameError::Closed,
            1..4 => FrameError::InHeader,
            _ => FrameError::InPayload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let mut bytes = frame(b"{}");
        bytes.extend(frame(b""));
        bytes.extend(frame(b"three"));
        for piece in 1..bytes.len() {
            let mut decoder = FrameDecoder::new(10);
            let mut found = Vec::new();
            for chunk in bytes.chunks(piece) {
                decoder.push(chunk);
                while let Some(payload) = decoder.next_frame().unwrap() {
                    found.push(payload);
                }
            }
            assert_eq!(found, [b"{}".to_vec(), b"".to_vec(), b"three".to_vec()]);
            assert_eq!(decoder.end(), FrameError::Closed);
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_payload_is_there() {
        let mut decoder = FrameDecoder::new(10);
        decoder.push(&[0, 0, 0, 11]);
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLarge { length: 11, limit: 10 }));
    }

    #[test]
    fn an_end_says_where_it_came() {
        let mut decoder = FrameDecoder::new(10);
        decoder.push(&[0, 0]);
        assert_eq!(decoder.end(), FrameError::InHeader);
        decoder.push(&[0, 4, b'x']);
        assert_eq!(decoder.end(), FrameError::InPayload);
    }
}
