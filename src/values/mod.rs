//! The values of the metrics of runs: which values exist, which of them count, and their statistics.
//!
//! `table` contains the values; `collect` creates it from the events of a run. `summary` has a block for each metric
//! with a line for each point; it compares points of one run, or of several runs. All code here is pure.

mod block;
mod collect;
mod gate;
mod layout;
mod precision;
mod sampled;
mod summary;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use block::{Against, Block, Compared, Line, Unusual};
pub use collect::Collector;
pub use summary::{MissingIn, Options, Summary, failures};
pub use table::{Kind, Metric, Reading, Trial, Uncounted, Value, Values, parameters};
