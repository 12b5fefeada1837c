//! The room on the disk of the results: what is long leaves some for what is short, and comes later.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};
use rustix::io::Errno;

/// Files of so many bytes are short: what is left of the room is for them.
const SHORT: u64 = 4096;
/// The most room that long files leave, and which part of it where there is less.
const SPARE: (u64, u64) = (1 << 20, 2);

/// How much room long files leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    spare: u64,
}

impl Room {
    /// Of the disk that this folder is on, as it is now.
    pub(super) fn of(folder: &Path) -> Self {
        Self { spare: SPARE.0.min(available(statvfs(folder)) / SPARE.1) }
    }

    /// How many bytes a file may have now that has so many.
    ///
    /// # Errors
    ///
    /// That there is no room.
    pub(super) fn for_more(self, file: &File, written: u64) -> io::Result<u64> {
        if written < SHORT {
            return Ok(SHORT - written);
        }
        match available(fstatvfs(file)).saturating_sub(self.spare) {
            0 => Err(Errno::NOSPC.into()),
            room => Ok(room),
        }
    }
}

/// A disk that can't be asked is written to until it is full.
fn available(found: rustix::io::Result<StatVfs>) -> u64 {
    found.map_or(u64::MAX, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

/// A file that leaves room.
pub(super) struct Sparing {
    pub(super) file: File,
    pub(super) room: Room,
    pub(super) written: u64,
}

impl Write for Sparing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.room.for_more(&self.file, self.written)?).unwrap_or(usize::MAX);
        let count = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
