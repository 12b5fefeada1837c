//! The causes of a run that did not pass, each with its consequences, in the order of time: what every output tells first.
//!
//! A step that failed by itself is a cause. What could not be carried out because of it is its consequence: a barrier that
//! its worker did not reach, steps that were skipped or stopped, steps of a lost worker, a check of incomplete results.
//! What may fail is neither, and nor is a failure in Reset. `root` finds the cause of a step, `source` what a metric reads, `find` and
//! `metric` gather all of a run, `fold` puts together what is equal on several workers or in several trials, `words` says them.

mod cause;
mod find;
mod fold;
mod metric;
mod printed;
mod root;
mod source;
#[cfg(test)]
mod tests;
mod words;

use super::Run;
use crate::model::Conclusion;

pub(super) use cause::{Cause, Consequence, Effect, Kind};
pub(super) use printed::{Printed, check_printed, printed};
pub(super) use words::{Shown, shown};

/// The causes of what went wrong in a run so far; `conclusion` once it is over.
pub(super) fn causes(run: &Run, conclusion: Option<&Conclusion>) -> Vec<Cause> {
    fold::folded(run, find::found(run, conclusion))
}
