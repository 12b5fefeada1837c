//! Formats tables as text with aligned columns.

use super::tables::{ROWS, Table, Told, footnote, limited, more_rows};
use crate::report::columns;
use crate::values::Summary;

/// Returns the lines of a table: the head, the indented rows, and the notes.
pub(in crate::report) fn aligned(table: &Table) -> Vec<String> {
    let indented = |row: &Vec<String>| {
        row.iter().enumerate().map(|(at, cell)| if at == 0 { format!("  {cell}") } else { cell.clone() }).collect()
    };
    let rows: Vec<Vec<String>> = [table.heads.clone()].into_iter().chain(table.rows.iter().map(indented)).collect();
    let lines = columns::aligned(&rows, |column| table.is_number[column]).into_iter();
    let lines = lines.map(|line| line.trim_end().to_owned());
    lines.chain(table.notes.iter().map(|note| format!("  {note}"))).collect()
}

/// Returns the lines of all tables of a summary, each after an empty line, and whether each line is a head.
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
