//! The receiving direction of a session.

use serde::de::DeserializeOwned;

use super::session_frame::parse;
use super::{Body, Data, Part, WireError, bounds};

/// Takes numbered frames in order, and each once.
#[derive(Debug, Default)]
pub struct Inbox {
    next: u64,
    parts: String,
    /// Whether further frames are only counted.
    is_closed: bool,
}

/// The content of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken<M> {
    /// A message.
    Message(M),
    /// Bytes.
    Data(Data),
}

impl Inbox {
    /// Returns the number of the frame that is expected next, for acknowledgements.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Discards incomplete messages and all further frames, which are only counted.
    pub fn close(&mut self) {
        (self.parts, self.is_closed) = (String::new(), true);
    }

    /// Takes a frame. Returns `None` for a duplicate or an incomplete message.
    ///
    /// # Errors
    ///
    /// Returns an error if a number was skipped, or if parts do not make a valid message or exceed its maximum size.
    pub fn take<M: DeserializeOwned>(&mut self, number: u64, body: Body<M>) -> Result<Option<Taken<M>>, WireError> {
        if number < self.next {
            return Ok(None);
        }
        if number > self.next {
            return Err(WireError::OutOfOrder { expected: self.next, found: number });
        }
        self.next += 1;
        Ok(match body {
            _ if self.is_closed => None,
            Body::Message(message) => Some(Taken::Message(message)),
            Body::Data(data) => Some(Taken::Data(data)),
            Body::Part(Part { text, last }) => {
                bounds::MESSAGE.check(self.parts.len() + text.len())?;
                self.parts.push_str(&text);
                let whole = last.then(|| std::mem::take(&mut self.parts));
                whole.map(|text| parse(text.as_bytes()).map(Taken::Message)).transpose()?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ConductorMessage;

    #[test]
    fn whoever_wants_nothing_more_keeps_no_parts_and_counts_on() {
        let mut inbox = Inbox::default();
        let part = |last| Body::Part::<ConductorMessage>(Part { text: "{\"type\":".to_owned(), last });
        assert_eq!(inbox.take(0, part(false)), Ok(None));
        inbox.close();
        assert_eq!(inbox.parts.capacity(), 0);
        assert_eq!(inbox.take(1, part(true)), Ok(None), "the rest of a message that is thrown away");
        assert_eq!(inbox.take(2, Body::Message(ConductorMessage::Bye)), Ok(None));
        assert_eq!(inbox.next(), 3);
    }

    #[test]
    fn parts_that_never_end_are_the_peers_fault() {
        let mut inbox = Inbox::default();
        let mut take = |number| {
            let part = Body::Part(Part { text: "x".repeat(60_000), last: false });
            inbox.take::<ConductorMessage>(number, part)
        };
        let most = u64::try_from(bounds::MESSAGE.most() / 60_000).unwrap();
        assert!((0..most).all(|number| take(number) == Ok(None)));
        let why = take(most).unwrap_err().to_string();
        assert_eq!(why, "the peer sent too many bytes in a message of several parts: at most 2097152 are allowed");
    }
}
