//! The verdicts of all lines of a summary, which are judged together.

use crate::model::{Better, Margin};
use crate::statistics::{Direction, Row, Scale, Thresholds, judge};

use super::block::{Against, Block};
use super::table::Kind;

/// Says of each comparison what it is worth. The lines of metrics that have a section are judged together; the others
/// have no verdict. Returns how many were judged.
pub(super) fn judge_all(blocks: &mut [Block], bases: &[Vec<Option<f64>>]) -> usize {
    let mut rows = Vec::new();
    for (block, bases) in blocks.iter_mut().zip(bases) {
        let threshold = block.metric.threshold;
        for (line, base) in block.lines.iter_mut().zip(bases) {
            let Against::Compared(compared) = &mut line.against else { continue };
            let thresholds = thresholds(threshold, base.unwrap_or(0.0));
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

/// The thresholds of a comparison with a baseline of this median. One in the unit of the metric is a part of the median
/// where values are compared by their ratio.
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
