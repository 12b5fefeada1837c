//! The log of a player that serves only one session. It is not written on the machine but sent to the conductor: the
//! listener and the session process write to one socket, and the session process reads the other end and sends the
//! lines.
//!
//! Each packet is the JSON of a [`LogLine`]. Writing never waits: if the socket has no room for a line,
//! the writer drops the line and counts it (`telemetry`).

use std::fs::File;
use std::io::{self, Read};

use crate::model::LogLine;
use crate::wire::{PlayerMessage, cleaned};

/// The maximum number of packets that are read at a time, so that many log lines do not hold up the process.
const MOST: usize = 50;

/// The end of the socket from which the log is read. Reading does not block.
#[derive(Debug)]
pub struct LogSocket(File);

impl LogSocket {
    /// Creates a reader of this non-blocking socket.
    pub fn new(socket: File) -> Self {
        Self(socket)
    }

    /// Duplicates the socket for another process.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Returns the messages to send for the lines that have been written.
    pub(super) fn take(&mut self) -> Vec<PlayerMessage> {
        let mut buffer = [0; 16 << 10];
        let mut messages = Vec::new();
        for _ in 0..MOST {
            let Ok(count @ 1..) = self.0.read(&mut buffer) else { break };
            // A packet can contain a second line, with the number of missing lines.
            let lines = buffer[..count].split(|byte| *byte == b'\n');
            let lines = lines.filter_map(|line| serde_json::from_slice(line).ok());
            messages
                .extend(lines.map(|LogLine { level, message }| PlayerMessage::Log { level, text: cleaned(&message) }));
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::model::LogLevel;

    #[test]
    fn each_line_is_a_message_of_its_level() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut log = LogSocket::new(File::from(OwnedFd::from(ours)));
        let mut writer = File::from(OwnedFd::from(theirs));
        let message = |level, text: &str| PlayerMessage::Log { level, text: text.to_owned() };
        assert_eq!(log.take(), []);
        writer.write_all(b"{\"level\":\"info\",\"message\":\"a\\nb\"}\n").unwrap();
        writer.write_all(b"{\"level\":\"warning\",\"message\":\"c\"}\n{\"level\":\"x\",\"message\":\"d\"}\n").unwrap();
        let expected =
            [message(LogLevel::Info, "a\\nb"), message(LogLevel::Warning, "c"), message(LogLevel::Debug, "d")];
        assert_eq!(log.take(), expected);
        assert_eq!(log.take(), []);
    }
}
