//! A file that is read piece by piece, to be sent.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{Digest, FileEndedMessage, FileError};
use crate::model::words;
use crate::wire::{Data, MAX_DATA};

/// A file that is read piece by piece. What it had when it was opened is sent: a log that is still being written comes as
/// far as it was then.
#[derive(Debug)]
pub struct OutgoingFile {
    file: File,
    /// The stream of its bytes.
    pub stream: u32,
    first: Metadata,
    /// Up to where it is read; what lies in `/proc` does not tell how long it is.
    limit: Option<u64>,
    digest: Digest,
}

/// What comes next of a file.
#[derive(Debug)]
pub enum Piece {
    /// Some of its bytes.
    Data(Data),
    /// Its end; nothing comes behind it.
    End(FileEndedMessage),
}

impl OutgoingFile {
    /// Opens a regular file; its bytes get this stream.
    ///
    /// # Errors
    ///
    /// Says why it cannot be sent, without its name.
    pub fn open(path: &Path, stream: u32) -> Result<Self, FileError> {
        // A device may do something when it is opened, so that it is looked at first. Nothing is waited for.
        let regular = |metadata: Metadata| {
            if metadata.is_file() { Ok(metadata) } else { Err(FileError::NotRegular) }
        };
        regular(std::fs::metadata(path)?)?;
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
        let first = regular(file.metadata()?)?;
        let limit = Some(first.len()).filter(|length| *length > 0);
        Ok(Self { file, stream, first, limit, digest: Digest::default() })
    }

    /// Its permissions, without what would give them to others.
    pub fn mode(&self) -> u32 {
        self.first.mode() & 0o777
    }

    /// Reads on.
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
            // It was empty, and is a real file after all.
            let length = self.file.metadata().map_or(0, |now| now.len());
            self.limit = Some(length).filter(|length| *length > 0).map(|length| length.max(self.digest.length));
        }
        Piece::Data(Data { stream: self.stream, offset, bytes })
    }

    /// Whether it ended before what it had at first was read. What lies in `/sys` says that it is longer than it is.
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
