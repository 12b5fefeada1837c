//! Formats tables in the Markdown of GitHub and GitLab.

use std::fmt::Write as _;

use super::tables::{ROWS, Table, Told, footnote, limited, more_rows};
use crate::values::Summary;

/// Formats all tables of a summary.
pub(in crate::report) fn write(summary: &Summary, told: &Told<'_>) -> String {
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

/// Formats a table after an empty line, with its notes as a list.
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
        let _ = writeln!(text, "- {}", marked(note));
    }
    text
}

/// Escapes a text in which the parts between backticks are code.
fn marked(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return cell(text);
    }
    let pieces = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    pieces.map(|(place, piece)| if place % 2 == 1 { code(piece) } else { cell(piece) }).collect()
}

/// Formats text as code on one line, outside of tables. The text may contain backticks.
pub(in crate::report) fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let is_padded = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let blank = if is_padded { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// Escapes all markup in a text and puts it on one line.
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

/// Replaces the padding of columns by single spaces.
fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_else_is_markup() {
        for (text, expected) in [
            ("1 of `a_b` is *x*", "1 of `a_b` is \\*x\\*"),
            ("one ` only", "one \\` only"),
            ("`<b>`", "`<b>`"),
            ("", ""),
        ] {
            assert_eq!(marked(text), expected);
        }
        for (text, expected) in [
            ("a|b", "`a|b`"),
            ("echo `date`", "`` echo `date` ``"),
            ("a\nb", "`a b`"),
            ("", "`  `"),
            ("a``b", "```a``b```"),
        ] {
            assert_eq!(code(text), expected);
        }
    }
}
