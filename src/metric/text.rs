//! The texts that a trial left. They are read in pieces, until a time limit.

use std::io::{self, BufReader, Read};

use crate::model::Output;

/// The size of the pieces in which a text is read, in bytes.
const PIECE: usize = 64 << 10;
/// Access to the files that a trial left.
pub trait Files {
    /// Opens the file at this path in the results of a worker in a trial.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened.
    fn file(&self, trial: u32, worker: &str, path: &str) -> io::Result<Box<dyn Read + '_>>;

    /// Checks that the time limit for reading has not been reached.
    ///
    /// # Errors
    ///
    /// Returns an error if it has.
    fn go_on(&self) -> io::Result<()>;
}

/// Reads an output, until the time limit.
pub(super) fn of(output: Output, files: &dyn Files) -> BufReader<Limited<'_>> {
    limited(Text { output, offset: 0 }, files)
}

/// Reads a text, until the time limit.
pub(super) fn limited<'r>(text: impl Read + 'r, files: &'r dyn Files) -> BufReader<Limited<'r>> {
    BufReader::with_capacity(PIECE, Limited { text: Box::new(text), files })
}

/// A reader of the bytes of an output.
struct Text {
    output: Output,
    offset: u64,
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.output.length().saturating_sub(self.offset);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.output.read_exact_at(self.offset, &mut buffer[..count])?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// A text that can be read until the time limit.
pub(super) struct Limited<'r> {
    text: Box<dyn Read + 'r>,
    files: &'r dyn Files,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.files.go_on()?;
        self.text.read(buffer)
    }
}
