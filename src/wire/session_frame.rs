//! The frames of a session: signals, numbered messages, parts, data.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bounds::TooMuch;
use super::cleaned;
use super::frame::{FrameError, MAX_FRAME};

/// What stands before the bytes of a data frame.
pub const DATA_HEADER: usize = 1 + 8 + 4 + 8;

/// The most bytes that one data frame carries.
pub const MAX_DATA: usize = MAX_FRAME - DATA_HEADER;

/// Why a payload is not a frame of this session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// It is neither JSON nor data, or not the JSON of a message.
    #[error("the peer sent an invalid message: {0}")]
    NotAMessage(String),
    /// A number is missing or does not follow the one before.
    #[error("the peer sent frame {found} instead of frame {expected}")]
    OutOfOrder {
        /// The number that had to come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// More is acknowledged than was sent.
    #[error("the peer acknowledged a frame that was not sent")]
    AcknowledgedTooMuch,
    /// A clock probe is answered that was not sent.
    #[error("the peer answered a clock probe that was not sent")]
    UnknownProbe,
    /// A frame is too large.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame is requested that was acknowledged before.
    #[error("the peer requested a frame that it had already acknowledged")]
    Forgotten,
    /// More came than a peer can make us keep.
    #[error("the peer sent {0}")]
    TooMuch(#[from] TooMuch),
}

/// A frame without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Signal {
    /// A sign of life.
    Heartbeat,
    /// Asks for the player's clock.
    Probe {
        /// The conductor's `CLOCK_BOOTTIME` when it was sent, in nanoseconds.
        sent: u64,
    },
    /// The answer to a probe.
    ProbeAnswer {
        /// The probe's own stamp.
        sent: u64,
        /// The player's `CLOCK_BOOTTIME` when the probe came, in nanoseconds.
        received: u64,
        /// The same when this answer left.
        answered: u64,
    },
    /// Every frame with a number below `next` was taken.
    Acknowledge {
        /// The number that is expected next.
        next: u64,
    },
}

/// Some bytes of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The stream's number.
    pub stream: u32,
    /// Where in the stream these bytes begin.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a numbered frame carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<M> {
    /// A message.
    Message(M),
    /// A piece of a longer message.
    Part(Part),
    /// Bytes of a stream.
    Data(Data),
}

/// A frame of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionFrame<M> {
    /// One without a number.
    Signal(Signal),
    /// One with a number.
    Numbered(u64, Body<M>),
}

impl<M: DeserializeOwned> SessionFrame<M> {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// If the payload is not a frame of a session.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        if payload.first() == Some(&1) {
            return decode_data(payload).map(|(number, data)| Self::Numbered(number, Body::Data(data)));
        }
        // An array would do where it is only asked for a structure's fields.
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

/// What distinguishes one frame of JSON from another.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    number: Option<u64>,
}

/// A piece of a message that is too long for a frame.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// The piece.
    pub text: String,
    /// Whether it is the last.
    pub last: bool,
}

/// Reads the JSON of a message, or a part of it.
pub(super) fn parse<'a, M: Deserialize<'a>>(json: &'a [u8]) -> Result<M, WireError> {
    serde_json::from_slice(json).map_err(|error| WireError::NotAMessage(cleaned(&error.to_string())))
}

/// Reads a data frame: its number and its data.
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

/// Appends the whole frame, length included, of some bytes of a stream.
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
