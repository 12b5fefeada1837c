//! The plots of a metric: its values by round, its median by parameter, and the differences between its points and
//! their baseline.

mod axis;
mod changes;
mod frame;
mod over;
mod quantities;
mod rounds;
mod svg;
#[cfg(test)]
mod tests;

pub(super) use frame::Plot;

use crate::values::{Block, Values};

/// Returns the plots of a metric of a run.
pub(super) fn plots(values: &Values, block: &Block) -> Vec<Plot> {
    let rows = values.rows_of(&block.metric, block.worker.as_deref());
    let over = over::plots(values, block);
    rounds::plot(values, block, &rows).into_iter().chain(over).chain(changes::plot(values, block)).collect()
}
