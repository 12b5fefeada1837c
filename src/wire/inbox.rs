//! What has arrived: the other direction of a session.

use serde::de::DeserializeOwned;

use super::session_frame::decode_message;
use super::{Body, Data, WireError, bounds};

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
    /// Says when a number was left out, or when parts make no message, or one that is too long.
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
                bounds::MESSAGE.check(self.parts.len() + text.len())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ConductorMessage;

    #[test]
    fn parts_that_never_end_are_the_peers_fault() {
        let mut inbox = Inbox::new();
        let mut take = |number| {
            let part = Body::Part { text: "x".repeat(60_000), last: false };
            inbox.take::<ConductorMessage>(number, part)
        };
        let most = u64::try_from(bounds::MESSAGE.most() / 60_000).unwrap();
        assert!((0..most).all(|number| take(number) == Ok(Taken::Nothing)));
        let why = take(most).unwrap_err().to_string();
        assert_eq!(why, "the peer sent too many bytes of a message in parts: at most 2097152 are taken");
    }
}
