//! The output of a check: read from its pipes as it arrives, and kept in the store of the run like the output of a
//! step.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read};

use rustix::event::{PollFd, PollFlags};

use super::store::StreamWriter;
use crate::model::Output;

/// How many bytes are read at once.
const PIECE: usize = 64 << 10;

/// The output on one stream.
pub(super) struct Printed {
    /// Our end of the pipe, until all writers have closed theirs.
    pipe: Option<PipeReader>,
    kept: StreamWriter,
    buffer: Vec<u8>,
}

impl Printed {
    /// Creates a stream. The check writes to the returned end of the pipe.
    ///
    /// # Errors
    ///
    /// Returns an error if the pipe cannot be created.
    pub(super) fn begin(kept: StreamWriter) -> io::Result<(Self, PipeWriter)> {
        let (pipe, theirs) = io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok((Self { pipe: Some(pipe), kept, buffer: vec![0; PIECE] }, theirs))
    }

    /// The descriptor to poll, while the stream is open.
    pub(super) fn waits_for(&self) -> Option<PollFd<'_>> {
        self.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN))
    }

    /// Reads what is available, or a part of it if there is much. Output that cannot be kept is read and discarded.
    ///
    /// # Errors
    ///
    /// Returns an error if output cannot be kept.
    pub(super) fn take(&mut self) -> io::Result<()> {
        /// The most reads in one call. Then the caller handles everything else.
        const ROUNDS: usize = 16;
        let mut kept = Ok(());
        for _ in 0..ROUNDS {
            let Some(pipe) = &mut self.pipe else { break };
            match pipe.read(&mut self.buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => kept = kept.and(self.kept.append(&self.buffer[..count])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        kept
    }

    /// All output that was kept.
    pub(super) fn output(&self) -> Output {
        self.kept.output(u64::MAX)
    }
}
