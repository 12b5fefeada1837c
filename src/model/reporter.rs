//! The one interface of all outputs.

use std::io;

use super::{Stamped, WorkerId};

/// An output: something that is told every event of a run, in order.
pub trait Reporter: Send {
    /// Takes one event. [`Event::RunEnded`](super::Event::RunEnded) is the last: the output is complete after it.
    ///
    /// # Errors
    ///
    /// Says why the output can't be written. It is not called again after an error, unless it goes on.
    fn report(&mut self, stamped: &Stamped) -> io::Result<()>;

    /// What all reports are to say of this output since it was asked last, and of which worker.
    fn warnings(&mut self) -> Vec<(Option<WorkerId>, String)> {
        Vec::new()
    }

    /// Whether it goes on after an error, because other things that it writes may still succeed.
    fn goes_on(&self) -> bool {
        false
    }
}
