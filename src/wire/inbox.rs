//! What has arrived: the other direction of a session.

use serde::de::DeserializeOwned;

use super::session_frame::decode_message;
use super::{Body, Data, WireError, bounds};

/// Takes numbered frames in their order, each once.
#[derive(Debug, Default)]
pub struct Inbox {
    next: u64,
    parts: String,
    /// Whether nothing is wanted any more.
    is_closed: bool,
}

/// What a frame brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken<M> {
    /// A message.
    Message(M),
    /// Bytes.
    Data(Data),
    /// Nothing: it came before, or is a part of something.
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

    /// From now on whatever comes is counted and thrown away, and so are the parts of a message that are here.
    pub fn close(&mut self) {
        (self.parts, self.is_closed) = (String::new(), true);
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
        if self.is_closed {
            return Ok(Taken::Nothing);
        }
        match body {
            Body::Message(message) => Ok(Taken::Message(message)),
            Body::Data(data) => Ok(Taken::Data(data)),
            Body::Part { text, last } => {
                bounds::MESSAGE.check(self.parts.len() + text.len())?;
                self.parts.push_str(&text);
                if !last {
                    return Ok(Taken::Nothing);
                }
                let text = std::mem::take(&mut self.parts);
                Ok(Taken::Message(decode_message(text.as_bytes())?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ConductorMessage;

    #[test]
    fn whoever_wants_nothing_more_keeps_no_parts_and_counts_on() {
        let mut inbox = Inbox::new();
        let part = |last| Body::Part::<ConductorMessage> { text: "{\"type\":".to_owned(), last };
        assert_eq!(inbox.take(0, part(false)), Ok(Taken::Nothing));
        inbox.close();
        assert_eq!(inbox.parts.capacity(), 0);
        assert_eq!(inbox.take(1, part(true)), Ok(Taken::Nothing), "the rest of a message that is thrown away");
        assert_eq!(inbox.take(2, Body::Message(ConductorMessage::Bye)), Ok(Taken::Nothing));
        assert_eq!(inbox.next(), 3);
    }

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
        assert_eq!(why, "the peer sent too many bytes in a message of several parts: at most 2097152 are allowed");
    }
}
