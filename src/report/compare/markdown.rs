//! Writes a comparison in Markdown.

use std::io::{self, Write};

use super::comparison::Comparison;
use super::differences::by_part;
use super::text::{runs, sentence};
use crate::report::metrics::{drawn, markdown_cell as plain, markdown_code as code, write_markdown};

/// The maximum number of differences that are shown.
const DIFFERENCES: usize = 20;

/// Writes the comparison.
pub(super) fn write(comparison: &Comparison, is_strict: bool, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "## {}", plain(&comparison.conclusion(is_strict)))?;
    writer.write_all(drawn(&runs(comparison)).as_bytes())?;
    writer.write_all(write_markdown(&comparison.summary, &comparison.told()).as_bytes())?;
    let missing =
        comparison.summary.missing.iter().map(|missing| plain(&format!("missing: {}", comparison.missing(missing))));
    let differences = comparison.differences.iter().zip(1..).flat_map(|(all, run)| {
        let name = &comparison.names[run];
        by_part(all)
            .into_iter()
            .take(DIFFERENCES)
            .map(move |own| format!("{} differs: {}", plain(name), sentence(own, plain, code)))
    });
    let notes: Vec<String> = missing.chain(comparison.failing().map(|text| plain(&text))).chain(differences).collect();
    if !notes.is_empty() {
        writeln!(writer)?;
    }
    notes.iter().try_for_each(|note| writeln!(writer, "- {note}"))
}
