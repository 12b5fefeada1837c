//! A file that is read piece by piece, to be sent.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{Digest, FileEndedMessage, FileError};
use crate::model::words;
use crate::wire::{Data, MAX_DATA};

/// A file that is read piece by piece. Only its initial length is sent: of a log that is still being written, the part
/// that existed when it was opened.
#[derive(Debug)]
pub struct OutgoingFile {
    file: File,
    /// The stream of its bytes.
    pub stream: u32,
    first: Metadata,
    /// Up to where it is read. Unknown for files in `/proc`, which do not report their length.
    limit: Option<u64>,
    digest: Digest,
}

/// The next piece of a file.
#[derive(Debug)]
pub enum Piece {
    /// Some of its bytes.
    Data(Data),
    /// Its end. Nothing follows.
    End(FileEndedMessage),
}

impl OutgoingFile {
    /// Opens a regular file, whose bytes will be sent on this stream.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason, without the name, if the file cannot be sent.
    pub fn open(path: &Path, stream: u32) -> Result<Self, FileError> {
        // Opening a device may have side effects, so check the type first. Nothing here blocks.
        let regular = |metadata: Metadata| {
            if metadata.is_file() { Ok(metadata) } else { Err(FileError::NotRegular) }
        };
        regular(std::fs::metadata(path)?)?;
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
        let first = regular(file.metadata()?)?;
        let limit = Some(first.len()).filter(|length| *length > 0);
        Ok(Self { file, stream, first, limit, digest: Digest::default() })
    }

    /// Returns its permissions, without the set-user-ID, set-group-ID and sticky bits.
    pub fn mode(&self) -> u32 {
        self.first.mode() & 0o777
    }

    /// Reads the next piece.
    pub fn piece(&mut self) -> Piece {
        let offset = self.digest.length;
        let left = self.limit.map_or(u64::MAX, |limit| limit - offset);
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(MAX_DATA).min(MAX_DATA)];
        let count = loop {
            match self.file.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.end(Some(words(&error))),
                Ok(count) => break count,
            }
        };
        if count == 0 {
            let failed = self.shrank().then(|| "it became shorter while it was read".to_owned());
            return self.end(failed);
        }
        bytes.truncate(count);
        self.digest.update(&bytes);
        if self.limit.is_none() {
            // It was empty, and is a regular file after all.
            let length = self.file.metadata().map_or(0, |now| now.len());
            self.limit = Some(length).filter(|length| *length > 0).map(|length| length.max(self.digest.length));
        }
        Piece::Data(Data { stream: self.stream, offset, bytes })
    }

    /// Whether it ended before its initial length was read. Files in `/sys` report a greater length than they have.
    fn shrank(&self) -> bool {
        let is_short = self.limit.is_some_and(|limit| self.digest.length < limit);
        let same = |now: Metadata| {
            (now.len(), now.mtime(), now.mtime_nsec())
                == (self.first.len(), self.first.mtime(), self.first.mtime_nsec())
        };
        is_short && !self.file.metadata().is_ok_and(same)
    }

    fn end(&self, failed: Option<String>) -> Piece {
        let has_all = self.limit == Some(self.digest.length);
        let grew = has_all && self.file.metadata().is_ok_and(|now| now.len() > self.digest.length);
        Piece::End(FileEndedMessage {
            stream: self.stream,
            length: self.digest.length,
            digest: self.digest.text(),
            grew,
            failed,
        })
    }
}
