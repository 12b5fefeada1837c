//! The metrics in reports: tables as text and as Markdown, values as CSV, and a summary as JSON.
//!
//! `tables` converts a summary to cells, `text` and `markdown` format them, and `numbers` shortens the numbers.

mod csv;
mod json;
mod markdown;
mod numbers;
mod tables;
mod text;
#[cfg(test)]
mod tests;

pub(in crate::report) use csv::{head as csv_head, line as csv_line, write as write_csv};
pub(in crate::report) use json::entries as json_entries;
pub(in crate::report) use markdown::{cell as markdown_cell, code as markdown_code, drawn, write as write_markdown};
pub(in crate::report) use numbers::of_location;
pub(in crate::report) use tables::{Table, Told, footnote, tables};
pub(in crate::report) use text::{aligned, write as write_text};
