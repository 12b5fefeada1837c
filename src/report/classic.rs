//! The `classic` report: the lines that the Python program prints, byte for byte.
//!
//! A result is `CODE MESSAGE` (see `seed_result`). The newline at the end of an output makes the blank line after it;
//! an output that is the word `done` has no code. As in the Python program, workers appear in the order of the
//! configuration, because nothing else shows which worker a line belongs to. A worker appears when it and the workers
//! before it have run their whole phase: first its results in the order of its steps, then `65535 phases complete`.
//! What the Python program has no line for is written in the same form, so that programs that read lines still see it:
//!
//! - a spawned step that failed: `CODE COMMAND`, at the end of the phase in which it ended;
//! - a lost worker: `1 NAME is lost: WHY`, at the end of the phase, instead of its 65535;
//! - a run that was not carried out, interrupted or incomplete: `1 WHY`, at the end. A run that only failed has no such
//!   line, because the Python program has none and the failed steps have their own lines;
//! - an output longer than the reports keep: its head, `[… N bytes left out …]`, its tail.
//!
//! If the output is a terminal, control characters are escaped; otherwise they are unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::{Excerpt, SeedResult, words};
use crate::model::{
    Conclusion, Event, PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, Plan, Reason, Reporter, Stamped, StepReference,
    StepResult, WorkerId, harmless,
};

/// The results of a worker, each group in the order of the plan. Spawned steps that have ended (`true`) come last.
type Results = BTreeMap<(bool, Phase, usize), (StepReference, StepResult)>;

/// Writes a run in the lines of the Python program.
pub(super) struct ClassicReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    terminal: bool,
    plan: Option<Arc<Plan>>,
    /// Results that wait for the end of their worker's phase, in the order in which they will be written.
    waiting: BTreeMap<WorkerId, Results>,
    /// The workers whose phase has ended but is not written yet, because a worker before them is still running its
    /// phase.
    ended: BTreeSet<WorkerId>,
    /// The worker whose results are written next.
    next: WorkerId,
    lost: Vec<(WorkerId, String)>,
}

impl ClassicReporter {
    /// Creates a report that writes to `writer`; `terminal` says whether that is a terminal.
    pub(super) fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            writer: BufWriter::new(writer),
            terminal,
            plan: None,
            waiting: BTreeMap::new(),
            ended: BTreeSet::new(),
            next: WorkerId(0),
            lost: Vec::new(),
        }
    }

    fn line(&mut self, code: i64, message: &Excerpt) -> io::Result<()> {
        write!(self.writer, "{code} ")?;
        let (writer, terminal) = (&mut self.writer, self.terminal);
        message.pieces(&mut |text| {
            let shown = if terminal { harmless(text) } else { text.into() };
            writer.write_all(shown.as_bytes())
        })?;
        writeln!(self.writer)
    }

    fn text(&mut self, code: i64, text: impl Into<String>) -> io::Result<()> {
        self.line(code, &Excerpt::of_text(text))
    }

    fn result(&mut self, reference: StepReference, result: &StepResult) -> io::Result<()> {
        let plan = self.plan.as_ref();
        let step = plan.and_then(|plan| plan.step(reference));
        let limit = plan.map_or(u64::MAX, |plan| plan.settings.max_message_size);
        let put = SeedResult::new(step, result, limit);
        if put.is_done() {
            return writeln!(self.writer, "done");
        }
        self.line(put.code, &put.message)
    }

    fn wait(&mut self, step: StepReference, result: &StepResult, is_late: bool) {
        let results = self.waiting.entry(step.worker).or_default();
        results.insert((is_late, step.phase, step.position), (step, result.clone()));
    }

    fn results(&mut self, results: Results) -> io::Result<()> {
        results.into_values().try_for_each(|(reference, result)| self.result(reference, &result))
    }

    /// Writes a phase of a worker that has ended.
    fn phase_of(&mut self, worker: WorkerId) -> io::Result<()> {
        let results = self.waiting.remove(&worker).unwrap_or_default();
        self.results(results)?;
        self.text(PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE)
    }

    /// Writes results and lost workers for which no end of a phase will follow.
    fn what_is_left(&mut self) -> io::Result<()> {
        self.next = WorkerId(0);
        while let Some(worker) = self.ended.pop_first() {
            self.phase_of(worker)?;
        }
        while let Some((_, results)) = self.waiting.pop_first() {
            self.results(results)?;
        }
        for (worker, reason) in std::mem::take(&mut self.lost) {
            let name = self.plan.as_ref().map_or("?", |plan| plan.name(worker));
            self.text(1, format!("{name} is lost: {reason}"))?;
        }
        Ok(())
    }

    fn conclusion(&mut self, conclusion: &Conclusion) -> io::Result<()> {
        for reason in conclusion.reasons.iter().filter(|reason| !matches!(reason, Reason::Failed(_))) {
            self.text(1, words::reason_line(reason))?;
        }
        Ok(())
    }
}

impl Reporter for ClassicReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match &stamped.event {
            Event::RunStarted { plan, .. } => self.plan = Some(Arc::clone(plan)),
            Event::PhaseReceived { .. } => self.text(0, "phase received")?,
            Event::StepEnded { step, result } => self.wait(*step, result, false),
            Event::OutputReceived { step, stream, output } | Event::OutputEnded { step, stream, output } => {
                let results = self.waiting.get_mut(&step.worker);
                let waiting = results.and_then(|results| results.get_mut(&(false, step.phase, step.position)));
                if let Some((_, result)) = waiting {
                    let _ = result.grow(*stream, output);
                }
                return Ok(());
            }
            Event::SpawnedEnded { step, result } if result.outcome.is_failure() => self.wait(*step, result, true),
            Event::WorkerPhaseEnded { worker, .. } => {
                self.ended.insert(*worker);
                while self.ended.remove(&self.next) {
                    self.phase_of(self.next)?;
                    self.next = WorkerId(self.next.0 + 1);
                }
            }
            Event::WorkerLost { worker, reason, .. } => self.lost.push((*worker, reason.clone())),
            Event::PhaseEnded { .. } | Event::TrialEnded { .. } | Event::RunResumed { .. } => self.what_is_left()?,
            Event::CheckEnded { trial, result } if result.outcome.is_failure() => {
                self.text(1, format!("check of trial {trial}: {}", result.outcome.in_detail()))?;
            }
            Event::RunEnded { conclusion } => {
                self.what_is_left()?;
                self.conclusion(conclusion)?;
            }
            _ => return Ok(()),
        }
        // Flush, so that a reader at the other end of a pipe sees everything so far.
        self.writer.flush()
    }
}
