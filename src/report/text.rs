//! The `text` report: a human-readable report, written during the run.
//!
//! It has a line for each step (worker, label, outcome, duration, command) under a heading for its trial and phase,
//! with its output below. Workers of one file with the same result share a line (`text_groups`). At the end, it has the
//! statistics over trials, the failures again, and the verdict (`summary`). Words repeat everything that colors show.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;

use super::shared_record::Share;
use super::text_groups::{Groups, Told};
use super::{
    Ended, Finished, Page, Run, Style, Tone, compact, files, grouped, platforms, summary, text_metrics, words,
};
use crate::model::{
    BarrierResult, ClockAnchor, Event, Excuse, Outcome, Phase, Plan, PlayerDescription, Reporter, Stamped, StartSkew,
    StepReference, StepResult, WorkerId, display_width, on_one_line, padded,
};

/// The maximum width of a column, so that one long name does not push everything else off the screen.
const WIDEST_COLUMN: usize = 24;

/// Writes the `text` report.
pub(super) struct TextReporter {
    page: Page,
    style: Style,
    columns: Columns,
    groups: Groups,
    /// The phase whose heading was written last.
    phase: Option<Phase>,
    /// The leaky steps, each with its result as it was written.
    leaky: BTreeMap<StepReference, StepResult>,
    /// Whether a trial has begun.
    has_trials: bool,
    /// The record of the trials that have not ended.
    run: Run,
    /// The record of the whole run, for the end of the report.
    record: Share,
}

/// The widths of the columns whose content depends on the plan.
#[derive(Debug, Default)]
struct Columns {
    worker: usize,
    label: usize,
}

impl Columns {
    fn of(plan: &Plan) -> Self {
        let width = |text: &str| display_width(&on_one_line(text)).min(WIDEST_COLUMN);
        let steps = plan.workers.iter().flat_map(|worker| plan.phases.iter().flat_map(|phase| &worker.steps[*phase]));
        let names = || plan.workers.iter().map(|worker| worker.name.as_str());
        // The names of some of the workers with the same steps are at most as wide as those of all, or as their number.
        let alike = grouped(plan.first_alike().into_iter().zip(names()));
        let together = alike.iter().map(|(_, names)| width(&compact(names)));
        Self {
            worker: names().map(width).chain(together).max().unwrap_or(0),
            label: steps.map(|step| width(step.label.as_str())).max().unwrap_or(0),
        }
    }
}

impl TextReporter {
    /// Creates a report that writes to `writer` in this style.
    pub(super) fn new(writer: Box<dyn Write + Send>, mut style: Style) -> Self {
        let record = Share::new(style.record.take().unwrap_or_default());
        let page = Page::new(writer, style.color, style.terminal);
        Self {
            page,
            style,
            columns: Columns::default(),
            groups: Groups::default(),
            phase: None,
            leaky: BTreeMap::new(),
            has_trials: false,
            run: Run::default(),
            record,
        }
    }

    fn begin(&mut self, plan: &Arc<Plan>, anchor: &ClockAnchor) -> io::Result<()> {
        self.columns = Columns::of(plan);
        self.groups = Groups::new(plan);
        let date = Timestamp::try_from(anchor.utc).map(|utc| utc.to_zoned_datetime(self.style.time_zone.clone()));
        let date = date.map(|local| local.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        self.page.line(&format!("{}  run {}  {date}", on_one_line(&plan.file.to_string_lossy()), plan.run))?;
        self.page.line(&words::extent(plan))?;
        let Some(results) = &self.style.results else { return Ok(()) };
        self.page.line(&format!("results: {}", on_one_line(&results.to_string_lossy())))
    }

    /// Writes the heading of a part of a trial.
    fn heading(&mut self, trial: u32, part: &str) -> io::Result<()> {
        let trials = self.run.plan().map_or(0, |plan| plan.trials);
        let attempt = self.run.trials.get(trial).map_or(1, |trial| trial.attempt);
        let attempt = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let about = self.run.plan().map(|plan| plan.about_trial(trial)).unwrap_or_default();
        self.page.heading(&format!("Trial {trial} of {trials}{about}{attempt}, {part}"))
    }

    fn tell(&mut self, results: &[Told]) -> io::Result<()> {
        results.iter().try_for_each(|told| self.result(told, ""))
    }

    fn result(&mut self, told: &Told, note: &str) -> io::Result<()> {
        let Told { step: reference, workers, result, fastest } = told;
        let step = self.run.step(*reference);
        let (label, command) = (words::label(step), words::command(step));
        // Padded before it is colored, because escape sequences have no width.
        let outcome = format!("{:16}", result.outcome.in_detail());
        let names = self.run.names(workers);
        let fits = workers.len() == 1 || display_width(&names) <= self.columns.worker;
        let who = if fits { names.clone() } else { words::counted(workers.len(), "worker") };
        let mut line = format!(
            "  {}  {}  {}  {:>8}  {command}{note}",
            padded(&who, self.columns.worker),
            padded(&label, self.columns.label),
            self.page.toned(Tone::of(&result.outcome), &outcome),
            result.duration.map_or_else(|| "-".to_owned(), words::duration),
        );
        if result.outcome.excuse(step, reference.phase) == Some(Excuse::MayFail) {
            line.push_str("  (may fail)");
        }
        if let Outcome::Skipped(Some(why)) = &result.outcome {
            line.extend(["  (", &on_one_line(why), ")"]);
        }
        self.page.line(&line)?;
        if !fits {
            self.page.note(&format!("on {names}"))?;
        }
        let (fastest, slowest) = (fastest.map(words::duration), result.duration.map(words::duration));
        if let Some(fastest) = fastest.filter(|fastest| Some(fastest) != slowest.as_ref()) {
            self.page.note(&format!("fastest: {fastest}"))?;
        }
        self.below(result)
    }

    /// Writes the result of the check.
    fn check(&mut self, trial: u32, result: &StepResult) -> io::Result<()> {
        self.heading(trial, "check")?;
        let command = self.run.plan().and_then(|plan| plan.check_in(trial)).unwrap_or_default();
        let outcome = self.page.toned(Tone::of(&result.outcome), &result.outcome.in_detail());
        let duration = result.duration.map_or_else(|| "-".to_owned(), words::duration);
        self.page.line(&format!("  {outcome}  {duration}  {}", on_one_line(command)))?;
        self.below(result)
    }

    /// Writes the metrics of a trial, and returns whether there are any.
    fn metrics(&mut self, trial: u32) -> io::Result<bool> {
        if self.run.trials.get(trial).is_none_or(|trial| trial.metrics.is_empty()) {
            return Ok(false);
        }
        self.heading(trial, "metrics")?;
        let Self { page, run, .. } = self;
        run.trials.get(trial).map_or(Ok(()), |trial| text_metrics::of_trial(page, run, trial))?;
        Ok(true)
    }

    /// Writes the result of a step that does not belong to the phase of the last heading.
    fn apart(&mut self, step: StepReference, result: &StepResult, how: &str) -> io::Result<()> {
        let told = Told { step, workers: vec![step.worker], result: result.clone(), fastest: None };
        self.result(&told, &format!("  ({how} {})", step.phase))
    }

    /// Writes what leaky steps printed after their results were written.
    fn late(&mut self) -> io::Result<bool> {
        let leaky = std::mem::take(&mut self.leaky);
        let rest = |finished: Finished<'_>| {
            let (told, now) = (leaky.get(&finished.reference)?, finished.result());
            let rest = [now.stdout.since(&told.stdout), now.stderr.since(&told.stderr)];
            rest.iter().any(|output| !output.is_empty()).then_some((finished.reference, rest))
        };
        let late: Vec<_> = if leaky.is_empty() { Vec::new() } else { self.run.results().filter_map(rest).collect() };
        for (reference, [stdout, stderr]) in &late {
            let line = format!(
                "  {:worker$}  {:label$}  printed after the end of the step (in {})",
                self.run.name(reference.worker),
                words::label(self.run.step(*reference)),
                reference.phase,
                worker = self.columns.worker,
                label = self.columns.label,
            );
            self.page.line(&line)?;
            self.page.outputs([stdout, stderr], self.run.limit())?;
        }
        Ok(!late.is_empty())
    }

    /// Writes the lines below a result.
    fn below(&mut self, result: &StepResult) -> io::Result<()> {
        let files = result.files.iter().flat_map(|fetched| files::lines(fetched));
        words::notes(result).into_iter().chain(files).try_for_each(|line| self.page.note(&line))?;
        self.page.outputs(result.outputs(), self.run.limit())
    }

    /// Writes the start skew, unless there is only one worker.
    fn skew(&mut self, skew: &StartSkew) -> io::Result<()> {
        let several = words::skew_of_several(Some(skew));
        let mut parts: Vec<_> =
            several.map(|known| format!("{known} on {} workers", skew.workers)).into_iter().collect();
        if !skew.unknown.is_empty() {
            let names: Vec<&str> = skew.unknown.iter().map(|worker| self.run.name(*worker)).collect();
            parts.push(format!("unknown for {}", names.join(", ")));
        }
        if parts.is_empty() { Ok(()) } else { self.page.line(&format!("  start skew: {}", parts.join("; "))) }
    }

    /// Writes how long the workers waited at a barrier, and the release skew.
    fn barrier(&mut self, barrier: &BarrierResult) -> io::Result<()> {
        let name = on_one_line(&barrier.name);
        let longest = barrier.waited.iter().max_by_key(|(_, waited)| *waited);
        let longest = longest
            .map(|(id, waited)| format!("; {} waited longest, {}", self.run.name(*id), words::duration(*waited)));
        let text = match &barrier.passed {
            Ok(skew) => {
                let skew = words::skew_of_several(skew.as_ref()).map(|skew| format!("; release skew {skew}"));
                let workers = words::counted(barrier.waited.len(), "worker");
                format!("passed by {workers}{}{}", longest.unwrap_or_default(), skew.unwrap_or_default())
            }
            Err(why) => {
                let why = why.text(self.run.plan());
                self.page.toned(Tone::Bad, &format!("not passed: {}", on_one_line(&why)))
            }
        };
        self.page.line(&format!("  barrier {name}: {text}"))
    }

    fn remark(&mut self, tone: Tone, word: &str, worker: Option<WorkerId>, text: &str) -> io::Result<()> {
        let worker = self.run.prefix(worker);
        let word = self.page.toned(tone, word);
        self.page.line(&format!("  {word}: {worker}{}", on_one_line(text)))
    }
}

impl Reporter for TextReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        self.record.take(stamped);
        self.run.record(stamped.at, &stamped.event);
        // Results that are held back belong above the event that ends their phase.
        let over = matches!(
            stamped.event,
            Event::PhaseEnded { .. }
                | Event::PhaseStarted { .. }
                | Event::TrialEnded { .. }
                | Event::RunResumed { .. }
                | Event::RunEnded { .. }
        );
        let ready = if over { self.groups.rest() } else { self.groups.ready(stamped.at) };
        let mut told = !ready.is_empty();
        self.tell(&ready)?;
        if let Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } = &stamped.event
            && result.leaky
        {
            self.leaky.insert(*step, result.clone());
        }
        if matches!(stamped.event, Event::CheckEnded { .. } | Event::TrialEnded { .. } | Event::RunEnded { .. }) {
            told |= self.late()?;
        }
        told |= self.tell_event(stamped)?;
        if matches!(stamped.event, Event::TrialEnded { .. }) {
            self.run.trials.clear();
        }
        if told { self.page.flush() } else { Ok(()) }
    }
}

impl TextReporter {
    /// Writes an event, and returns whether something was written.
    fn tell_event(&mut self, Stamped { at, event }: &Stamped) -> io::Result<bool> {
        match event {
            Event::RunStarted { plan, anchor } => self.begin(plan, anchor)?,
            Event::WorkerConnected { worker, player: PlayerDescription::Seed } => {
                self.remark(Tone::Plain, "note", Some(*worker), "its player is a Python player (protocol version 1)")?;
            }
            Event::RunResumed { done, .. } => {
                (self.phase, self.leaky) = (None, BTreeMap::new());
                let trials = self.run.plan().map_or(0, |plan| plan.trials);
                let date = self.run.utc(*at).unwrap_or_default();
                self.page.heading(&format!(
                    "Resumed at {date}: {done} of {} are done",
                    words::counted(trials as usize, "trial")
                ))?;
            }
            Event::TrialStarted { .. } if !std::mem::replace(&mut self.has_trials, true) => {
                let Some(differences) = platforms::differences(&self.run) else { return Ok(false) };
                self.remark(Tone::Plain, "note", None, &format!("the machines differ: {differences}"))?;
            }
            Event::PhaseStarted { trial, phase } => {
                self.phase = Some(*phase);
                self.heading(*trial, phase.word())?;
            }
            // Workers that leave run their Reset while the others are in another phase.
            Event::StepEnded { step, result } if self.phase != Some(step.phase) => self.apart(*step, result, "in")?,
            Event::StepEnded { step, result } => {
                self.groups.take(*at, *step, result.clone());
                let ready = self.groups.ready(*at);
                self.tell(&ready)?;
            }
            Event::CheckEnded { trial, result } => self.check(*trial, result)?,
            Event::TrialEnded { trial, .. } => return self.metrics(*trial),
            // At the end, the report says why no more trials were added.
            Event::PrecisionJudged { judgement } if judgement.added > 0 => {
                let line = self.run.precision_line().unwrap_or_default();
                self.page.line(&format!("\nPrecision: {line}"))?;
            }
            Event::BarrierEnded { barrier, .. } => self.barrier(barrier)?,
            Event::PhaseEnded { skew: Some(skew), .. } => self.skew(skew)?,
            Event::SpawnedEnded { step, result } => self.apart(*step, result, "spawned in")?,
            Event::WorkerLost { worker, reason, .. } => {
                self.groups.lost(*worker);
                self.remark(Tone::Bad, "lost", Some(*worker), reason)?;
            }
            Event::OutputFailed { worker, text } => self.remark(Tone::Bad, "error", *worker, text)?,
            Event::Warning { worker, text } => self.remark(Tone::Doubtful, "warning", *worker, text)?,
            Event::RunEnded { conclusion } => {
                let Self { page, style: Style { time_zone, folder, results, .. }, record, .. } = self;
                let (run, at, folder) = (&*record.run(), *at, folder.as_deref());
                summary::write(page, Ended { run, at, conclusion, time_zone, folder }, results.as_deref())?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
