//! The one interface of all outputs.

use std::io;

use super::Stamped;

/// An output: something that is told every event of a run, in order.
pub trait Reporter: Send {
    /// Takes one event. [`Event::RunEnded`](super::Event::RunEnded) is the last: the output is complete after it.
    ///
    /// # Errors
    ///
    /// Says why the output cannot be written. It is not called again after an error.
    fn report(&mut self, stamped: &Stamped) -> io::Result<()>;
}
