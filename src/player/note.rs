//! What a session process tells its listener: enough to clean up after it, should it die.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use crate::wire::{FrameDecoder, PlanMessage, frame};

/// One thing that a session process tells its listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub(super) enum Note {
    /// What it will do.
    Plan(Box<PlanMessage>),
    /// Something was started: from now on Reset is due.
    ResetNeeded {
        /// In this trial.
        trial: u32,
    },
    /// Reset was begun: it is not to be run a second time.
    ResetBegun,
    /// A seed conductor's phases were run; its results are being delivered.
    Delivering,
    /// The session ended in good order.
    Over {
        /// What it leaves running, on purpose: numbers and command lines.
        left: Vec<(u32, String)>,
    },
}

/// Tells the listener. A listener that has died needs no note.
pub(super) fn send(stream: &mut UnixStream, note: &Note) {
    if let Ok(text) = serde_json::to_vec(note) {
        let _ = stream.write_all(&frame(&text));
    }
}

/// The listener's end: it never blocks.
#[derive(Debug)]
pub(super) struct Notes {
    stream: UnixStream,
    decoder: FrameDecoder,
}

impl Notes {
    pub(super) fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, decoder: FrameDecoder::new(u64::from(u32::MAX)) })
    }

    /// The socket, to wait for.
    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The notes that have come.
    pub(super) fn take(&mut self) -> Vec<Note> {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = self.stream.read(&mut buffer) {
            self.decoder.push(&buffer[..count]);
        }
        let payloads = std::iter::from_fn(|| self.decoder.next_frame().ok().flatten());
        payloads.filter_map(|payload| serde_json::from_slice(&payload).ok()).collect()
    }
}
