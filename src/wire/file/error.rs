//! The reasons why a file cannot be transferred.

use std::io;

use thiserror::Error;

use crate::model::words;

/// The reason why a file cannot be sent or put in place. The text does not name the file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is a folder, a device, or similar.
    #[error("it is not a regular file")]
    NotRegular,
    /// Its name is not that of a file in the folder.
    #[error("its name points outside the folder")]
    LeadsOut,
    /// A file of this name exists, and is not replaced.
    #[error("it already exists")]
    Exists,
    /// The operating system reported an error.
    #[error("{}", words(.0))]
    System(#[from] io::Error),
    /// Bytes are missing in the middle.
    #[error("byte {found} arrived instead of byte {expected}")]
    Gap {
        /// The offset of the bytes that arrived.
        found: u64,
        /// The offset that was expected.
        expected: u64,
    },
    /// The number of bytes differs from the announced one.
    #[error("{received} bytes arrived instead of {announced}")]
    Length {
        /// How many bytes arrived.
        received: u64,
        /// How many bytes were announced.
        announced: u64,
    },
    /// The digest of the received data is not that of the sent data.
    #[error("the received data differs from the data that was sent (wrong digest)")]
    Digest,
    /// The sender could not read the file, for this reason.
    #[error("{0}")]
    Sender(String),
}
