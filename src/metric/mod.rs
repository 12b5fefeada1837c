//! Metrics: reads the numbers that a test measures from what a trial left.
//!
//! `reading` and `pointer` find numbers in a text, `pick` chooses or combines them, `printed` reads the metrics in the
//! output of `check`. `left` collects what a trial left from its events, and `measure` computes the measurements. All
//! code is pure: it reads through [`Files`], and returns numbers or why there are none.

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
pub use measure::{measure, unmeasured};
pub use missing::{LARGEST, Missing};
pub use pick::Picked;
pub use pointer::Pointer;
pub use reading::Reading;
pub use text::Files;
