//! A file that is being received. It gets its name once it is complete.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::Mode;

use super::unplaced::{UnplacedFile, is_there};
use super::{Digest, FileEndedMessage, FileError};
use crate::wire::Data;

/// A file that is being received. It is removed if it is not put in place.
#[derive(Debug)]
pub struct IncomingFile {
    name: OsString,
    replace: bool,
    file: UnplacedFile,
    digest: Digest,
}

impl IncomingFile {
    /// Starts a file of this name in this folder. An existing file is replaced if `replace`, and an error otherwise. A
    /// name that points outside the folder is refused, whoever sent it.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason, without the name, if the file cannot be written.
    pub fn create(folder: OwnedFd, name: &OsStr, replace: bool) -> Result<Self, FileError> {
        if matches!(name.as_bytes(), b"" | b"." | b"..") || name.as_bytes().contains(&b'/') {
            return Err(FileError::LeadsOut);
        }
        if !replace && is_there(&folder, name) {
            return Err(FileError::Exists);
        }
        let file = UnplacedFile::create(folder, 0o600)?;
        Ok(Self { name: name.to_owned(), replace, file, digest: Digest::default() })
    }

    /// Returns how many bytes have arrived.
    pub fn received(&self) -> u64 {
        self.digest.length
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written, or if other bytes were expected.
    pub fn append(&mut self, data: &Data) -> Result<(), FileError> {
        let received = self.received();
        if data.offset != received {
            return Err(FileError::Gap { found: data.offset, expected: received });
        }
        self.digest.update(&data.bytes);
        Ok(self.file.file().write_all(&data.bytes)?)
    }

    /// Gives the file its permissions and its name, if it is what was sent.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if this is not possible. In that case, no such file is created.
    pub fn place(mut self, ended: &FileEndedMessage, mode: u32) -> Result<(), FileError> {
        if let Some(why) = &ended.failed {
            return Err(FileError::Sender(why.clone()));
        }
        let received = self.received();
        if received != ended.length {
            return Err(FileError::Length { received, announced: ended.length });
        }
        if self.digest.text() != ended.digest {
            return Err(FileError::Digest);
        }
        let mode = Mode::from_raw_mode(mode & 0o777);
        rustix::fs::fchmod(self.file.file(), mode).map_err(io::Error::from)?;
        self.file.place(&self.name, self.replace).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists,
            _ => error.into(),
        })
    }
}
