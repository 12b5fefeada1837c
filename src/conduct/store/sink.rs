//! The destination of the bytes of one stream.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use crate::model::OutputSource;

/// A destination for the bytes of one stream.
pub(super) trait Sink: Debug + Send {
    /// Writes some of these bytes after the `offset` bytes that were written before. Returns how many.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Ends the stream: nothing more is written.
    fn end(&mut self);

    /// Returns what was written.
    fn source(&self) -> Arc<dyn OutputSource>;
}
