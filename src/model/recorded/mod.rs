//! How the record of a run has what it does not have as it is: workers by their names, results without the bytes of their
//! outputs. All durations are nanoseconds.

mod names;
mod result;

pub use names::Names;

pub(super) use result::{check_ended, step_ended};
