//! A file that arrives: it is written under a temporary name, and gets its own when it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::{Digest, FileEndedMessage};
use crate::wire::{Data, words};

/// A file that arrives. What is not put into place is removed again.
#[derive(Debug)]
pub struct IncomingFile {
    folder: OwnedFd,
    name: OsString,
    replace: bool,
    temporary: String,
    placed: bool,
    file: File,
    digest: Digest,
}

impl IncomingFile {
    /// Begins a file of this name, which has no `/`, in this folder. One that is there already is replaced, or is the
    /// reason why this one is not taken.
    ///
    /// # Errors
    ///
    /// Says why it can't be written, without its name.
    pub fn create(folder: OwnedFd, name: &OsStr, replace: bool) -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if !replace && is_there(&folder, name) {
            return Err(THERE.to_owned());
        }
        let (temporary, file) = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let temporary = format!(".conductor-{}-{count}", std::process::id());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(&folder, &temporary, flags, Mode::RUSR | Mode::WUSR) {
                // Another process of this number was killed here.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(words(&error.into())),
                Ok(file) => break (temporary, File::from(file)),
            }
        };
        let (name, digest) = (name.to_owned(), Digest::default());
        Ok(Self { folder, name, replace, temporary, placed: false, file, digest })
    }

    /// How many bytes have come.
    pub fn received(&self) -> u64 {
        self.digest.length
    }

    /// Takes bytes.
    ///
    /// # Errors
    ///
    /// Says why they can't be written, or that others had to come.
    pub fn append(&mut self, data: &Data) -> Result<(), String> {
        let received = self.received();
        if data.offset != received {
            return Err(format!("byte {} came where byte {received} had to come", data.offset));
        }
        self.digest.update(&data.bytes);
        self.file.write_all(&data.bytes).map_err(|error| words(&error))
    }

    /// Gives the file its permissions and its name, when it is what was sent.
    ///
    /// # Errors
    ///
    /// Says why not; there is no such file then.
    pub fn place(mut self, ended: &FileEndedMessage, mode: u32) -> Result<(), String> {
        if let Some(why) = &ended.failed {
            return Err(why.clone());
        }
        let received = self.received();
        if received != ended.length {
            return Err(format!("{received} bytes arrived instead of {}", ended.length));
        }
        if self.digest.text() != ended.digest {
            return Err("what arrived is not what was sent: its digest differs".to_owned());
        }
        let mode = Mode::from_raw_mode(mode & 0o777);
        rustix::fs::fchmod(&self.file, mode).map_err(|error| words(&error.into()))?;
        self.rename()?;
        self.placed = true;
        Ok(())
    }

    fn rename(&self) -> Result<(), String> {
        let (folder, from, to) = (&self.folder, self.temporary.as_str(), self.name.as_os_str());
        let done = if self.replace {
            renameat(folder, from, folder, to)
        } else {
            match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                // Not every file system can do it in one step.
                Err(Errno::INVAL | Errno::NOSYS) if is_there(folder, to) => Err(Errno::EXIST),
                Err(Errno::INVAL | Errno::NOSYS) => renameat(folder, from, folder, to),
                done => done,
            }
        };
        done.map_err(|error| if error == Errno::EXIST { THERE.to_owned() } else { words(&error.into()) })
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(&self.folder, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

const THERE: &str = "it is there already";

/// Whether something has this name, be it a link to nowhere.
fn is_there(folder: &OwnedFd, name: &OsStr) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}
