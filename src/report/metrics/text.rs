//! Tables as text, with columns exactly below each other.

use super::tables::{Table, Told, footnote, tables};
use crate::model::{display_width, padded};
use crate::report::words;
use crate::values::Summary;

/// So many rows of all tables together are shown.
const ROWS: usize = 200;

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
pub(in crate::report) fn write(summary: &Summary, told: Told<'_>) -> Vec<(bool, String)> {
    let mut lines = Vec::new();
    let (mut shown, all) = (0, tables(summary, told));
    let total: usize = all.iter().map(|table| table.rows.len()).sum();
    for table in all {
        if shown > 0 && shown + table.rows.len() > ROWS {
            lines.push((false, String::new()));
            lines.push((false, format!("and {}, see the `json` report", words::counted(total - shown, "more row"))));
            break;
        }
        shown += table.rows.len();
        lines.push((false, String::new()));
        lines.extend(aligned(&table).into_iter().enumerate().map(|(at, line)| (at == 0, line)));
    }
    lines.extend(footnote(summary).map(|note| (false, note)));
    lines
}
