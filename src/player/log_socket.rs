//! The log of a player that serves only one session. Nobody reads it on the machine, so it goes to the conductor: the
//! listener and the session process write to one socket, and the session process sends what comes out of it.
//!
//! Each packet is a JSON object with `level` and `message`. Writing never waits: lines that the socket has no room for are
//! counted by their writer (`telemetry`).

use std::fs::File;
use std::io::{self, Read};

use serde::Deserialize;

use crate::wire::{LogLevel, PlayerMessage, cleaned};

/// How many packets are taken at a time: a process that floods the log must still do its work.
const MOST: usize = 50;

/// The end of the socket from which the log is read, without waiting.
#[derive(Debug)]
pub struct LogSocket(File);

/// A line of the log.
#[derive(Deserialize)]
struct Line {
    level: String,
    message: String,
}

impl LogSocket {
    /// Reads from this socket, which does not block.
    pub fn new(socket: File) -> Self {
        Self(socket)
    }

    /// The same socket, for another process.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// What to send of the lines that have been written.
    pub(super) fn take(&mut self) -> Vec<PlayerMessage> {
        let mut buffer = [0; 16 << 10];
        let mut messages = Vec::new();
        for _ in 0..MOST {
            let Ok(count @ 1..) = self.0.read(&mut buffer) else { break };
            // A count of lines that are missing is a line of its own.
            let lines = buffer[..count].split(|byte| *byte == b'\n');
            let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
            messages.extend(
                lines.map(|line| PlayerMessage::Log { level: level(&line.level), text: cleaned(&line.message) }),
            );
        }
        messages
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
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn each_line_is_a_message_of_its_level() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut log = LogSocket::new(File::from(OwnedFd::from(ours)));
        let mut writer = File::from(OwnedFd::from(theirs));
        let message = |level, text: &str| PlayerMessage::Log { level, text: text.to_owned() };
        assert_eq!(log.take(), []);
        writer.write_all(b"{\"level\":\"INFO\",\"message\":\"a\\nb\"}\n").unwrap();
        writer.write_all(b"{\"level\":\"WARNING\",\"message\":\"c\"}\n{\"level\":\"x\",\"message\":\"d\"}\n").unwrap();
        let expected =
            [message(LogLevel::Info, "a\\nb"), message(LogLevel::Warning, "c"), message(LogLevel::Debug, "d")];
        assert_eq!(log.take(), expected);
        assert_eq!(log.take(), []);
    }
}
