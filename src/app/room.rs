//! The free space on the disk of the results folder: long files leave some of it for short files that are written later.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};
use rustix::io::Errno;

/// A file of up to this many bytes is short, and may use the space that long files leave.
const SHORT: u64 = 4096;
/// How many bytes long files leave; on a small disk, [`PART`] of what was free at the start.
const SPARE: u64 = 1 << 20;
/// The divisor of the free space that long files leave on a small disk.
const PART: u64 = 2;

/// The space that long files leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    spare: u64,
}

impl Room {
    /// For the disk that this folder is on, from its free space now.
    pub(super) fn of(folder: &Path) -> Self {
        Self { spare: SPARE.min(available(statvfs(folder)) / PART) }
    }

    /// How many more bytes may be written to a file that has `written` bytes.
    ///
    /// # Errors
    ///
    /// Fails with `ENOSPC` if none may.
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
