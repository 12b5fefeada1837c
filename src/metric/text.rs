//! The texts that a trial left, read piece by piece while there is time for it.

use std::io::{self, BufReader, Read};

use crate::model::Output;

/// How much of a text is read at once.
const PIECE: usize = 64 << 10;
/// Reads what a trial left.
pub trait Files {
    /// The file at this path in the results of a worker in a trial.
    ///
    /// # Errors
    ///
    /// Says why it cannot be opened.
    fn file(&self, trial: u32, worker: &str, path: &str) -> io::Result<Box<dyn Read + '_>>;

    /// Whether the time for reading is over, and why.
    ///
    /// # Errors
    ///
    /// Says so.
    fn go_on(&self) -> io::Result<()>;
}

/// What was printed.
pub(super) fn of(output: Output, files: &dyn Files) -> BufReader<Limited<'_>> {
    limited(Text { output, offset: 0 }, files)
}

/// A text that is read only while there is time for it.
pub(super) fn limited<'r>(text: impl Read + 'r, files: &'r dyn Files) -> BufReader<Limited<'r>> {
    BufReader::with_capacity(PIECE, Limited { text: Box::new(text), files })
}

/// The bytes of an output, one after the other.
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

/// A text that is read only while there is time for it.
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
