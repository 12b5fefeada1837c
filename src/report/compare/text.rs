//! Writes a comparison as text.

use std::io::{self, Write};

use super::comparison::Comparison;
use super::differences::{Difference, by_part};
use super::run::ComparedRun;
use crate::model::on_one_line;
use crate::report::metrics::{Table, aligned, write_text};
use crate::report::words;

/// The maximum number of differences that are shown.
const DIFFERENCES: usize = 20;

/// Writes the comparison.
pub(super) fn write(comparison: &Comparison, is_strict: bool, writer: &mut dyn Write) -> io::Result<()> {
    for line in aligned(&runs(comparison)) {
        writeln!(writer, "{line}")?;
    }
    for (differences, run) in comparison.differences.iter().zip(1..) {
        if differences.is_empty() {
            continue;
        }
        writeln!(writer, "\nin {}, this differs from {}:", comparison.names[run], comparison.names[0])?;
        let differences = by_part(differences);
        for difference in differences.iter().take(DIFFERENCES) {
            writeln!(writer, "  {}", on_one_line(&sentence(*difference, str::to_owned, |text| format!("`{text}`"))))?;
        }
        if let Some(more) = differences.len().checked_sub(DIFFERENCES).filter(|more| *more > 0) {
            writeln!(writer, "  and {}", words::counted(more, "more difference"))?;
        }
    }
    for (_, line) in write_text(&comparison.summary, &comparison.told()) {
        writeln!(writer, "{line}")?;
    }
    writeln!(writer)?;
    for missing in &comparison.summary.missing {
        writeln!(writer, "missing: {}", comparison.missing(missing))?;
    }
    comparison.failing().try_for_each(|line| writeln!(writer, "{line}"))?;
    writeln!(writer, "{}", comparison.conclusion(is_strict))
}

/// Returns the table of runs: their folders, starts and numbers of failed trials.
pub(super) fn runs(comparison: &Comparison) -> Table {
    let row = |(run, name): (&ComparedRun, &String)| {
        let (failed, trials) = run.values().failures(|_| true);
        let failed = format!("{failed} of {trials}");
        vec![name.clone(), on_one_line(&run.folder).into_owned(), run.date(), failed]
    };
    let heads = ["Runs", "folder", "started", "failed trials"].map(str::to_owned).to_vec();
    let is_number = vec![false, false, false, true];
    let rows = comparison.runs.iter().zip(&comparison.names).map(row).collect();
    Table { heads, is_number, rows, notes: Vec::new() }
}

/// Describes a difference and at how many more points it exists. `plain` formats its name, `code` its values.
pub(super) fn sentence(
    (Difference { what, base, new }, more): (&Difference, usize),
    plain: impl Fn(&str) -> String,
    code: impl Fn(&str) -> String,
) -> String {
    let also = if more > 0 { format!(", and at {}", words::counted(more, "more point")) } else { String::new() };
    let what = plain(&format!("{what}{also}"));
    let (base, new) = (base.as_deref().map(&code), new.as_deref().map(&code));
    match (base, new) {
        (Some(base), Some(new)) => format!("{what}: {new} instead of {base}"),
        (None, Some(new)) => format!("{what}: {new}, which is new"),
        (Some(base), None) => format!("{what}: not {base} any more"),
        (None, None) => what,
    }
}
