//! The end of the `text` report: metrics; statistics; failures that do not count, and what was spawned and ended early, once more and
//! with its last lines; the causes of a run that did not pass; the verdict.

use std::io;
use std::path::Path;

use super::metrics::{Told, write_text};
use super::text_page::INDENT;
use super::{Finished, Page, Row, Run, Spread, Subject, Tone, Trial, causes, statistics, text_causes, words};
use crate::model::{
    Bound, Conclusion, ConductorTime, Outcome, Phase, Plan, Verdict, display_width, on_one_line, padded,
};
use crate::values::Summary;

/// So many steps are repeated with their last lines.
const REPEATED: usize = 50;

/// The file in the folder of a run that people open.
const PAGE: &str = "report.html";

/// The number of rows of statistics that are shown.
const ROWS: usize = 60;

/// So many of its last lines are repeated of each stream.
const LINES: usize = 10;

/// Writes the end of the report of a run that ended at `end` and is kept in the folder `results`.
pub(super) fn write(
    page: &mut Page,
    run: &Run,
    end: ConductorTime,
    conclusion: &Conclusion,
    results: Option<&Path>,
) -> io::Result<()> {
    metrics(page, run)?;
    statistics(page, run)?;
    let mut finished: Vec<Finished<'_>> = run.results().collect();
    // In the order in which they happened.
    finished.sort_by_key(|finished| finished.at());
    let in_reset = |finished: &Finished<'_>| finished.reference.phase == Phase::Reset && finished.excuse().is_some();
    let resets: Vec<_> = finished.iter().copied().filter(in_reset).collect();
    repeat_all(page, run, "Failures in Reset", &resets)?;
    let early: Vec<_> = finished.into_iter().filter(ended_early).collect();
    repeat_all(page, run, "Spawned steps that ended by themselves", &early)?;
    // A run that never began has nothing above its verdict.
    if run.plan.is_some() {
        page.line("")?;
    }
    let causes = causes::causes(run, Some(conclusion));
    text_causes::write(page, run, conclusion, &causes, results)?;
    verdict(page, run, end, conclusion, results)
}

/// The metrics, and how the points differ.
fn metrics(page: &mut Page, run: &Run) -> io::Result<()> {
    let values = run.values.values();
    let baseline = values.baseline().unwrap_or_else(|| "the baseline".to_owned());
    let points = [values.points.as_slice()];
    let told = Told { points: &points, runs: &[], baseline: &baseline };
    for (is_head, line) in write_text(&Summary::of_run(values), told) {
        let line = if is_head { page.toned(Tone::Strong, &line) } else { line };
        page.line(&line)?;
    }
    let left_out = run.left_out_line().map(|line| format!("\n{line}"));
    let precision = run.precision_line().map(|line| format!("\nPrecision: {line}"));
    left_out.into_iter().chain(precision).try_for_each(|line| page.line(&line))
}

/// How long steps and phases took over the trials.
fn statistics(page: &mut Page, run: &Run) -> io::Result<()> {
    let rows = statistics::rows(run);
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(&format!("Statistics of {}", statistics::extent(run)))?;
    let head = ["", "", "", "minimum", "median", "maximum"].map(str::to_owned);
    let cells: Vec<[String; 6]> = [head].into_iter().chain(rows.iter().take(ROWS).map(cells)).collect();
    let width = |column: usize| cells.iter().map(|row| display_width(&row[column])).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &cells {
        // Words to the left, numbers to the right.
        let row = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0..3 => padded(cell, width),
            _ => format!("{cell:>width$}"),
        });
        page.line(&format!("  {}", row.collect::<Vec<_>>().join("  ")))?;
    }
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more, see the `json` report")),
    }
}

fn cells(row: &Row) -> [String; 6] {
    let short = |duration| match row.subject {
        Subject::Skew => words::milliseconds(duration),
        _ => words::duration(duration),
    };
    let Spread { minimum, median, maximum, .. } = row.spread;
    let [minimum, median, maximum] = [minimum, median, maximum].map(short);
    let what = on_one_line(row.what()).into_owned();
    [row.phase.to_string(), what, row.who().to_owned(), minimum, median, maximum]
}

/// The last line: how the run ended, and where its page is.
fn verdict(
    page: &mut Page,
    run: &Run,
    end: ConductorTime,
    conclusion: &Conclusion,
    results: Option<&Path>,
) -> io::Result<()> {
    let mut parts = facts(run, end, conclusion);
    // A conductor that was killed has made no page.
    let place = results.map(|results| match run.record_ended {
        Some(_) => ("results", results.to_owned()),
        None => ("report", results.join(PAGE)),
    });
    parts.extend(place.map(|(what, path)| format!("{what}: {}", on_one_line(&path.to_string_lossy()))));
    let word = page.toned(tone(conclusion), words::verdict(conclusion));
    page.line(&format!("{word}: {}", parts.join("; ")))
}

/// The run in numbers, to follow its verdict: trials, steps, workers, failures that do not count, warnings, how long it took.
pub(super) fn facts(run: &Run, end: ConductorTime, conclusion: &Conclusion) -> Vec<String> {
    let mut parts: Vec<String> = run.plan().map(|plan| trials(run, plan, conclusion)).into_iter().collect();
    let has_steps = run.results().next().is_some();
    parts.push(format!("{}{}", if has_steps { "steps: " } else { "" }, run.counts()));
    parts.extend(run.plan().map(|plan| words::counted(plan.workers.len(), "worker")));
    let excused = run.results().filter(|finished| finished.excuse().is_some()).count();
    if excused > 0 {
        parts.push(format!("{} not counted", words::counted(excused, "failure")));
    }
    if !run.warnings.is_empty() {
        parts.push(words::counted(run.warnings.len(), "warning"));
    }
    parts.extend(run.took(end).map(words::duration));
    parts
}

/// How many trials were run, and how many of these failed.
fn trials(run: &Run, plan: &Plan, conclusion: &Conclusion) -> String {
    let all = words::counted(plan.trials as usize, "trial");
    let is_failed = |trial: &&Trial| trial.verdict == Some(Verdict::Failed);
    let failed = run.trials.values().filter(is_failed).count();
    let warm_up = run.trials.values().filter(is_failed).filter(|trial| trial.slot.warm_up).count();
    // Those of the warm-up are in no other number of failures.
    let warm_up = if warm_up == 0 { String::new() } else { format!(", {warm_up} of them warm-up") };
    match (failed, run.ended_trials()) {
        (0, ended) if words::verdict(conclusion) == "passed" => format!("{ended} of {all}"),
        (0, ended) => format!("{ended} of {all} ended"),
        (failed, ended) if ended == plan.trials as usize => format!("{failed} of {all} failed{warm_up}"),
        (failed, ended) => format!("{ended} of {all} ended, {failed} failed{warm_up}"),
    }
}

fn tone(conclusion: &Conclusion) -> Tone {
    match words::verdict(conclusion) {
        "passed" => Tone::Good,
        "incomplete" => Tone::Doubtful,
        _ => Tone::Bad,
    }
}

/// Whether a spawned step ended before it was stopped, and did not fail. One that went on for as long as it was to (`for:`)
/// ended because of that.
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
    match results.len().saturating_sub(REPEATED) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more")),
    }
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
    page.last_lines(INDENT, [&result.stdout, &result.stderr], LINES)
}
