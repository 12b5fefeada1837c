//! The plots of a metric: its values by round, its median over a parameter, and how its points differ from their baseline.

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

use crate::values::{Block, Value, Values};

/// The plots of a metric of a run.
pub(super) fn plots(values: &Values, block: &Block) -> Vec<Plot> {
    let rows: Vec<&Value> = values.rows.iter().filter(|row| is_of(values, block, row)).collect();
    let over = over::plots(values, block);
    rounds::plot(values, block, &rows).into_iter().chain(over).chain(changes::plot(values, block)).collect()
}

fn is_of(values: &Values, block: &Block, row: &Value) -> bool {
    let metric = &values.metrics[row.metric];
    let worker = row.worker.map(|worker| values.worker(worker));
    metric.name == block.metric.name && metric.unit == block.metric.unit && worker == block.worker.as_deref()
}
