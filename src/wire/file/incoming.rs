//! A file that arrives: it gets its name when it is whole.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::Mode;

use super::unplaced::{UnplacedFile, is_there};
use super::{Digest, FileEndedMessage, FileError};
use crate::wire::Data;

/// A file that arrives. What is not put into place is removed again.
#[derive(Debug)]
pub struct IncomingFile {
    name: OsString,
    replace: bool,
    file: UnplacedFile,
    digest: Digest,
}

impl IncomingFile {
    /// Begins a file of this name in this folder. One that is there already is replaced, or is the reason why this one is
    /// not taken. A name that leads out of the folder is refused, whoever sent it.
    ///
    /// # Errors
    ///
    /// Says why it cannot be written, without its name.
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

    /// How many bytes have come.
    pub fn received(&self) -> u64 {
        self.digest.length
    }

    /// Takes bytes.
    ///
    /// # Errors
    ///
    /// Says why they cannot be written, or that others had to come.
    pub fn append(&mut self, data: &Data) -> Result<(), FileError> {
        let received = self.received();
        if data.offset != received {
            return Err(FileError::Gap { found: data.offset, expected: received });
        }
        self.digest.update(&data.bytes);
        Ok(self.file.file().write_all(&data.bytes)?)
    }

    /// Gives the file its permissions and its name, when it is what was sent.
    ///
    /// # Errors
    ///
    /// Says why not; there is no such file then.
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
