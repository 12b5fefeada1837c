//! The end of the `text` report: what failed, and what was spawned and ended early, once more and with its last lines; who
//! was lost; the verdict.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::excerpt::last_lines;
use super::notes::notes;
use super::record::Run;
use super::statistics::{self, Row, Spread, Subject};
use super::text_page::{Page, Tone};
use super::words;
use crate::model::on_one_line;
use crate::model::{Bound, Conclusion, ConductorTime, Event, Outcome, Plan, Stamped, StepReference, StepResult};

/// So many failures are repeated with their last lines; a run with more has a common cause, and these show it.
const REPEATED: usize = 50;

/// So many rows of statistics are told.
const ROWS: usize = 60;

/// So many of its last lines are repeated of each stream.
const LINES: usize = 10;

/// What the end of the report needs to know of the run.
#[derive(Default)]
pub(super) struct Summary {
    start: Option<ConductorTime>,
    end: Option<ConductorTime>,
    trials: u32,
    counts: BTreeMap<&'static str, usize>,
    failures: Vec<(StepReference, StepResult)>,
    /// Spawned steps that ended before they were stopped, and did not fail.
    ended_early: Vec<(StepReference, StepResult)>,
    warnings: usize,
    /// All that happened, for the statistics.
    run: Run,
}

impl Summary {
    /// Takes one event.
    pub(super) fn take(&mut self, stamped: &Stamped) {
        self.run.take(stamped.at, &stamped.event);
        match &stamped.event {
            Event::RunStarted { .. } => self.start = Some(stamped.at),
            Event::TrialEnded { .. } => self.trials += 1,
            Event::StepEnded { step, result } => {
                *self.counts.entry(words::outcome(&result.outcome)).or_default() += 1;
                self.failure(*step, result);
            }
            Event::SpawnedEnded { step, result } => {
                // It was counted as spawned; from now on it counts as what it became.
                if let Some(count) = self.counts.get_mut(words::outcome(&Outcome::Spawned)) {
                    *count = count.saturating_sub(1);
                }
                *self.counts.entry(words::outcome(&result.outcome)).or_default() += 1;
                self.failure(*step, result);
                if result.outcome == Outcome::Passed {
                    self.ended_early.push((*step, result.clone()));
                }
            }
            Event::Warning { .. } => self.warnings += 1,
            Event::RunEnded { .. } => self.end = Some(stamped.at),
            _ => {}
        }
    }

    fn failure(&mut self, step: StepReference, result: &StepResult) {
        if result.outcome.is_failure() {
            self.failures.push((step, result.clone()));
        }
    }

    /// How long steps and phases took over the trials.
    fn statistics(&self, page: &mut Page) -> io::Result<()> {
        let rows = statistics::rows(&self.run);
        if rows.is_empty() {
            return Ok(());
        }
        heading(page, &format!("Over {}", words::counted(self.run.trials.len(), "trial")))?;
        let head = ["", "", "", "minimum", "median", "maximum"].map(str::to_owned);
        let cells: Vec<[String; 6]> =
            [head].into_iter().chain(rows.iter().take(ROWS).map(|row| self.cells(row))).collect();
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in &cells {
            // Words to the left, numbers to the right.
            let padded = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
                0..3 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            });
            page.line(&format!("  {}", padded.collect::<Vec<_>>().join("  ")))?;
        }
        match rows.len().saturating_sub(ROWS) {
            0 => Ok(()),
            more => page.line(&format!("  and {more} more, which the json report has")),
        }
    }

    fn cells(&self, row: &Row) -> [String; 6] {
        let short = |duration| match row.subject {
            Subject::Skew => words::milliseconds(duration),
            _ => words::duration(duration),
        };
        let Spread { minimum, median, maximum, .. } = row.spread;
        let [minimum, median, maximum] = [minimum, median, maximum].map(short);
        let what = on_one_line(row.what()).into_owned();
        [row.phase.to_string(), what, row.who(&self.run), minimum, median, maximum]
    }

    /// Writes the end of the report.
    pub(super) fn write(&self, page: &mut Page, plan: Option<&Plan>, conclusion: &Conclusion) -> io::Result<()> {
        self.statistics(page)?;
        repeat_all(page, plan, "Failures", &self.failures.iter().collect::<Vec<_>>())?;
        let early: Vec<_> = self.ended_early.iter().filter(|(step, result)| !is_elapsed(plan, *step, result)).collect();
        repeat_all(page, plan, "Spawned steps that ended by themselves", &early)?;
        self.verdict(page, plan, conclusion)
    }

    fn verdict(&self, page: &mut Page, plan: Option<&Plan>, conclusion: &Conclusion) -> io::Result<()> {
        // A run that never began has nothing above its verdict.
        if plan.is_some() {
            page.line("")?;
        }
        for reason in &conclusion.reasons {
            page.line(&on_one_line(&words::reason_line(reason)))?;
        }
        if let Some(hint) = words::hint(conclusion) {
            page.line(&format!("  hint: {hint}"))?;
        }
        let word = page.toned(tone(conclusion), words::verdict(conclusion));
        page.line(&format!("{word}: {}", self.counts(plan)))
    }

    fn counts(&self, plan: Option<&Plan>) -> String {
        let counted = |word: &&'static str| match self.counts.get(*word) {
            None | Some(0) => None,
            Some(count) => Some(format!("{count} {word}")),
        };
        let mut steps: Vec<String> = words::OUTCOMES.iter().filter_map(counted).collect();
        if steps.is_empty() {
            steps.push("no step was run".to_owned());
        }
        let mut parts = vec![steps.join(", ")];
        if let Some(plan) = plan {
            parts.push(format!("{} of {}", self.trials, words::counted(plan.trials as usize, "trial")));
            parts.push(words::counted(plan.workers.len(), "worker"));
        }
        let excused = self.failures.iter().filter(|(step, _)| excuse(plan, *step).is_some()).count();
        if excused > 0 {
            parts.push(format!("{} not counted", words::counted(excused, "failure")));
        }
        if self.warnings > 0 {
            parts.push(words::counted(self.warnings, "warning"));
        }
        if let (Some(start), Some(end)) = (self.start, self.end) {
            let took: Duration = end.since(start);
            parts.push(words::duration(took));
        }
        parts.join("; ")
    }
}

fn tone(conclusion: &Conclusion) -> Tone {
    match words::verdict(conclusion) {
        "passed" => Tone::Good,
        "incomplete" => Tone::Doubtful,
        _ => Tone::Bad,
    }
}

/// Why a failure of this step does not count, when it does not.
fn excuse(plan: Option<&Plan>, reference: StepReference) -> Option<String> {
    let why = words::excuse(plan?.step(reference), reference.phase)?;
    Some(format!("  ({why}: does not count)"))
}

fn heading(page: &mut Page, text: &str) -> io::Result<()> {
    let text = page.toned(Tone::Strong, text);
    page.line("")?;
    page.line(&text)
}

/// Whether a step went on for as long as it was to (`for:`), and ended because of that.
fn is_elapsed(plan: Option<&Plan>, reference: StepReference, result: &StepResult) -> bool {
    let bound = plan.and_then(|plan| plan.step(reference)?.bound);
    matches!((bound, result.duration), (Some(Bound::For(limit)), Some(ran)) if ran >= limit)
}

fn repeat_all(
    page: &mut Page,
    plan: Option<&Plan>,
    title: &str,
    results: &[&(StepReference, StepResult)],
) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    heading(page, title)?;
    for (step, result) in results.iter().take(REPEATED) {
        repeat(page, plan, *step, result)?;
    }
    match results.len().saturating_sub(REPEATED) {
        0 => Ok(()),
        more => page.line(&format!("  and {more} more")),
    }
}

fn repeat(page: &mut Page, plan: Option<&Plan>, reference: StepReference, result: &StepResult) -> io::Result<()> {
    let step = plan.and_then(|plan| plan.step(reference));
    let label = step.map_or(String::new(), |step| on_one_line(step.label.as_str()).into_owned());
    let command = step.map_or(String::new(), |step| on_one_line(&words::action(step)).into_owned());
    let name = plan.map_or("?", |plan| plan.name(reference.worker));
    let excuse = excuse(plan, reference).unwrap_or_default();
    let outcome = page.toned(Tone::of(&result.outcome), &words::outcome_in_detail(&result.outcome));
    let place = format!("trial {}, {}, {name}, {label}", reference.trial, reference.phase);
    page.line(&format!("  {place}: {outcome}  {command}{excuse}"))?;
    notes(result).iter().try_for_each(|line| page.line(&format!("      {line}")))?;
    page.last_lines("      ", '|', &last_lines(&result.stdout, LINES))?;
    page.last_lines("      ", '!', &last_lines(&result.stderr, LINES))
}
