//! Why a file cannot be transferred.

use std::io;

use thiserror::Error;

use crate::model::words;

/// Why a file cannot be sent, or cannot be put into place. The text does not name the file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is a folder, a device, or the like.
    #[error("it is not a regular file")]
    NotRegular,
    /// Its name is not that of a file in the folder.
    #[error("its name points outside the folder")]
    LeadsOut,
    /// There is a file of this name, which is not replaced.
    #[error("it already exists")]
    Exists,
    /// The system refuses it.
    #[error("{}", words(.0))]
    System(#[from] io::Error),
    /// Bytes are missing in the middle.
    #[error("byte {found} arrived instead of byte {expected}")]
    Gap {
        /// The offset of the bytes that came.
        found: u64,
        /// The offset that had to come.
        expected: u64,
    },
    /// Not as many bytes came as were announced.
    #[error("{received} bytes arrived instead of {announced}")]
    Length {
        /// How many came.
        received: u64,
        /// How many were announced.
        announced: u64,
    },
    /// The digest of what came is not that of what was sent.
    #[error("the received data differs from the data that was sent (wrong digest)")]
    Digest,
    /// The sender could not read it, for this reason.
    #[error("{0}")]
    Sender(String),
}
