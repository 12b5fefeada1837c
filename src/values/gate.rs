//! The verdicts of all lines of a summary, which are judged together.

use crate::statistics::{Row, judge};

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
            let thresholds = threshold.at(base.unwrap_or(0.0));
            compared.threshold = thresholds.on(compared.comparison.scale);
            if block.metric.kind == Kind::Section {
                rows.push(Row { comparison: compared.comparison, better: block.metric.better, thresholds });
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
