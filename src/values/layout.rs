//! The lines of a block, and the baseline of each.

use super::table::Values;
use crate::model::Point;

/// A line of each block: a point of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) run: usize,
    pub(super) point: usize,
    pub(super) base: Base,
}

/// The baseline of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The line is not compared.
    Nothing,
    /// The line is a baseline itself.
    Own,
    /// There is no baseline for the line.
    Absent,
    /// The baseline is the line at this position.
    At(usize),
}

/// Lays out the points of one run, each with its baseline.
pub(super) fn of_run(values: &Values) -> Vec<Slot> {
    let has_baselines = values.points.iter().any(|point| point.baseline.is_some()) && values.points.len() > 1;
    let slot = |(at, point): (usize, &Point)| {
        let base = match point.baseline {
            _ if !has_baselines => Base::Nothing,
            None => Base::Absent,
            Some(base) if base.0 == at => Base::Own,
            Some(base) => Base::At(base.0),
        };
        Slot { run: 0, point: at, base }
    };
    values.points.iter().enumerate().map(slot).collect()
}

/// Lays out the points of several runs, each compared with the point of the first run that has the same parameters.
/// With `by`, that parameter may differ: all are compared with the first such point of the first run.
pub(super) fn of_runs(runs: &[Values], by: Option<&str>) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let Some((base, others)) = runs.split_first() else { return slots };
    let alike = |a: &Point, b: &Point| match by {
        Some(name) => a.without(name) == b.without(name),
        None => a.parameters == b.parameters,
    };
    for (at, point) in base.points.iter().enumerate() {
        // With `by`, points that differ only in this parameter follow the first of them.
        if base.points[..at].iter().any(|before| alike(before, point)) {
            continue;
        }
        let first = slots.len();
        slots.push(Slot { run: 0, point: at, base: Base::Own });
        let rest = base.points.iter().enumerate().skip(at + 1).map(|(other, own)| (0, other, own));
        let new = others
            .iter()
            .zip(1..)
            .flat_map(|(values, run)| values.points.iter().enumerate().map(move |(other, own)| (run, other, own)));
        let compared = rest.chain(new).filter(|(_, _, own)| alike(own, point));
        slots.extend(compared.map(|(run, point, _)| Slot { run, point, base: Base::At(first) }));
    }
    // Points that only the other runs have are shown, but not compared.
    for (values, run) in others.iter().zip(1..) {
        let is_alone = |point: &Point| !base.points.iter().any(|known| alike(known, point));
        let alone = values.points.iter().enumerate().filter(|(_, point)| is_alone(point));
        slots.extend(alone.map(|(point, _)| Slot { run, point, base: Base::Absent }));
    }
    slots
}

/// Lays out the points of runs, each compared with the same point of the last earlier run that has it.
pub(super) fn of_history(runs: &[Values]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut seen: Vec<&Point> = Vec::new();
    for point in runs.iter().flat_map(|values| &values.points) {
        if seen.iter().any(|known| known.parameters == point.parameters) {
            continue;
        }
        seen.push(point);
        let mut base = Base::Nothing;
        for (values, run) in runs.iter().zip(0..) {
            let own = values.points.iter().position(|own| own.parameters == point.parameters);
            if let Some(own) = own {
                slots.push(Slot { run, point: own, base });
                base = Base::At(slots.len() - 1);
            }
        }
    }
    slots
}
