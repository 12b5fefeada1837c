//! Tables as text, with columns exactly below each other.

use super::tables::{ROWS, Table, Told, footnote, limited, more_rows};
use crate::model::{display_width, padded};
use crate::values::Summary;

/// The lines of a table: the head, the rows, which are indented below it, and the notes.
pub(in crate::report) fn aligned(table: &Table) -> Vec<String> {
    let cells = |row: &[String]| row.iter().map(|cell| display_width(cell)).collect::<Vec<_>>();
    let indented = |row: &Vec<String>| {
        row.iter().enumerate().map(|(at, cell)| if at == 0 { format!("  {cell}") } else { cell.clone() }).collect()
    };
    let rows: Vec<Vec<String>> = [table.heads.clone()].into_iter().chain(table.rows.iter().map(indented)).collect();
    let mut widths = vec![0; table.heads.len()];
    for row in &rows {
        for (width, own) in widths.iter_mut().zip(cells(row)) {
            *width = own.max(*width);
        }
    }
    let line = |row: &Vec<String>| {
        let columns = row.iter().zip(&widths).zip(&table.is_number).map(|((cell, &width), is_number)| {
            if *is_number { format!("{cell:>width$}") } else { padded(cell, width) }
        });
        columns.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).chain(table.notes.iter().map(|note| format!("  {note}"))).collect()
}

/// The lines of all tables of a summary, each behind an empty line; whether a line is a head.
pub(in crate::report) fn write(summary: &Summary, told: &Told<'_>) -> Vec<(bool, String)> {
    let mut lines = Vec::new();
    let (all, left_out) = limited(summary, told, ROWS);
    for table in all {
        lines.push((false, String::new()));
        lines.extend(aligned(&table).into_iter().enumerate().map(|(at, line)| (at == 0, line)));
    }
    if let Some(more) = more_rows(left_out) {
        lines.extend([(false, String::new()), (false, more)]);
    }
    lines.extend(footnote(summary).map(|note| (false, note)));
    lines
}
