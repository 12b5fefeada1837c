//! One unnamed file for all streams.
//!
//! Each stream reserves space at the end of the file and writes there without a lock. A stream is a list of such
//! pieces; adjacent pieces are merged. The longer a stream is, the more space it reserves ahead: otherwise, bytes that
//! arrive one by one, in turn with those of other streams, would be a piece each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::sink::Sink;
use crate::model::{OutputSource, lock};

/// The file.
#[derive(Debug)]
pub(crate) struct UnnamedFile {
    file: File,
    end: AtomicU64,
}

impl UnnamedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, end: AtomicU64::new(0) }
    }

    /// Creates a stream.
    pub(super) fn begin(self: &Arc<Self>) -> PieceWriter {
        let pieces = Arc::new(Pieces { file: Arc::clone(self), list: Mutex::default() });
        PieceWriter { pieces, room: Room::default() }
    }

    /// Reserves this much space at the end of the file.
    fn take(&self, length: u64) -> Room {
        Room { at: self.end.fetch_add(length, Ordering::Relaxed), length }
    }

    /// Releases reserved space, unless the space after it has been reserved.
    fn take_back(&self, room: Room) {
        let _ = self.end.compare_exchange(room.at + room.length, room.at, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Space in the file that a stream has reserved and not yet written to.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    at: u64,
    length: u64,
}

/// A piece of a stream, and its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where the piece begins in the stream.
    offset: u64,
    /// Where the piece begins in the file.
    at: u64,
    /// The length of the piece.
    length: u64,
}

/// The pieces of a stream, in order. The writer adds to them; a reader uses the first ones, which stay in place.
#[derive(Debug)]
struct Pieces {
    file: Arc<UnnamedFile>,
    list: Mutex<Vec<Piece>>,
}

impl OutputSource for Pieces {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = {
            let pieces = lock(&self.list);
            let index = pieces.partition_point(|piece| piece.offset + piece.length <= offset);
            pieces.get(index).copied()
        };
        let Some(piece) = piece else {
            return Ok(0);
        };
        let within = offset - piece.offset;
        let count = buffer.len().min(usize::try_from(piece.length - within).unwrap_or(usize::MAX));
        self.file.file.read_at(&mut buffer[..count], piece.at + within)
    }
}

/// Writes the pieces of one stream.
#[derive(Debug)]
pub(super) struct PieceWriter {
    pieces: Arc<Pieces>,
    /// The reserved space for the next bytes.
    room: Room,
}

/// The most space that a stream reserves ahead. It is a hole in the file until it is written to.
const AHEAD: u64 = 64 << 10;

impl Sink for PieceWriter {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let file = &self.pieces.file;
        if self.room.length == 0 {
            self.room = file.take((bytes.len() as u64).max(offset.min(AHEAD)));
        }
        let Room { at, length } = self.room;
        let count = bytes.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let written = file.file.write_at(&bytes[..count], at)?;
        let added = written as u64;
        let mut pieces = lock(&self.pieces.list);
        match pieces.last_mut() {
            Some(last) if last.at + last.length == at => last.length += added,
            _ => pieces.push(Piece { offset, at, length: added }),
        }
        drop(pieces);
        self.room = Room { at: at + added, length: length - added };
        Ok(written)
    }

    /// Releases the space that was not used: a shorter piece of another stream may still fit there.
    fn end(&mut self) {
        self.pieces.file.take_back(std::mem::take(&mut self.room));
    }

    fn source(&self) -> Arc<dyn OutputSource> {
        self.pieces.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<UnnamedFile> {
        Arc::new(UnnamedFile::new(tempfile::tempfile().unwrap()))
    }

    #[test]
    fn neighbouring_pieces_are_one() {
        let mut stream = file().begin();
        for number in 0..10 {
            assert_eq!(stream.write(b"a", number).unwrap(), 1);
        }
        assert_eq!(lock(&stream.pieces.list).len(), 1);
    }

    #[test]
    fn bytes_that_come_one_by_one_in_turn_of_two_streams_are_few_pieces() {
        let file = file();
        let mut streams = [file.begin(), file.begin()];
        for number in 0..200_000_u32 {
            for stream in &mut streams {
                assert_eq!(stream.write(&number.to_le_bytes()[..1], number.into()).unwrap(), 1);
            }
        }
        for stream in streams {
            let pieces = lock(&stream.pieces.list).len();
            assert!(pieces < 30, "{pieces} pieces");
            let expected: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
            let output = crate::model::Output::new(stream.source(), 200_000, None);
            assert!(crate::conduct::testing::bytes(&output) == expected, "each byte is at its place");
        }
        assert!(file.end.load(Ordering::Relaxed) < 400_000 + 2 * AHEAD);
    }

    #[test]
    fn a_full_file_gives_back_the_room_that_it_could_not_use() {
        let full = File::options().read(true).write(true).open("/dev/full").unwrap();
        let file = Arc::new(UnnamedFile::new(full));
        let mut stream = file.begin();
        assert!(stream.write(&[b'x'; 1000], 0).is_err());
        stream.end();
        assert_eq!(file.end.load(Ordering::Relaxed), 0);
    }
}
