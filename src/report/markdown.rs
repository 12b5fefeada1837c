//! The `markdown` report: verdict, metrics and causes, for job summaries and comments. It is written at the end of the
//! run.

use std::io::{self, Write};

use super::causes::{self, Shown};
use super::facts::facts;
use super::metrics::{Told, markdown_cell as plain, write_markdown};
use super::{Ended, words};
use crate::model::harmless;
use crate::values::Summary;

/// The maximum number of causes that are listed.
const CAUSES: usize = 20;

/// Writes the report of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let Ended { run, conclusion, .. } = ended;
    let name = run.plan().map_or("conductor".to_owned(), |plan| plan.file.to_string_lossy().into_owned());
    writeln!(writer, "## {}: {}", plain(&name), words::verdict(conclusion))?;
    let mut facts = facts(ended);
    facts.extend(run.plan().map(|plan| format!("run {}", plan.run)));
    writeln!(writer, "\n{}", plain(&facts.join("; ")))?;
    let values = run.values.values();
    writer.write_all(write_markdown(&Summary::of_run(values), &Told::of_run(values)).as_bytes())?;
    if let Some(line) = run.left_out_line() {
        writeln!(writer, "\n{}", plain(&line))?;
    }
    if let Some(line) = run.precision_line() {
        writeln!(writer, "\nPrecision: {}", plain(&line))?;
    }
    let causes = causes::causes(run, Some(conclusion));
    if !causes.is_empty() {
        writeln!(writer, "\n### Causes\n")?;
    }
    for cause in causes.iter().take(CAUSES) {
        let Shown { title, details, consequences, hint, .. } = causes::shown(run, cause);
        let hint = hint.map(|hint| format!("; hint: {}", words::hint(hint))).unwrap_or_default();
        let followed = consequences.map(|text| format!("; consequences: {text}")).unwrap_or_default();
        writeln!(writer, "- {}", plain(&format!("{title}{hint}{followed}")))?;
        let printed = causes::printed(run, cause).map(|printed| printed.last_lines()).unwrap_or_default();
        write_lines(writer, details.into_iter().chain(printed))?;
    }
    if causes.len() > CAUSES {
        writeln!(writer, "- and {}", words::counted(causes.len() - CAUSES, "more cause"))?;
    }
    Ok(())
}

/// Writes unchanged lines below a list item. An indented block needs no delimiter that the lines could contain.
fn write_lines(writer: &mut dyn Write, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(writer)?;
    }
    // A command can have several lines.
    lines.try_for_each(|text| text.lines().try_for_each(|line| writeln!(writer, "      {}", harmless(line))))
}
