//! Numbers that a test is run for: how they are read from what a trial left.
//!
//! `reading` and `pointer` find numbers in a text, `pick` makes one of several, `printed` reads what `check` says of metrics.
//! `left` gathers what a trial left from its events, and `measure` makes the measurements of it. Everything here is pure:
//! what a trial left comes in, which is read through [`Files`], and numbers or the reasons for their absence come out.

mod left;
mod measure;
mod missing;
mod pick;
mod pointer;
mod printed;
mod reached;
mod reading;
mod text;

pub use left::Left;
pub use measure::{Measured, measure, unmeasured};
pub use missing::{LARGEST, Missing};
pub use pick::Picked;
pub use pointer::Pointer;
pub use reading::Reading;
pub use text::Files;
