//! Numbers that a test is run for: how they are read from an output, and what is picked of them.
//!
//! `reading` finds numbers in a text, and `pick` makes one of several.
//! Everything here is pure: a text comes in, a number or the reason for its absence comes out.

mod pick;
mod reading;

pub use pick::Picked;
pub use reading::{LARGEST_JSON, Missing, Reading};
