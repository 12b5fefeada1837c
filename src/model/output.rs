//! The output of a step on one stream, wherever it is stored.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::named::named;

/// One of the two output streams of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

named!(Stream: Stdout "stdout", Stderr "stderr");

/// The lost end of an output, which could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unkept {
    /// The number of bytes.
    pub bytes: u64,
    /// The reason, as a message.
    pub why: Arc<str>,
}

impl fmt::Display for Unkept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes could not be stored: {}", self.bytes, self.why)
    }
}

/// Storage for the bytes of one stream.
pub trait OutputSource: Send + Sync {
    /// Reads some bytes from `offset` on; zero bytes at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes cannot be read back.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// The bytes of one stream of a step that have arrived so far. A copy refers to the same bytes.
#[derive(Clone)]
pub struct Output(Arc<Part>);

/// A part of the bytes of a source.
struct Part {
    source: Arc<dyn OutputSource>,
    offset: u64,
    length: u64,
    unkept: Option<Unkept>,
}

impl Default for Output {
    /// No bytes.
    fn default() -> Self {
        // Most steps print nothing on standard error.
        static EMPTY: LazyLock<Output> = LazyLock::new(|| Output::from_bytes(Vec::new()));
        EMPTY.clone()
    }
}

impl Output {
    /// Creates an output of the first `length` bytes of a source. `unkept` describes later bytes that were not kept.
    pub fn new(source: Arc<dyn OutputSource>, length: u64, unkept: Option<Unkept>) -> Self {
        Self(Arc::new(Part { source, offset: 0, length, unkept }))
    }

    /// Creates an output in memory, for short texts and for tests.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self::new(Arc::new(bytes), length, None)
    }

    /// Returns the number of bytes.
    pub fn length(&self) -> u64 {
        self.0.length
    }

    /// Describes the later bytes that could not be kept, if any.
    pub fn unkept(&self) -> Option<&Unkept> {
        self.0.unkept.as_ref()
    }

    /// Returns the number of bytes that were printed, whether kept or not.
    pub fn printed(&self) -> u64 {
        self.length() + self.left_out()
    }

    /// Returns the number of bytes that could not be kept.
    pub fn left_out(&self) -> u64 {
        self.unkept().map_or(0, |unkept| unkept.bytes)
    }

    /// Returns the bytes that followed an earlier state of the same output.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let bytes = self.left_out().saturating_sub(earlier.left_out());
        let unkept = self.unkept().filter(|_| bytes > 0).map(|unkept| Unkept { bytes, ..unkept.clone() });
        self.part(earlier.length(), unkept)
    }

    /// Returns the bytes after the first `length` ones.
    #[must_use]
    pub fn behind(&self, length: u64) -> Self {
        self.part(length, self.0.unkept.clone())
    }

    fn part(&self, from: u64, unkept: Option<Unkept>) -> Self {
        let from = from.min(self.length());
        let (offset, length) = (self.0.offset + from, self.length() - from);
        Self(Arc::new(Part { source: Arc::clone(&self.0.source), offset, length, unkept }))
    }

    /// Returns whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.printed() == 0
    }

    /// Returns the bytes of a range in pieces of at most `size` bytes, or an error if they cannot be read back.
    pub fn pieces(&self, range: Range<u64>, size: usize) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
        range.clone().step_by(size).map(move |offset| {
            let mut piece = vec![0; usize::try_from(range.end - offset).unwrap_or(size).min(size)];
            self.read_exact_at(offset, &mut piece).map(|()| piece)
        })
    }

    /// Reads the bytes from `offset` on until `buffer` is full.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes cannot be read back, or if the output ends before the buffer is full.
    pub fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(buffer.len() as u64) > self.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !buffer.is_empty() {
            let count = self.0.source.read_at(self.0.offset + offset, buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += count as u64;
            buffer = &mut buffer[count..];
        }
        Ok(())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Output({} bytes)", self.length())
    }
}

impl OutputSource for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - from);
        buffer[..count].copy_from_slice(&self[from..from + count]);
        Ok(count)
    }
}
