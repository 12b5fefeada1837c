//! Tables in Markdown, as GitHub and GitLab show it.

use std::fmt::Write as _;

use super::tables::{ROWS, Table, Told, footnote, limited, more_rows};
use crate::values::Summary;

/// All tables of a summary.
pub(in crate::report) fn write(summary: &Summary, told: Told<'_>) -> String {
    let mut text = String::new();
    let (all, left_out) = limited(summary, told, ROWS);
    for table in all {
        text.push_str(&drawn(&table));
    }
    if let Some(more) = more_rows(left_out) {
        let _ = writeln!(text, "\n{more}");
    }
    if let Some(note) = footnote(summary) {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// A table behind an empty line, with its notes as a list.
pub(in crate::report) fn drawn(table: &Table) -> String {
    let mut text = String::from("\n");
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|own| cell(&one_blank(own))).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text.push_str(&row(&table.heads));
    let rule: Vec<&str> = table.is_number.iter().map(|is_number| if *is_number { "---:" } else { "---" }).collect();
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    text.extend(table.rows.iter().map(|own| row(own)));
    if !table.notes.is_empty() {
        text.push('\n');
    }
    for note in &table.notes {
        let _ = writeln!(text, "- {}", cell(note));
    }
    text
}

/// Text that stands for itself: nothing in it is markup, and it has one line.
pub(in crate::report) fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                cell.push('\\');
                cell.push(character);
            }
            '\n' | '\r' => cell.push(' '),
            other => cell.push(other),
        }
    }
    cell
}

/// What was padded for a column has single blanks.
fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
