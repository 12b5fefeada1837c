//! The verdicts of all lines of a summary. They are computed together.

use crate::model::{Better, Margin};
use crate::statistics::{Direction, Row, Scale, Thresholds, judge};

use super::block::{Against, Block};
use super::layout::{Base, Slot};
use super::table::Kind;

/// Computes the verdicts of all comparisons. The lines of metrics that have a section are judged together; the others
/// have no verdict. Returns the number of lines that were judged.
pub(super) fn judge_all(blocks: &mut [Block], slots: &[Slot]) -> usize {
    let mut rows = Vec::new();
    for block in blocks.iter_mut() {
        let medians: Vec<_> = block.lines.iter().map(|line| line.location.map(|location| location.median)).collect();
        for (line, slot) in block.lines.iter_mut().zip(slots) {
            let (Against::Compared(compared), Base::At(base)) = (&mut line.against, slot.base) else { continue };
            let thresholds = thresholds(block.metric.threshold, medians[base].unwrap_or(0.0));
            compared.threshold = thresholds.on(compared.comparison.scale);
            if block.metric.kind == Kind::Section {
                rows.push(Row {
                    comparison: compared.comparison,
                    better: block.metric.better.map(direction),
                    thresholds,
                });
            }
        }
    }
    let mut judgements = judge(&rows).into_iter();
    for block in blocks.iter_mut().filter(|block| block.metric.kind == Kind::Section) {
        for line in &mut block.lines {
            if let Against::Compared(compared) = &mut line.against {
                compared.judgement = judgements.next();
            }
        }
    }
    rows.len()
}

/// Returns the thresholds for comparing with a baseline that has this median. An absolute threshold is divided by the
/// median if values are compared by ratio.
fn thresholds(margin: Margin, median: f64) -> Thresholds {
    let usual = Thresholds::default();
    let thresholds = match margin {
        Margin::Relative(part) => Thresholds::new(part, usual.on(Scale::Difference)),
        Margin::Absolute(number) => Thresholds::new(number / median.abs(), number).or(Thresholds::new(0.0, number)),
    };
    thresholds.unwrap_or(usual)
}

const fn direction(better: Better) -> Direction {
    match better {
        Better::Higher => Direction::Higher,
        Better::Lower => Direction::Lower,
    }
}
