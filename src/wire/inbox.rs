//! What has arrived: the other direction of a session.

use serde::de::DeserializeOwned;

use super::session_frame::decode_message;
use super::{Body, Data, WireError};

/// Takes numbered frames in their order, each once.
#[derive(Debug, Default)]
pub struct Inbox {
    next: u64,
    parts: String,
}

/// What a frame brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken<M> {
    /// A message.
    Message(M),
    /// Bytes.
    Data(Data),
    /// Nothing: it came before, is a part of something, or is of an unknown type.
    Nothing,
}

impl Inbox {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that is expected next, for acknowledgements.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// Says when a number was left out, or when parts make no message.
    pub fn take<M: DeserializeOwned>(&mut self, number: u64, body: Body<M>) -> Result<Taken<M>, WireError> {
        if number < self.next {
            return Ok(Taken::Nothing);
        }
        if number > self.next {
            return Err(WireError::OutOfOrder { expected: self.next, found: number });
        }
        self.next += 1;
        match body {
            Body::Message(message) => Ok(message.map_or(Taken::Nothing, Taken::Message)),
            Body::Data(data) => Ok(Taken::Data(data)),
            Body::Part { text, last } => {
                self.parts.push_str(&text);
                if !last {
                    return Ok(Taken::Nothing);
                }
                let text = std::mem::take(&mut self.parts);
                Ok(decode_message(text.as_bytes())?.map_or(Taken::Nothing, Taken::Message))
            }
        }
    }
}
