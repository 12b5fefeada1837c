//! Formats rows as lines with aligned columns.

use crate::model::{display_width, padded};

/// Formats rows as lines. Cells are two spaces apart, and numbers are right-aligned. Text in the last column has no
/// trailing spaces.
pub(super) fn aligned<R: AsRef<[String]>>(rows: &[R], is_number: impl Fn(usize) -> bool) -> Vec<String> {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.as_ref().get(column)).map(|cell| display_width(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &R| {
        let cells = row.as_ref().iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            _ if is_number(column) => format!("{cell:>width$}"),
            _ if column + 1 == columns => cell.clone(),
            _ => padded(cell, width),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}
