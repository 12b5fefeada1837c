//! The log of a player that serves only one session. Nobody reads it on the machine, so it goes to the conductor: the
//! listener and the session process write their lines to one pipe, and the session process sends what is in it.
//!
//! A line is a JSON object with `level` and `message`. Writing never waits: lines that the pipe has no room for are counted by
//! their writer (`telemetry`).

use std::io::{self, PipeReader, Read};

use serde::Deserialize;

use crate::wire::{LogLevel, PlayerMessage, cleaned};

/// The pipe's reading end.
#[derive(Debug)]
pub struct LogPipe {
    reader: PipeReader,
    /// The beginning of a line whose end has not been read.
    begun: Vec<u8>,
}

/// A line of the log.
#[derive(Deserialize)]
struct Line {
    level: String,
    message: String,
}

impl LogPipe {
    /// Reads from this pipe, without waiting.
    ///
    /// # Errors
    ///
    /// If reading cannot be made non-blocking.
    pub fn new(reader: PipeReader) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&reader, true)?;
        Ok(Self { reader, begun: Vec::new() })
    }

    /// The same pipe, for another process.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { reader: self.reader.try_clone()?, begun: Vec::new() })
    }

    /// What to send of the lines that have been written.
    pub(super) fn take(&mut self) -> Vec<PlayerMessage> {
        let mut buffer = [0; 4 << 10];
        // It is empty, or interrupted: the next turn comes soon.
        let Ok(count @ 1..) = self.reader.read(&mut buffer) else { return Vec::new() };
        self.begun.extend_from_slice(&buffer[..count]);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.begun.split_off(end + 1);
        let lines = std::mem::replace(&mut self.begun, rest);
        // A line that was cut is among those that its writer counts.
        let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        lines.map(|line| PlayerMessage::Log { level: level(&line.level), text: cleaned(&line.message) }).collect()
    }
}

fn level(name: &str) -> LogLevel {
    match name {
        "ERROR" => LogLevel::Error,
        "WARNING" => LogLevel::Warning,
        "INFO" => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn whole_lines_are_sent_and_those_that_were_cut_are_not() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut log = LogPipe::new(reader).unwrap();
        assert_eq!(log.take(), []);
        writer.write_all(b"{\"level\":\"INFO\",\"message\":\"a\\nb\"}\n{\"level\":\"ERR\n{\"level\":\"WARN").unwrap();
        assert_eq!(log.take(), [PlayerMessage::Log { level: LogLevel::Info, text: "a\\nb".to_owned() }]);
        writer.write_all(b"ING\",\"message\":\"c\"}\n").unwrap();
        assert_eq!(log.take(), [PlayerMessage::Log { level: LogLevel::Warning, text: "c".to_owned() }]);
        assert_eq!(log.take(), []);
    }
}
