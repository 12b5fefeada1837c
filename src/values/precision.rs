//! The precision of medians: finds those that need more trials.

use crate::model::{Imprecise, Margin};
use crate::statistics::Location;

use super::sampled::Sampled;
use super::summary::with_values;
use super::table::{Value, Values};

impl Values {
    /// Returns the medians at all points that are less precise than these metrics of the test file require, the worst
    /// first. These metrics must be the first ones of the table.
    pub fn imprecise(&self, metrics: &[crate::model::Metric]) -> Vec<Imprecise> {
        let mut found = Vec::new();
        let wanted = metrics.iter().enumerate().filter_map(|(at, metric)| Some((at, metric, metric.precision?)));
        for (at, metric, wanted) in wanted {
            let of_metric: Vec<&Value> = self.rows.iter().filter(|row| row.metric == at).collect();
            for worker in with_values(of_metric.iter().map(|row| row.worker).collect()) {
                let own: Vec<&Value> = of_metric.iter().filter(|row| row.worker == worker).copied().collect();
                for (point, described) in self.points.iter().enumerate() {
                    let sampled = Sampled::new(self, &own, point);
                    let reached = sampled.location().and_then(|location| half_width(&location, wanted));
                    let (metric, point, values) = (metric.name.clone(), described.name.clone(), sampled.counted());
                    let known = Imprecise { metric, worker, point, values, reached, wanted };
                    if known.excess() > 1.0 {
                        found.push(known);
                    }
                }
            }
        }
        found.sort_by(|one, other| other.excess().total_cmp(&one.excess()));
        found
    }
}

/// Returns half the interval's width, on the scale of `wanted`. `None` for a fraction of 0, unless all values are 0.
fn half_width(location: &Location, wanted: Margin) -> Option<Margin> {
    let half = location.interval?.half_width();
    match wanted {
        Margin::Absolute(_) => Some(Margin::Absolute(half)),
        Margin::Relative(_) if half == 0.0 => Some(Margin::Relative(0.0)),
        Margin::Relative(_) if location.median == 0.0 => None,
        Margin::Relative(_) => Some(Margin::Relative(half / location.median.abs())),
    }
}
