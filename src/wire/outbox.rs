//! What waits to be sent, was sent and is not yet acknowledged: one direction of a session.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use super::session_frame::encode_data;
use super::{Data, MAX_FRAME, Signal, WINDOW, WireError, frame};

/// Numbers what is sent, keeps control before data, and stays within the peer's credit.
#[derive(Debug, Default)]
pub struct Outbox {
    next: u64,
    signals: VecDeque<Vec<u8>>,
    control: VecDeque<Value>,
    data: VecDeque<Data>,
    waiting_data: usize,
    sent: VecDeque<Sent>,
    sent_data: usize,
}

#[derive(Debug)]
struct Sent {
    number: u64,
    data: usize,
}

impl Outbox {
    /// One from which nothing was sent.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame without a number; it goes before everything else.
    pub fn push_signal(&mut self, signal: Signal) {
        self.signals.push_back(frame(&to_json(&signal).to_string().into_bytes()));
    }

    /// Adds a message; one that is too long for a frame goes in parts.
    pub fn push(&mut self, message: &impl Serialize) {
        /// Leaves room for the rest of the part's JSON, when every character has to be escaped in six bytes.
        const PIECE: usize = (MAX_FRAME - 128) / 6;
        let value = to_json(message);
        let text = value.to_string();
        if text.len() <= MAX_FRAME - 64 {
            self.control.push_back(value);
            return;
        }
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            rest = after;
            self.control.push_back(serde_json::json!({"type": "part", "text": piece, "last": rest.is_empty()}));
        }
    }

    /// Adds bytes of a stream, at most [`MAX_DATA`](super::MAX_DATA) of them.
    pub fn push_data(&mut self, data: Data) {
        self.waiting_data += data.bytes.len();
        self.data.push_back(data);
    }

    /// Takes data back that was not sent: for those who keep it instead.
    pub fn take_data(&mut self) -> Option<Data> {
        let data = self.data.pop_front()?;
        self.waiting_data -= data.bytes.len();
        Some(data)
    }

    /// How many bytes of data wait for credit.
    pub fn waiting_data(&self) -> usize {
        self.waiting_data
    }

    /// Whether nothing waits to be sent for the first time.
    pub fn is_idle(&self) -> bool {
        self.signals.is_empty() && self.control.is_empty() && self.data.is_empty()
    }

    /// Appends the next frame to write, length included; false when there is none, or no credit.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(signal) = self.signals.pop_front() {
            out.extend_from_slice(&signal);
            return true;
        }
        if let Some(mut message) = self.control.pop_front() {
            message["number"] = self.next.into();
            self.remember(0);
            out.extend_from_slice(&frame(message.to_string().as_bytes()));
            return true;
        }
        let credit = WINDOW - self.sent_data;
        let Some(data) = self.data.pop_front_if(|data| data.bytes.len() <= credit) else { return false };
        encode_data(self.next, &data, out);
        self.waiting_data -= data.bytes.len();
        self.remember(data.bytes.len());
        true
    }

    /// Takes the peer's acknowledgement of every frame below `next`.
    ///
    /// # Errors
    ///
    /// Says when the peer acknowledges what was not sent.
    pub fn acknowledged(&mut self, next: u64) -> Result<(), WireError> {
        if next > self.next {
            return Err(WireError::AcknowledgedTooMuch);
        }
        while let Some(sent) = self.sent.pop_front_if(|sent| sent.number < next) {
            self.sent_data -= sent.data;
        }
        Ok(())
    }

    /// Whether everything was sent and acknowledged.
    pub fn is_settled(&self) -> bool {
        self.control.is_empty() && self.data.is_empty() && self.sent.is_empty()
    }

    fn remember(&mut self, data: usize) {
        self.sent.push_back(Sent { number: self.next, data });
        self.sent_data += data;
        self.next += 1;
    }
}

fn to_json(message: &impl Serialize) -> Value {
    #[expect(clippy::expect_used, reason = "our messages have string keys and no floating-point numbers")]
    serde_json::to_value(message).expect("a message is JSON")
}
