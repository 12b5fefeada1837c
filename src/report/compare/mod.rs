//! The comparison of runs: `compare` and `history`.
//!
//! `run` collects the events of each run; `differences` finds the differences between their configurations;
//! `comparison` compares the runs. `text`, `markdown`, `csv` and `json` write a comparison; `history` has a row for
//! each run.

mod comparison;
mod csv;
mod differences;
mod history;
mod json;
mod markdown;
mod run;
mod text;

pub(crate) use comparison::Comparison;
pub(crate) use history::History;
pub(crate) use run::ComparedRun;

use std::io::{self, Write};

use crate::model::ComparisonFormat;

/// Writes a comparison.
///
/// # Errors
///
/// Returns the errors of the writer.
pub(crate) fn write_comparison(
    comparison: &Comparison,
    format: ComparisonFormat,
    is_strict: bool,
    writer: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ComparisonFormat::Text => text::write(comparison, is_strict, writer),
        ComparisonFormat::Markdown => markdown::write(comparison, is_strict, writer),
        ComparisonFormat::Csv => csv::write(&comparison.runs, &comparison.names, &comparison.summary, writer),
        ComparisonFormat::Json => json::write(comparison, is_strict, writer),
    }
}
