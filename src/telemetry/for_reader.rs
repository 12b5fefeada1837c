//! A stream that another process reads: a pipe, a socket or a terminal. The writer reports when it has to wait for the
//! reader, and can be told to stop waiting.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::{FileType, fstat};

use super::stderr::say_if_heard;
use crate::wait::{Patience, Wait};

/// Such a stream, with its name for messages.
pub(crate) struct ForReader<W> {
    writer: W,
    name: String,
    wait: Wait,
    patience: Patience,
    /// A file on a disk has no reader to wait for.
    is_file: bool,
    /// How often the wait for the reader was long enough to be reported.
    waits: u32,
    /// The function that reports it.
    say: fn(&str),
}

impl<W: Write + AsFd> ForReader<W> {
    /// Creates a stream for the log, whose waits are reported on standard error because the log cannot report them
    /// itself.
    pub(super) fn of_log(writer: W, name: String) -> Self {
        Self { say: say_if_heard, ..Self::new(writer, name, Wait::OutputRoom, Patience::default()) }
    }

    /// Creates a stream that is written while this patience lasts.
    pub(crate) fn new(writer: W, name: String, wait: Wait, patience: Patience) -> Self {
        let is_file = fstat(&writer).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile);
        Self { writer, name, wait, patience, is_file, waits: 0, say: |text| tracing::warn!("{text}") }
    }
}

impl<W: Write + AsFd> Write for ForReader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_file {
            return self.writer.write(bytes);
        }
        let Self { writer, name, wait, patience, waits, say, .. } = self;
        let slow = || {
            *waits += 1;
            // For a reader that is always slow, report this more and more rarely.
            if waits.is_power_of_two() {
                say(&format!("waiting for the process that reads {name}"));
            }
        };
        wait.write(writer, bytes, slow, || patience.lasts())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
