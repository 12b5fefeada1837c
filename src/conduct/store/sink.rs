//! Where the bytes of one stream go.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use crate::model::OutputSource;

/// Takes the bytes of one stream.
pub(super) trait Sink: Debug + Send {
    /// Writes some of these bytes behind the `offset` bytes that were written before; how many.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Nothing more is written.
    fn end(&mut self);

    /// What was written.
    fn source(&self) -> Arc<dyn OutputSource>;
}
