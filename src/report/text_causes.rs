//! The causes of a run that did not pass, in the `text` report: what went wrong, the last lines of output, a hint, the
//! consequences, and where the whole output is.

use std::io;
use std::path::Path;

use super::causes::{self, Cause, Printed, Shown};
use super::{Ended, Page, Run, Tone, words};
use crate::model::{Hint, Stream, on_one_line};

/// The maximum number of causes that are written. If there are more, they probably have a common reason, which these
/// show.
const MOST: usize = 50;

/// The maximum number of last lines of each stream.
const LINES: usize = 10;

/// Writes the causes. `results` is the folder of the run.
pub(super) fn write(page: &mut Page, ended: Ended<'_>, results: Option<&Path>) -> io::Result<()> {
    let Ended { run, conclusion, .. } = ended;
    let causes = causes::causes(run, Some(conclusion));
    let mut told = Vec::new();
    for cause in causes.iter().take(MOST) {
        told.extend(write_cause(page, run, cause, results)?);
    }
    if causes.len() > MOST {
        page.line(&format!("and {}", words::counted(causes.len() - MOST, "more cause")))?;
    }
    let mut rest = conclusion.hints.iter().filter(|hint| !told.contains(*hint));
    rest.try_for_each(|hint| page.line(&hint_line(*hint)))
}

/// Writes a cause, and returns its hint.
fn write_cause(page: &mut Page, run: &Run, cause: &Cause, results: Option<&Path>) -> io::Result<Option<Hint>> {
    let Shown { word, title, details, consequences, hint } = causes::shown(run, cause);
    let tone = if word == "incomplete" { Tone::Doubtful } else { Tone::Bad };
    let rest = title.strip_prefix(word).unwrap_or(&title);
    page.line(&format!("{}{}", page.toned(tone, word), on_one_line(rest)))?;
    for detail in details {
        page.line(&format!("    {}", on_one_line(&detail)))?;
    }
    let printed = causes::printed(run, cause);
    printed.iter().try_for_each(|own| page.last_lines("    ", own.result.outputs(), LINES))?;
    if let Some(hint) = hint {
        page.line(&hint_line(hint))?;
    }
    if let Some(consequences) = consequences {
        page.line(&format!("    consequences: {}", on_one_line(&consequences)))?;
    }
    let check = causes::check_printed(run, cause);
    check.iter().try_for_each(|own| page.last_lines("    ", own.result.outputs(), LINES))?;
    for (printed, results) in printed.into_iter().chain(check).filter_map(|printed| Some((printed, results?))) {
        page.line(&format!("    {}", on_one_line(&place(run, &printed, results))))?;
    }
    Ok(hint)
}

/// Describes where the whole output is.
fn place(run: &Run, printed: &Printed<'_>, results: &Path) -> String {
    let whose = printed.worker.map_or("`check`".to_owned(), |worker| run.name(worker).to_owned());
    let streams = Stream::ALL.into_iter().zip(printed.result.outputs());
    let files = streams.filter(|(_, output)| !output.is_empty()).map(|(stream, _)| {
        let parts = printed.printer.file(run.plan(), stream);
        parts.iter().fold(results.to_owned(), |path, part| path.join(part)).display().to_string()
    });
    format!("{whose}'s output: {}", files.collect::<Vec<_>>().join(", "))
}

fn hint_line(hint: Hint) -> String {
    format!("    hint: {}", words::hint(hint))
}
