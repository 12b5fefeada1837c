//! A writer of lines that leaves some out rather than wait long: for a process whose one thread has more to do.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::wait::Wait;

use super::LogFormat;

/// How long a reader may take to make room. One that did not is not waited for again until there is some.
const PATIENCE: Duration = Wait::LogRoom.time();

/// A pipe that says it has room takes so many bytes at once (pipe(7), `PIPE_BUF`).
const PAGE: usize = 4096;

/// The writer.
#[derive(Debug)]
pub(super) struct Impatient<W> {
    writer: W,
    format: LogFormat,
    /// How many lines are left out so far, one that was begun among them.
    missing: usize,
    /// Whether the last line that was written has no end.
    is_cut: bool,
}

impl<W: Write + AsFd> Impatient<W> {
    pub(super) fn new(writer: W, format: LogFormat) -> Self {
        Self { writer, format, missing: 0, is_cut: false }
    }

    /// Whether a page finds room.
    fn has_room(&self) -> bool {
        let patience = if self.missing == 0 { PATIENCE } else { Duration::ZERO };
        let mut descriptors = [PollFd::new(&self.writer, PollFlags::OUT)];
        // What can't be asked, or has an error, is written to: that does not wait either.
        Wait::LogRoom.poll(&mut descriptors, Some(patience)) != Ok(0)
    }
}

impl<W: Write + AsFd> Write for Impatient<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (end, note) = (if self.is_cut { "\n" } else { "" }, self.format.missing(self.missing));
        let text = [end.as_bytes(), note.as_bytes(), line].concat();
        let mut written = 0;
        for page in text.chunks(PAGE) {
            if !self.has_room() {
                break;
            }
            self.writer.write_all(page)?;
            written += page.len();
        }
        (self.is_cut, self.missing) = match written {
            0 => (self.is_cut, self.missing + 1),
            all if all == text.len() => (false, 0),
            _ => (true, 1),
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn lines_that_find_no_room_are_counted_where_they_would_be() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = Impatient::new(writer, LogFormat::Text);
        let mut full = vec![b'x'; 64 << 10];
        for line in [full.as_slice(), b"a", b"b"] {
            log.write_all(line).unwrap();
        }
        reader.read_exact(&mut full).unwrap();
        log.write_all(b"c").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let note = rest.strip_suffix("c").unwrap();
        assert!(!note.starts_with('\n'), "nothing was cut");
        assert!(note.ends_with("- WARNING - the log was not read for so long that 2 of its lines are missing here\n"));
    }
    #[test]
    fn a_line_that_is_longer_than_the_room_is_cut_and_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = Impatient::new(writer, LogFormat::Text);
        log.write_all(&vec![b'x'; 100_000]).unwrap();
        reader.read_exact(&mut vec![0; 64 << 10]).unwrap();
        log.write_all(b"next").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let note = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix("next")).unwrap();
        assert!(note.ends_with("so long that 1 of its lines are missing here\n"), "{note}");
    }
}
