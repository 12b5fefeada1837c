//! The sending direction of a session: what is waiting to be sent or acknowledged. It outlives connections.

use std::collections::VecDeque;

use serde::Serialize;

use super::bounds::{self, TooMuch};
use super::session_frame::encode_data;
use super::{Data, MAX_FRAME, WINDOW, WireError, frame};

/// Numbers frames, sends control messages before data, respects the credit of the peer, and keeps every frame until the
/// peer has acknowledged it, so that another connection can send it again.
#[derive(Debug, Default)]
pub struct Outbox {
    next: u64,
    /// Control messages as JSON objects that have no number yet.
    control: VecDeque<String>,
    data: VecDeque<Data>,
    waiting_data: usize,
    /// Frames that have a number and are not acknowledged.
    sent: VecDeque<Payload>,
    sent_data: usize,
    /// How many frames of `sent` were sent on this connection.
    repeated: usize,
    /// How many bytes of messages are in `control` and `sent`.
    kept_messages: usize,
}

/// The content of a frame that was sent.
#[derive(Debug)]
enum Payload {
    Message(Vec<u8>),
    Data(Data),
}

impl Outbox {
    /// Adds a message. A message that is too long for a frame is sent in parts.
    pub fn push(&mut self, message: &impl Serialize) {
        /// Leaves room for the rest of the part's JSON if every character is escaped in six bytes.
        const PIECE: usize = (MAX_FRAME - 128) / 6;
        let text = to_json(message);
        if text.len() <= MAX_FRAME - 64 {
            self.push_control(text);
            return;
        }
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            rest = after;
            let part = serde_json::json!({"type": "part", "text": piece, "last": rest.is_empty()});
            self.push_control(part.to_string());
        }
    }

    fn push_control(&mut self, text: String) {
        self.kept_messages += text.len();
        self.control.push_back(text);
    }

    /// Checks that the peer has acknowledged enough messages.
    ///
    /// # Errors
    ///
    /// Returns an error if too many bytes of messages are kept.
    pub fn check(&self) -> Result<(), TooMuch> {
        bounds::MESSAGES.check(self.kept_messages)
    }

    /// Adds bytes of a stream, at most [`MAX_DATA`](super::MAX_DATA) of them.
    pub fn push_data(&mut self, data: Data) {
        self.waiting_data += data.bytes.len();
        self.data.push_back(data);
    }

    /// Takes back data that was not sent.
    #[cfg(test)]
    pub fn take_data(&mut self) -> Option<Data> {
        let data = self.data.pop_front()?;
        self.waiting_data -= data.bytes.len();
        Some(data)
    }

    /// Returns how many bytes of data are waiting for credit.
    pub fn waiting_data(&self) -> usize {
        self.waiting_data
    }

    /// Whether everything that may be sent now was sent on the current connection.
    pub fn is_idle(&self) -> bool {
        self.repeated == self.sent.len() && self.control.is_empty() && !self.has_credit()
    }

    /// Continues on another connection, whose peer expects this frame next.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer expects a frame that it has already acknowledged, or one that was not sent.
    pub fn reconnect(&mut self, next: u64) -> Result<(), WireError> {
        self.acknowledged(next)?;
        if self.unacknowledged() != next {
            return Err(WireError::Forgotten);
        }
        self.repeated = 0;
        Ok(())
    }

    /// Appends the next frame to write, including its length. Returns false if there is none, or no credit.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.repeated == self.sent.len() && !self.number_one() {
            return false;
        }
        let Some(payload) = self.sent.get(self.repeated) else { return false };
        match payload {
            Payload::Message(bytes) => out.extend_from_slice(bytes),
            Payload::Data(data) => encode_data(self.unacknowledged() + self.repeated as u64, data, out),
        }
        self.repeated += 1;
        true
    }

    /// Numbers the next frame that may be sent. Returns whether there was one.
    fn number_one(&mut self) -> bool {
        let payload = if let Some(message) = self.control.pop_front() {
            // The JSON object is not empty: it has a type. Insert the number after its opening brace.
            self.kept_messages -= message.len();
            let numbered = format!("{{\"number\":{},{}", self.next, &message[1..]);
            let numbered = frame(numbered.as_bytes());
            self.kept_messages += numbered.len();
            Payload::Message(numbered)
        } else if self.has_credit()
            && let Some(data) = self.data.pop_front()
        {
            self.waiting_data -= data.bytes.len();
            self.sent_data += data.bytes.len();
            Payload::Data(data)
        } else {
            return false;
        };
        self.sent.push_back(payload);
        self.next += 1;
        true
    }

    fn has_credit(&self) -> bool {
        self.data.front().is_some_and(|data| data.bytes.len() <= WINDOW - self.sent_data)
    }

    /// Handles the peer's acknowledgement of all frames below `next`.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer acknowledges a frame that was not sent.
    pub fn acknowledged(&mut self, next: u64) -> Result<(), WireError> {
        if next > self.next {
            return Err(WireError::AcknowledgedTooMuch);
        }
        let count = usize::try_from(next.saturating_sub(self.unacknowledged())).unwrap_or(usize::MAX);
        self.repeated = self.repeated.saturating_sub(count);
        for payload in self.sent.drain(..count) {
            match payload {
                Payload::Message(bytes) => self.kept_messages -= bytes.len(),
                Payload::Data(data) => self.sent_data -= data.bytes.len(),
            }
        }
        Ok(())
    }

    /// Returns the number of the first frame that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.next - self.sent.len() as u64
    }

    /// Whether everything was sent and acknowledged.
    pub fn is_settled(&self) -> bool {
        self.control.is_empty() && self.data.is_empty() && self.sent.is_empty()
    }
}

/// Returns the JSON of a message of ours.
pub(crate) fn to_json(message: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "our messages have string keys and no floating-point numbers")]
    serde_json::to_string(message).expect("a message is JSON")
}
