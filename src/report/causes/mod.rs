//! The causes of a run that did not pass, each with its consequences, in order of time. Every report lists them first.
//!
//! A step that failed by itself is a cause. What could not be carried out because of it is its consequence: a barrier
//! that its worker did not reach, steps that were skipped or stopped, steps of a lost worker, a check of incomplete
//! results. Steps that may fail and failures in Reset are neither. `root` finds the cause of a step, `source` finds
//! what a metric reads, `find` and `metric` find all causes of a run, `fold` merges causes that are equal on several
//! workers or in several trials, and `words` describes them.

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

/// Returns the causes of what has gone wrong in a run so far. `conclusion` is known once the run has ended.
pub(super) fn causes(run: &Run, conclusion: Option<&Conclusion>) -> Vec<Cause> {
    fold::folded(run, find::found(run, conclusion))
}
