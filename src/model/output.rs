//! What a step printed on one stream, wherever it is kept.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::named::named;

/// Which of a step's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

named!(Stream: Stdout "stdout", Stderr "stderr");

/// The end of an output that could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unkept {
    /// How many bytes it had.
    pub bytes: u64,
    /// Why, for people.
    pub why: Arc<str>,
}

impl fmt::Display for Unkept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes could not be kept: {}", self.bytes, self.why)
    }
}

/// Something that keeps the bytes of one stream.
pub trait OutputSource: Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// What was printed behind them and could not be kept.
    fn unkept(&self) -> Option<&Unkept> {
        None
    }

    /// Reads some bytes from `offset` on; none at the end.
    ///
    /// # Errors
    ///
    /// Says why the bytes can't be read back.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// The bytes of one stream of a step. A copy refers to the same bytes.
#[derive(Clone)]
pub struct Output(Arc<dyn OutputSource>);

impl Default for Output {
    fn default() -> Self {
        Self::empty()
    }
}

impl Output {
    /// Refers to bytes that are kept elsewhere.
    pub fn new(source: impl OutputSource + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::from_bytes(Vec::new())
    }

    /// Keeps the bytes in memory: for the short texts of a seed player, and for tests.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(InMemory(bytes.into()))
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.0.length()
    }

    /// What was printed behind them and could not be kept.
    pub fn unkept(&self) -> Option<&Unkept> {
        self.0.unkept()
    }

    /// How many bytes were printed, kept or not.
    pub fn printed(&self) -> u64 {
        self.length() + self.unkept().map_or(0, |unkept| unkept.bytes)
    }

    /// What came after an earlier state of the same output.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.unkept().map_or(0, |unkept| unkept.bytes);
        let unkept = self.unkept().map(|now| Unkept { bytes: now.bytes.saturating_sub(before), ..now.clone() });
        Self::new(Rest {
            of: self.clone(),
            offset: earlier.length().min(self.length()),
            unkept: unkept.filter(|unkept| unkept.bytes > 0),
        })
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.printed() == 0
    }

    /// Reads exactly the bytes from `offset` to the end of `buffer`.
    ///
    /// # Errors
    ///
    /// Says why the bytes can't be read back; an end before the buffer is full is one reason.
    pub fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = self.0.read_at(offset, buffer)?;
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

struct Rest {
    of: Output,
    offset: u64,
    unkept: Option<Unkept>,
}

impl OutputSource for Rest {
    fn length(&self) -> u64 {
        self.of.length() - self.offset
    }

    fn unkept(&self) -> Option<&Unkept> {
        self.unkept.as_ref()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.of.0.read_at(self.offset + offset, buffer)
    }
}

struct InMemory(Vec<u8>);

impl OutputSource for InMemory {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - from);
        buffer[..count].copy_from_slice(&self.0[from..from + count]);
        Ok(count)
    }
}
