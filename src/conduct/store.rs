//! The output store: what all steps printed, on disk, as it arrives.
//!
//! One file without a name, which is gone with the process. Each stream takes room at its end and writes there without a
//! lock; it is a list of such pieces, and neighbouring pieces are one. The more a stream has, the more room it takes ahead:
//! bytes that come one by one, in turn with those of other streams, would otherwise be a piece each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Output, OutputSource, Unkept, words};

/// The store of a run. A copy is the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    end: AtomicU64,
}

impl Store {
    /// Makes an empty store in this folder, or in the one for temporary files.
    pub(crate) fn new(folder: Option<&Path>) -> io::Result<Self> {
        let file = match folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        Ok(Self(Arc::new(Shared { file, end: AtomicU64::new(0) })))
    }

    /// Begins a stream.
    pub(crate) fn stream(&self) -> StreamWriter {
        let room = Room { at: 0, length: 0 };
        StreamWriter { store: self.clone(), pieces: Pieces::default(), received: 0, kept: 0, room, failed: None }
    }
}

impl Shared {
    /// Takes so much room at the end of the file.
    fn take(&self, length: u64) -> Room {
        Room { at: self.end.fetch_add(length, Ordering::Relaxed), length }
    }

    /// Takes room back, unless somebody has taken the place behind it.
    fn take_back(&self, room: Room) {
        let _ = self.end.compare_exchange(room.at + room.length, room.at, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A place in the file that a stream has taken and not yet written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    at: u64,
    length: u64,
}

/// A piece of a stream: where it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it begins in the stream.
    offset: u64,
    /// Where it begins in the file.
    at: u64,
    /// How long it is.
    length: u64,
}

/// The pieces of a stream, in order: the writer adds to them, and whoever reads looks at the first ones, which stay.
#[derive(Debug, Clone, Default)]
struct Pieces(Arc<Mutex<Vec<Piece>>>);

impl Pieces {
    fn lock(&self) -> MutexGuard<'_, Vec<Piece>> {
        // A list that was being added to when somebody panicked is whole: it is changed in one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream, while it grows.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    store: Store,
    pieces: Pieces,
    received: u64,
    kept: u64,
    /// Where the next bytes go.
    room: Room,
    /// Why no more is kept.
    failed: Option<Arc<str>>,
}

/// The most room that a stream takes ahead: the file has it as a hole until it is written to.
const AHEAD: u64 = 64 << 10;

impl StreamWriter {
    /// How many bytes of the stream have come, kept or not.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Adds bytes. After an error the stream counts on, and keeps what it had.
    ///
    /// # Errors
    ///
    /// Says why the bytes, or some of them, can't be kept; of each stream once.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received += bytes.len() as u64;
        if self.failed.is_some() {
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.room.length == 0 {
                self.room = self.store.0.take((rest.len() as u64).max(self.kept.min(AHEAD)));
            }
            let (part, behind) = rest.split_at(rest.len().min(usize::try_from(self.room.length).unwrap_or(usize::MAX)));
            let (written, end) = write_at(&self.store.0.file, part, self.room.at);
            self.wrote(written);
            if let Err(error) = end {
                self.failed = Some(words(&error).into());
                // A shorter piece of another stream may still have room.
                self.store.0.take_back(self.room);
                self.room.length = 0;
                return Err(error);
            }
            rest = behind;
        }
        Ok(())
    }

    /// So many bytes were written to the beginning of the room.
    fn wrote(&mut self, length: u64) {
        let at = self.room.at;
        if length > 0 {
            let mut pieces = self.pieces.lock();
            match pieces.last_mut() {
                Some(last) if last.at + last.length == at => last.length += length,
                _ => pieces.push(Piece { offset: self.kept, at, length }),
            }
        }
        self.kept += length;
        self.room = Room { at: at + length, length: self.room.length - length };
    }

    /// The first `length` bytes of the stream, or what was kept of them. It costs nothing, however long the stream is.
    pub(crate) fn output(&self, length: u64) -> Output {
        let printed = length.min(self.received);
        let length = printed.min(self.kept);
        if printed == 0 {
            return Output::empty();
        }
        let lost = |why: &Arc<str>| Unkept { bytes: printed - length, why: Arc::clone(why) };
        let unkept = self.failed.as_ref().filter(|_| printed > length).map(lost);
        Output::new(Stored { shared: Arc::clone(&self.store.0), pieces: self.pieces.clone(), length, unkept })
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.store.0.take_back(self.room);
    }
}

/// Writes as much as there is room for: how much that was, and why not all.
fn write_at(file: &File, bytes: &[u8], at: u64) -> (u64, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&bytes[written..], at + written as u64) {
            Ok(0) => return (written as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written as u64, Err(error)),
        }
    }
    (written as u64, Ok(()))
}

/// A stream that is read back.
struct Stored {
    shared: Arc<Shared>,
    pieces: Pieces,
    length: u64,
    unkept: Option<Unkept>,
}

impl OutputSource for Stored {
    fn unkept(&self) -> Option<&Unkept> {
        self.unkept.as_ref()
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let piece = {
            let pieces = self.pieces.lock();
            let index = pieces.partition_point(|piece| piece.offset + piece.length <= offset);
            pieces.get(index).copied()
        };
        let Some(piece) = piece else {
            return Ok(0);
        };
        let within = offset - piece.offset;
        let there = (piece.length - within).min(self.length - offset);
        let count = buffer.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        self.shared.file.read_at(&mut buffer[..count], piece.at + within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(output: &Output) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(output.length()).unwrap()];
        output.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn streams_that_grow_together_are_read_back_apart() {
        let store = Store::new(None).unwrap();
        std::thread::scope(|scope| {
            for number in 0..4_u8 {
                let mut stream = store.stream();
                scope.spawn(move || {
                    let mut expected = Vec::new();
                    for round in 0..100_u8 {
                        let piece = vec![number ^ round; usize::from(round) + 1];
                        stream.append(&piece).unwrap();
                        expected.extend(piece);
                    }
                    assert_eq!(bytes(&stream.output(u64::MAX)), expected);
                    assert_eq!(bytes(&stream.output(7)), expected[..7]);
                });
            }
        });
    }

    #[test]
    fn neighbouring_pieces_are_one() {
        let store = Store::new(None).unwrap();
        let mut stream = store.stream();
        for _ in 0..10 {
            stream.append(b"abc").unwrap();
        }
        assert_eq!(stream.pieces.lock().len(), 1);
        assert_eq!(stream.received(), 30);
    }

    #[test]
    fn bytes_that_come_one_by_one_in_turn_of_two_streams_are_few_pieces() {
        let store = Store::new(None).unwrap();
        let mut streams = [store.stream(), store.stream()];
        for number in 0..200_000_u32 {
            for stream in &mut streams {
                stream.append(&number.to_le_bytes()[..1]).unwrap();
            }
        }
        for stream in streams {
            let pieces = stream.pieces.lock().len();
            assert!(pieces < 30, "{pieces} pieces");
            let expected: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
            assert!(bytes(&stream.output(u64::MAX)) == expected, "each byte is at its place");
        }
        assert!(store.0.end.load(Ordering::Relaxed) < 400_000 + 2 * AHEAD);
    }

    /// A store whose file can't be written.
    fn full() -> Store {
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        Store(Arc::new(Shared { file, end: AtomicU64::new(0) }))
    }

    #[test]
    fn what_can_not_be_kept_is_counted_and_said_once() {
        let mut stream = full().stream();
        assert!(stream.append(b"lost").is_err());
        assert!(stream.append(b" too").is_ok());
        let output = stream.output(u64::MAX);
        assert_eq!((output.length(), output.printed(), output.is_empty()), (0, 8, false));
        assert_eq!(output.unkept().unwrap().to_string(), "8 bytes could not be kept: no space left on device");
        let (first, all) = (stream.output(3), output);
        assert_eq!((first.printed(), all.since(&first).printed()), (3, 5));
    }

    #[test]
    fn a_full_store_gives_back_the_room_that_it_could_not_use() {
        let store = full();
        assert!(store.stream().append(&[b'x'; 1000]).is_err());
        assert_eq!(store.0.end.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_earlier_view_does_not_grow() {
        let store = Store::new(None).unwrap();
        let mut stream = store.stream();
        stream.append(b"early").unwrap();
        let early = stream.output(5);
        stream.append(b" and late").unwrap();
        assert_eq!(bytes(&early), b"early");
        assert_eq!(bytes(&stream.output(stream.received())), b"early and late");
        assert!(store.stream().output(9).is_empty());
    }
}
