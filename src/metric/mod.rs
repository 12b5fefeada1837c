//! Numbers that a test is run for: how they are read from an output, and which values are expected.
//!
//! `reading` finds numbers in a text, `pick` makes one of several, and `expectation` says whether a value is as expected.
//! Everything here is pure: a text comes in, a number or the reason for its absence comes out.

mod expectation;
mod pick;
mod reading;

pub use expectation::Expectation;
pub use pick::{Pick, Picked};
pub use reading::{LARGEST_JSON, Missing, Reading};
