//! How a file is announced, and how its end is told.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::{PhaseName, bounds, peer};

/// A file is sent: its bytes come as data of this stream, and behind them its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMessage {
    /// The trial, from 1.
    pub trial: u32,
    /// The phase.
    pub phase: PhaseName,
    /// The position of the step that transfers it.
    pub step: usize,
    /// The stream, numbered by the side that sends.
    pub stream: u32,
    /// What it is called: below the pattern's fixed part, or by itself.
    pub name: FileName,
    /// Its permissions.
    pub mode: u32,
}

/// All of a file was sent, or no more of it will be. It may overtake the file's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEndedMessage {
    /// The stream.
    pub stream: u32,
    /// How many bytes it had.
    #[serde(default)]
    pub length: u64,
    /// Their SHA-256, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "peer::name")]
    pub digest: String,
    /// Whether it was longer at last than at first; what it had at first was sent.
    #[serde(default)]
    pub grew: bool,
    /// Why it is not whole, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::reason_if_any")]
    pub failed: Option<String>,
}

/// The name of a file: any bytes. On the wire it is a string where it can be, and otherwise `{"hex": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(Vec<u8>);

impl FileName {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&OsStr> for FileName {
    fn from(name: &OsStr) -> Self {
        Self(name.as_bytes().to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { hex: String },
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = String::from_utf8(self.0.clone()).map_or_else(
            |error| Written::Bytes {
                hex: error.as_bytes().iter().fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                }),
            },
            Written::Text,
        );
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Bytes { hex } => {
                decode(&hex).map(Self).ok_or_else(|| serde::de::Error::custom("a name has odd hexadecimal digits"))
            }
        }?;
        bounds::PATH.check(name.0.len()).map_err(serde::de::Error::custom)?;
        Ok(name)
    }
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
