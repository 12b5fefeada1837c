//! What a check prints: read from its pipes as it comes, and kept in the store of the run like the output of a step.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read};

use rustix::event::{PollFd, PollFlags};

use super::store::StreamWriter;
use crate::model::Output;

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// What is printed on one stream.
pub(super) struct Printed {
    /// Our end of the pipe, until everybody has closed theirs.
    pipe: Option<PipeReader>,
    kept: StreamWriter,
    buffer: Vec<u8>,
}

impl Printed {
    /// Begins a stream; the other end is what the check prints to.
    ///
    /// # Errors
    ///
    /// Says why there is no pipe.
    pub(super) fn begin(kept: StreamWriter) -> io::Result<(Self, PipeWriter)> {
        let (pipe, theirs) = io::pipe()?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok((Self { pipe: Some(pipe), kept, buffer: vec![0; PIECE] }, theirs))
    }

    /// What to wait for.
    pub(super) fn waits_for(&self) -> Option<PollFd<'_>> {
        self.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN))
    }

    /// Takes what is there, or a part of it when it is much. What cannot be kept is taken all the same.
    ///
    /// # Errors
    ///
    /// Says why it cannot be kept.
    pub(super) fn take(&mut self) -> io::Result<()> {
        /// Then the caller looks at everything else.
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

    /// Everything that was kept.
    pub(super) fn output(&self) -> Output {
        self.kept.output(u64::MAX)
    }
}
