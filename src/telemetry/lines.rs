//! The writer of log lines. It never fails: lines for which there is no room are dropped, and their number is written
//! in their place. An impatient writer drops lines rather than wait long, for a process whose only thread has other
//! work.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::format::LogFormat;
use super::stderr::say_if_heard;
use crate::wait::{PAGE, Wait};

/// The writer of log lines.
#[derive(Debug)]
pub(super) struct Lines<W> {
    writer: W,
    format: LogFormat,
    /// How many lines have been dropped so far, including a truncated one.
    missing: usize,
    /// Whether the last line was written without its end.
    is_cut: bool,
    /// Returns whether there is room in the writer, waiting at most this long; `None` if the writer itself waits for
    /// its reader.
    has_room: Option<fn(&W, Duration) -> bool>,
    /// The log file, until it has been reported that it cannot be written.
    file: Option<PathBuf>,
}

impl<W: Write> Lines<W> {
    /// Creates a writer that waits for its reader.
    pub(super) fn patient(writer: W, format: LogFormat) -> Self {
        Self { writer, format, missing: 0, is_cut: false, has_room: None, file: None }
    }

    /// Creates a writer that does not wait long for its reader.
    pub(super) fn impatient(writer: W, format: LogFormat) -> Self
    where
        W: AsFd,
    {
        Self { has_room: Some(|writer, time| Wait::LogRoom.has_room(writer, time)), ..Self::patient(writer, format) }
    }

    /// Sets the log file. If it cannot be written, this is reported once on standard error.
    pub(super) fn of_file(self, path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    /// Returns the part of the text to write now, which is empty if there is no room. If a reader did not make room in
    /// time, later calls do not wait until there is room again.
    fn next<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(has_room) = self.has_room else { return text };
        let time = if self.missing == 0 { Wait::LogRoom.time() } else { Duration::ZERO };
        if has_room(&self.writer, time) { &text[..text.len().min(PAGE)] } else { &[] }
    }

    /// Writes as much of the text as possible. Returns how many bytes were written.
    fn put(&mut self, text: &[u8]) -> usize {
        let mut written = 0;
        while written < text.len() {
            let part = self.next(&text[written..]);
            if part.is_empty() {
                break;
            }
            match self.writer.write(part) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Some(file) = self.file.take() {
                        let file = file.display();
                        say_if_heard(&format!("error: cannot write the log file `{file}`: {error}"));
                    }
                    break;
                }
            }
        }
        written
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (end, note) = (if self.is_cut { "\n" } else { "" }, self.format.missing(self.missing));
        let text = [end.as_bytes(), note.as_bytes(), line].concat();
        (self.is_cut, self.missing) = match self.put(&text) {
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
    use std::fs::File;
    use std::io::Read;

    use super::*;

    #[test]
    fn lines_that_find_no_room_are_counted_where_they_would_be() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = Lines::impatient(writer, LogFormat::Text);
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
        assert!(
            note.ends_with(
                "- WARNING - 2 lines are missing here: the log could not be written, or its reader did not read it\n"
            ),
            "{note}"
        );
    }

    #[test]
    fn a_line_that_is_longer_than_the_room_is_cut_and_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = Lines::impatient(writer, LogFormat::Text);
        log.write_all(&vec![b'x'; 100_000]).unwrap();
        reader.read_exact(&mut vec![0; 64 << 10]).unwrap();
        log.write_all(b"next").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let note = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix("next")).unwrap();
        assert!(note.contains("- WARNING - 1 line is missing here: "), "{note}");
    }

    #[test]
    fn a_full_disk_and_a_reader_that_is_gone_are_counted_and_never_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (reader, gone) = io::pipe().unwrap();
        drop(reader);
        let (mut file, mut pipe) = (Lines::patient(full, LogFormat::Text), Lines::impatient(gone, LogFormat::Text));
        for count in 1..=3 {
            file.write_all(b"line\n").unwrap();
            pipe.write_all(b"line\n").unwrap();
            assert_eq!((file.missing, pipe.missing), (count, count));
        }
    }
}
