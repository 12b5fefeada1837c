//! The free space on the disk of the results folder: long files leave some of it for short files that are written later.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};
use rustix::io::Errno;

use super::write_behind::begin_writing;

/// A file of up to this many bytes is short, and may use the space that long files leave.
const SHORT: u64 = 4096;
/// The number of bytes that long files leave free; on a small disk, the free space at the start divided by [`PART`].
const SPARE: u64 = 1 << 20;
/// The divisor of the free space that long files leave on a small disk.
const PART: u64 = 2;

/// The space that long files leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    spare: u64,
}

impl Room {
    /// Returns the space to leave on the disk of this folder, based on its current free space.
    pub(crate) fn of(folder: &Path) -> Self {
        Self { spare: SPARE.min(available(statvfs(folder)) / PART) }
    }

    /// Returns the first of these bytes, as many as may be written to a file of `written` bytes.
    ///
    /// # Errors
    ///
    /// Fails with `ENOSPC` if none may be written.
    pub(super) fn part_of<'a>(self, bytes: &'a [u8], file: &File, written: u64) -> io::Result<&'a [u8]> {
        let room = match SHORT.saturating_sub(written) {
            0 => available(fstatvfs(file)).saturating_sub(self.spare),
            short => short,
        };
        if room == 0 {
            Err(Errno::NOSPC.into())
        } else {
            Ok(&bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))])
        }
    }
}

/// The available bytes. If the disk cannot be asked, it is written to until it is full.
fn available(found: rustix::io::Result<StatVfs>) -> u64 {
    found.map_or(u64::MAX, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

/// A file that leaves this space.
pub(crate) struct Sparing {
    pub(crate) file: File,
    pub(crate) room: Room,
    pub(crate) written: u64,
}

impl Write for Sparing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(self.room.part_of(bytes, &self.file, self.written)?)?;
        let before = self.written;
        self.written += count as u64;
        begin_writing(&self.file, before, self.written);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
