//! The frames of a session: signals, numbered messages, parts, data.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bounds::TooMuch;
use super::cleaned;
use super::frame::{FrameError, MAX_FRAME};

/// The size of the header of a data frame, in bytes.
pub const DATA_HEADER: usize = 1 + 8 + 4 + 8;

/// The maximum number of bytes in one data frame.
pub const MAX_DATA: usize = MAX_FRAME - DATA_HEADER;

/// The reason why a payload is not a valid frame of this session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// It is neither JSON nor data, or not the JSON of a message.
    #[error("the peer sent an invalid message: {0}")]
    NotAMessage(String),
    /// The number of a frame is not the expected one.
    #[error("the peer sent frame {found} instead of frame {expected}")]
    OutOfOrder {
        /// The number that was expected.
        expected: u64,
        /// The number that arrived.
        found: u64,
    },
    /// More frames were acknowledged than were sent.
    #[error("the peer acknowledged a frame that was not sent")]
    AcknowledgedTooMuch,
    /// A clock probe was answered that was not sent.
    #[error("the peer answered a clock probe that was not sent")]
    UnknownProbe,
    /// A frame is too large.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame was requested that had already been acknowledged.
    #[error("the peer requested a frame that it had already acknowledged")]
    Forgotten,
    /// The peer has exceeded a bound.
    #[error("the peer sent {0}")]
    TooMuch(#[from] TooMuch),
}

/// A frame without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Signal {
    /// Shows that the sender is alive.
    Heartbeat,
    /// Requests the player's clock.
    Probe {
        /// The conductor's `CLOCK_BOOTTIME` when it was sent, in nanoseconds.
        sent: u64,
    },
    /// The answer to a probe.
    ProbeAnswer {
        /// The time in the probe.
        sent: u64,
        /// The player's `CLOCK_BOOTTIME` when the probe arrived, in nanoseconds.
        received: u64,
        /// The player's `CLOCK_BOOTTIME` when this answer was sent, in nanoseconds.
        answered: u64,
    },
    /// All frames with a number below `next` were taken.
    Acknowledge {
        /// The number that is expected next.
        next: u64,
    },
}

/// Some bytes of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The number of the stream.
    pub stream: u32,
    /// The position of these bytes in the stream.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The content of a numbered frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<M> {
    /// A message.
    Message(M),
    /// A part of a longer message.
    Part(Part),
    /// Bytes of a stream.
    Data(Data),
}

/// A frame of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionFrame<M> {
    /// A frame without a number.
    Signal(Signal),
    /// A frame with a number.
    Numbered(u64, Body<M>),
}

impl<M: DeserializeOwned> SessionFrame<M> {
    /// Decodes a payload.
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is not a frame of a session.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        if payload.first() == Some(&1) {
            return decode_data(payload).map(|(number, data)| Self::Numbered(number, Body::Data(data)));
        }
        // serde would also accept an array for a structure.
        if payload.trim_ascii_start().first() != Some(&b'{') {
            return Err(WireError::NotAMessage("it is not a JSON object".to_owned()));
        }
        let Head { kind, number } = parse(payload)?;
        let Some(kind) = kind else { return Err(WireError::NotAMessage("it has no type".to_owned())) };
        if matches!(&*kind, "heartbeat" | "probe" | "probe_answer" | "acknowledge") {
            return parse(payload).map(Self::Signal);
        }
        let Some(number) = number else {
            return Err(WireError::NotAMessage(format!("`{}` has no number", cleaned(&kind))));
        };
        let body = if kind == "part" { Body::Part(parse(payload)?) } else { Body::Message(parse(payload)?) };
        Ok(Self::Numbered(number, body))
    }
}

/// The fields that determine the kind of a JSON frame.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    number: Option<u64>,
}

/// A part of a message that is too long for a frame.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// The text of the part.
    pub text: String,
    /// Whether it is the last part.
    pub last: bool,
}

/// Parses the JSON of a message or a part.
pub(super) fn parse<'a, M: Deserialize<'a>>(json: &'a [u8]) -> Result<M, WireError> {
    serde_json::from_slice(json).map_err(|error| WireError::NotAMessage(cleaned(&error.to_string())))
}

/// Decodes a data frame. Returns its number and its data.
pub(super) fn decode_data(payload: &[u8]) -> Result<(u64, Data), WireError> {
    let fields = || {
        let (number, rest) = payload.get(1..)?.split_first_chunk()?;
        let (stream, rest) = rest.split_first_chunk()?;
        let (offset, bytes) = rest.split_first_chunk()?;
        let (stream, offset) = (u32::from_be_bytes(*stream), u64::from_be_bytes(*offset));
        Some((u64::from_be_bytes(*number), Data { stream, offset, bytes: bytes.to_vec() }))
    };
    fields().ok_or_else(|| WireError::NotAMessage("a data frame is too short".to_owned()))
}

/// Appends the frame, including its length, of some bytes of a stream.
pub(super) fn encode_data(number: u64, data: &Data, out: &mut Vec<u8>) {
    #[expect(clippy::expect_used, reason = "a data frame is made of at most `MAX_DATA` bytes")]
    let length = u32::try_from(DATA_HEADER + data.bytes.len()).expect("a frame is shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.push(1);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&data.stream.to_be_bytes());
    out.extend_from_slice(&data.offset.to_be_bytes());
    out.extend_from_slice(&data.bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ConductorMessage;

    fn decode(payload: &[u8]) -> Result<SessionFrame<ConductorMessage>, WireError> {
        SessionFrame::decode(payload)
    }

    #[test]
    fn a_type_may_be_unknown_and_written_in_any_way() {
        let bye = Ok(SessionFrame::Numbered(7, Body::Message(ConductorMessage::Bye)));
        assert_eq!(decode(br#"{"type":"bye","number":7}"#), bye);
        assert_eq!(decode(br#"{"number":7,"new":[{}],"type":"b\u0079e"}"#), bye);
        let unknown = Ok(SessionFrame::Numbered(7, Body::Message(ConductorMessage::Unknown)));
        assert_eq!(decode(br#"{"type":"new \"`\n","number":7,"trial":null}"#), unknown);
        assert_eq!(decode(br#"{"trial":-1e99,"number":7,"type":"new"}"#), unknown);
    }

    #[test]
    fn what_is_no_object_with_a_type_and_a_number_is_no_message() {
        let no_messages: [&[u8]; 15] = [
            b"",
            b"[]",
            br#"["heartbeat"]"#,
            br#"["heartbeat",null]"#,
            br#"["acknowledge",7]"#,
            br#"["end_trial",7]"#,
            br#"["bye",7]"#,
            br#""bye""#,
            br#"{"number":7}"#,
            br#"{"type":"bye"}"#,
            br#"{"type":"bye","number":-7}"#,
            br#"{"type":"bye","number":18446744073709551616}"#,
            br#"{"type":"part","number":7,"text":"x"}"#,
            br#"{"type":"arm","number":7,"trial":1,"phase":"arm it"}"#,
            b"{\"type\":\"fail_barrier\",\"number\":7,\"trial\":1,\"phase\":\"run\",\"step\":0,\"why\":\"\xff\"}",
        ];
        for payload in no_messages {
            let decoded = decode(payload);
            let text = String::from_utf8_lossy(payload);
            assert!(matches!(decoded, Err(WireError::NotAMessage(_))), "`{text}` is {decoded:?}");
        }
    }
}
