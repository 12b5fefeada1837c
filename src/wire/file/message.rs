//! The messages about the beginning and the end of a file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use crate::model::StepId;
use crate::model::hex;
use crate::wire::{bounds, peer};

/// Announces a file. Its bytes are sent as data of this stream, followed by its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMessage {
    /// The step that transfers it.
    #[serde(flatten)]
    pub step: StepId,
    /// The stream, numbered by the side that sends.
    pub stream: u32,
    /// Its name: relative to the fixed part of the pattern, or without a folder.
    pub name: FileName,
    /// Its permissions.
    pub mode: u32,
}

/// Reports that all of a file was sent, or that no more of it will be. It may overtake the file's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEndedMessage {
    /// The stream.
    pub stream: u32,
    /// How many bytes the file had.
    #[serde(default)]
    pub length: u64,
    /// The SHA-256 of these bytes, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "peer::name")]
    pub digest: String,
    /// Whether the file has grown meanwhile. Only its initial length was sent.
    #[serde(default)]
    pub grew: bool,
    /// Why the file is incomplete, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
    pub failed: Option<String>,
}

impl FileEndedMessage {
    /// Creates the message that no more of the file will be sent, for this reason.
    pub fn failed(stream: u32, why: String) -> Self {
        Self { stream, length: 0, digest: String::new(), grew: false, failed: Some(why) }
    }
}

/// The name of a file, as any bytes. On the wire it is a string if possible, and otherwise `{"hex": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct FileName(Vec<u8>);

impl FileName {
    /// Returns the bytes of the name.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&OsStr> for FileName {
    fn from(name: &OsStr) -> Self {
        Self(name.as_bytes().to_vec())
    }
}

/// A name as it is written on the wire.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { hex: String },
}

impl From<FileName> for Written {
    fn from(FileName(bytes): FileName) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes { hex: hex(error.as_bytes()) }, Self::Text)
    }
}

impl TryFrom<Written> for FileName {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let name = match written {
            Written::Text(text) => text.into_bytes(),
            Written::Bytes { hex } => decode(&hex).ok_or("a name has odd hexadecimal digits")?,
        };
        bounds::PATH.check(name.len()).map_err(|why| why.to_string())?;
        Ok(Self(name))
    }
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
