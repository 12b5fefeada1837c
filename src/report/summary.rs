//! The end of the `text` report: metrics; statistics; failures that do not count, and spawned steps that ended early,
//! with their last lines; the causes of a run that did not pass; the verdict.

use std::io;
use std::path::Path;

use super::columns::aligned;
use super::facts::facts;
use super::metrics::{Told, write_text};
use super::text_page::{INDENT, JSON};
use super::{Ended, Finished, Page, Row, Run, Subject, Tone, statistics, text_causes, words};
use crate::model::{Bound, Outcome, Phase, on_one_line};
use crate::values::Summary;

/// The maximum number of steps that are repeated with their last lines.
const REPEATED: usize = 50;

/// The file in the folder of a run that the last line refers to.
const PAGE: &str = "report.html";

/// The maximum number of rows of statistics.
const ROWS: usize = 60;

/// The maximum number of last lines of each stream.
const LINES: usize = 10;

/// Writes the end of the report of a run. `results` is the folder of the run.
pub(super) fn write(page: &mut Page, ended: Ended<'_>, results: Option<&Path>) -> io::Result<()> {
    let run = ended.run;
    metrics(page, run)?;
    statistics(page, run)?;
    let mut finished: Vec<Finished<'_>> = run.results().collect();
    // In order of time.
    finished.sort_by_key(|finished| finished.at());
    let in_reset = |finished: &Finished<'_>| finished.reference.phase == Phase::Reset && finished.excuse().is_some();
    let resets: Vec<_> = finished.iter().copied().filter(in_reset).collect();
    repeat_all(page, run, "Failures in Reset", &resets)?;
    let early: Vec<_> = finished.into_iter().filter(ended_early).collect();
    repeat_all(page, run, "Spawned steps that ended by themselves", &early)?;
    // If the run never began, there is nothing above its verdict.
    if run.plan.is_some() {
        page.line("")?;
    }
    text_causes::write(page, ended, results)?;
    verdict(page, ended, results)
}

/// Writes the metrics, and how the points differ.
fn metrics(page: &mut Page, run: &Run) -> io::Result<()> {
    let values = run.values.values();
    for (is_head, line) in write_text(&Summary::of_run(values), &Told::of_run(values)) {
        let line = if is_head { page.toned(Tone::Strong, &line) } else { line };
        page.line(&line)?;
    }
    let left_out = run.left_out_line().map(|line| format!("\n{line}"));
    let precision = run.precision_line().map(|line| format!("\nPrecision: {line}"));
    left_out.into_iter().chain(precision).try_for_each(|line| page.line(&line))
}

/// Writes the durations of steps and phases over the trials.
fn statistics(page: &mut Page, run: &Run) -> io::Result<()> {
    let rows = statistics::rows(run);
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(&format!("Statistics of {}", statistics::extent(run)))?;
    let head = ["", "", "", "minimum", "median", "maximum"].map(str::to_owned);
    let cells: Vec<[String; 6]> = [head].into_iter().chain(rows.iter().take(ROWS).map(cells)).collect();
    aligned(&cells, |column| column > 2).iter().try_for_each(|line| page.line(&format!("  {line}")))?;
    page.more(rows.len(), ROWS, JSON)
}

fn cells(row: &Row) -> [String; 6] {
    let short = if row.subject == Subject::StartSkew { words::milliseconds } else { words::duration };
    let [minimum, median, maximum] = [row.spread.minimum, row.spread.median, row.spread.maximum].map(short);
    [row.phase.to_string(), on_one_line(&row.what).into_owned(), row.who.clone(), minimum, median, maximum]
}

/// Writes the last line: the verdict, and where the HTML report is.
fn verdict(page: &mut Page, ended: Ended<'_>, results: Option<&Path>) -> io::Result<()> {
    let mut parts = facts(ended);
    // If the conductor was killed, there is no HTML report.
    let place = results.map(|results| match ended.run.record_ended {
        Some(_) => ("results", results.to_owned()),
        None => ("report", results.join(PAGE)),
    });
    parts.extend(place.map(|(what, path)| format!("{what}: {}", on_one_line(&path.to_string_lossy()))));
    let word = words::verdict(ended.conclusion);
    let tone = match word {
        "passed" => Tone::Good,
        "incomplete" => Tone::Doubtful,
        _ => Tone::Bad,
    };
    let word = page.toned(tone, word);
    page.line(&format!("{word}: {}", parts.join("; ")))
}

/// Whether a spawned step ended before it was stopped, and did not fail. A `for:` step that ended after its full length
/// does not count.
fn ended_early(finished: &Finished<'_>) -> bool {
    let result = finished.result();
    let bound = finished.step.and_then(|step| step.bound);
    let is_elapsed = matches!((bound, result.duration), (Some(Bound::For(limit)), Some(ran)) if ran >= limit);
    finished.recorded.end.is_some() && result.outcome == Outcome::Passed && !is_elapsed
}

fn repeat_all(page: &mut Page, run: &Run, title: &str, results: &[Finished<'_>]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    page.heading(title)?;
    results.iter().take(REPEATED).try_for_each(|finished| repeat(page, run, *finished))?;
    page.more(results.len(), REPEATED, "")
}

fn repeat(page: &mut Page, run: &Run, finished: Finished<'_>) -> io::Result<()> {
    let Finished { reference, step, .. } = finished;
    let result = finished.result();
    let (name, label) = (run.name(reference.worker), words::label(step));
    let place = format!("trial {}, {}, {name}, {label}", reference.trial, reference.phase);
    let outcome = page.toned(Tone::of(&result.outcome), &result.outcome.in_detail());
    let excuse = finished.excuse().map_or(String::new(), |why| format!("  ({why}: not counted)"));
    page.line(&format!("  {place}: {outcome}  {}{excuse}", words::command(step)))?;
    words::notes(result).iter().try_for_each(|line| page.note(line))?;
    page.last_lines(INDENT, result.outputs(), LINES)
}
