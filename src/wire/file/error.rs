//! Why a file cannot be transferred.

use std::fmt;
use std::io;

use crate::model::words;

/// Why a file cannot be sent, or cannot be put into place. The text does not name the file.
#[derive(Debug)]
pub enum FileError {
    /// It is a folder, a device, or the like.
    NotRegular,
    /// Its name is not that of a file in the folder.
    LeadsOut,
    /// There is a file of this name, which is not replaced.
    Exists,
    /// The system refuses it.
    System(io::Error),
    /// Bytes are missing in the middle.
    Gap {
        /// The offset of the bytes that came.
        found: u64,
        /// The offset that had to come.
        expected: u64,
    },
    /// Not as many bytes came as were announced.
    Length {
        /// How many came.
        received: u64,
        /// How many were announced.
        announced: u64,
    },
    /// The digest of what came is not that of what was sent.
    Digest,
    /// The sender could not read it, for this reason.
    Sender(String),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegular => write!(out, "it is not a regular file"),
            Self::LeadsOut => write!(out, "its name points outside the folder"),
            Self::Exists => write!(out, "it already exists"),
            Self::System(error) => write!(out, "{}", words(error)),
            Self::Gap { found, expected } => write!(out, "byte {found} arrived instead of byte {expected}"),
            Self::Length { received, announced } => write!(out, "{received} bytes arrived instead of {announced}"),
            Self::Digest => write!(out, "the received data differs from the data that was sent (wrong digest)"),
            Self::Sender(why) => write!(out, "{why}"),
        }
    }
}

impl std::error::Error for FileError {}
