//! The thread that reads a session's connection: bytes in, batches of frames out.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use crate::model::ConductorTime;
use crate::wire::{FrameError, MAX_FRAME, PlayerMessage, SessionFrame};

use super::super::now::now;
use super::dial::words;

/// How much is read at once. Only what is used of it becomes memory.
const BUFFER: usize = 256 << 10;

/// What comes from the connection.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Frames that came together.
    Frames {
        /// When they came.
        arrived: ConductorTime,
        /// In their order.
        frames: Vec<SessionFrame<PlayerMessage>>,
    },
    /// The connection is over, for this reason; nothing follows.
    End(String),
}

/// Reads until the connection ends or nobody listens. `heard` has the time of the last byte, for a slow frame is a sign
/// of life too.
pub(super) fn read(mut stream: &TcpStream, pending: &[u8], heard: &AtomicU64, sender: &Sender<Incoming>) {
    let mut buffer = Cutter::new(pending);
    let reason = loop {
        let mut frames = Vec::new();
        let arrived = now();
        let failed = buffer.cut(&mut frames).err();
        if !frames.is_empty() && sender.send(Incoming::Frames { arrived, frames }).is_err() {
            return;
        }
        if let Some(reason) = failed {
            break reason;
        }
        match stream.read(buffer.room()) {
            Ok(0) => break "the connection was closed by its player".to_owned(),
            Ok(count) => {
                heard.store(now().nanoseconds(), Ordering::Relaxed);
                buffer.end += count;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break format!("the connection broke: {}", words(&error)),
        }
    };
    let _ = sender.send(Incoming::End(reason));
}

/// Cuts frames out of a buffer that is read into directly: the output of a step comes at the speed of memory.
struct Cutter {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Cutter {
    fn new(pending: &[u8]) -> Self {
        let mut buffer = vec![0; BUFFER.max(2 * pending.len())];
        buffer[..pending.len()].copy_from_slice(pending);
        Self { buffer, start: 0, end: pending.len() }
    }

    /// Room behind what is there; never none, for a frame that is whole was cut, and any other is hardly longer than a
    /// quarter of the buffer.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.buffer.len() - self.end <= MAX_FRAME + 4 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    fn cut(&mut self, frames: &mut Vec<SessionFrame<PlayerMessage>>) -> Result<(), String> {
        while let Some((header, rest)) = self.buffer[self.start..self.end].split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
            if length > MAX_FRAME {
                let error = FrameError::TooLarge { length: length as u64, limit: MAX_FRAME as u64 };
                return Err(format!("its player sent what is no frame: {error}"));
            }
            let Some(payload) = rest.get(..length) else {
                return Ok(());
            };
            let frame = SessionFrame::decode(payload).map_err(|error| error.to_string())?;
            frames.push(frame);
            self.start += 4 + length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::AtomicU64;

    use crossbeam_channel::bounded;

    use super::*;
    use crate::conduct::threads;
    use crate::wire::frame;

    fn reason_for(payload: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let bytes = frame(payload);
        let (sender, incoming) = bounded(4);
        let body = move || read(&near, &bytes, &AtomicU64::new(0), &sender);
        threads::start("reads".to_owned(), body).unwrap().join().unwrap();
        match incoming.recv().unwrap() {
            Incoming::End(reason) => reason,
            Incoming::Frames { frames, .. } => panic!("{frames:?}"),
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let text = format!("{{\"type\": {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(reason_for(text.as_bytes()).contains("recursion limit"));
        let text = format!("{{\"type\": {}{}}}", "[".repeat(120), "]".repeat(120));
        assert!(reason_for(text.as_bytes()).contains("no type"));
    }

    #[test]
    fn a_frame_over_the_limit_is_an_error() {
        assert!(reason_for(&vec![b' '; MAX_FRAME + 1]).contains("no frame"));
    }
}
