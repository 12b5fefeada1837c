//! A connection of a hostile conductor: it waits for nothing without an end, and does not mind what becomes of what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::SockRef;

use super::super::wire::frame;
use super::{End, PATIENCE};

/// A connection.
pub struct Talk {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The number of the player's frame that is expected next.
    pub next: u64,
    has_left: bool,
    was_reset: bool,
}

/// What was heard.
pub enum Heard {
    Message(Value),
    Data,
    Closed,
    /// Nothing, for as long as it was waited for.
    Late,
}

impl Talk {
    pub fn connect(port: u16) -> Option<Self> {
        Self::on(TcpStream::connect(("127.0.0.1", port)).ok()?)
    }

    pub fn on(stream: TcpStream) -> Option<Self> {
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(Duration::from_secs(1))).ok()?;
        Some(Self { stream, buffer: Vec::new(), next: 0, has_left: false, was_reset: false })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Has the connection end with a reset when it is dropped.
    pub fn cut(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// The next frame, acknowledged.
    pub fn hear(&mut self, until: Instant) -> Heard {
        loop {
            if let Some(payload) = self.frame() {
                return self.take(&payload);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Heard::Late;
            }
            let _ = self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => return Heard::Closed,
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Heard::Late;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.was_reset = true;
                    return Heard::Closed;
                }
            }
        }
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let length = u32::from_be_bytes(*self.buffer.first_chunk()?);
        let end = 4 + usize::try_from(length).expect("a length");
        let payload = self.buffer.get(4..end)?.to_vec();
        self.buffer.drain(..end);
        Some(payload)
    }

    fn take(&mut self, payload: &[u8]) -> Heard {
        if payload.first() == Some(&1) {
            let number = payload.get(1..9).and_then(|bytes| bytes.first_chunk().copied());
            self.acknowledge(number.map(u64::from_be_bytes));
            return Heard::Data;
        }
        let message: Value = serde_json::from_slice(payload).expect("a player says JSON");
        self.acknowledge(message["number"].as_u64());
        self.has_left |= message["type"] == "leaving";
        if message["type"] == "heartbeat" {
            self.write(&frame(br#"{"type":"heartbeat"}"#));
        }
        Heard::Message(message)
    }

    fn acknowledge(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.next = number + 1;
            self.write(&frame(json!({"type": "acknowledge", "next": self.next}).to_string().as_bytes()));
        }
    }

    /// The next message of this type.
    pub fn expect(&mut self, kind: &str) -> Option<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.hear(end) {
                Heard::Message(message) if message["type"] == kind => return Some(message),
                Heard::Message(_) | Heard::Data => {}
                Heard::Closed | Heard::Late => return None,
            }
        }
    }

    /// What becomes of the connection until then.
    pub fn end(&mut self, until: Instant) -> End {
        loop {
            match self.hear(until) {
                Heard::Message(_) | Heard::Data => {}
                Heard::Closed => return self.how_it_ended(),
                Heard::Late => return if self.has_left { End::Left } else { End::Open },
            }
        }
    }

    /// How the connection ended that did.
    pub fn how_it_ended(&self) -> End {
        match (self.has_left, self.was_reset) {
            (true, _) => End::Left,
            (false, true) => End::Reset,
            (false, false) => End::Closed,
        }
    }
}
