//! The `jsonl` report: every event as a line of JSON, written when it happens.
//!
//! Each line is written immediately, so that every line except possibly the last is complete even if the conductor was
//! killed. The output of steps has lines of its own, as it arrived, of at most 64 KiB. `line` defines the format;
//! `read` reads a report back.

mod bytes;
mod line;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::json_writer;
use crate::model::{
    ClockAnchor, ConductorTime, Event, Names, Output, Plan, Reporter, Stamped, StepReference, Stream, WorkerPlan,
};
use bytes::Bytes;
use line::{Line, Part, RunStarted, utc};
pub(crate) use read::Replay;

/// The maximum number of bytes of an output in a line. Escaping makes them at most six times as many.
const PIECE: u64 = 10_000;

/// Writes events as lines.
pub(super) struct JsonlReporter {
    writer: Box<dyn Write + Send>,
    names: Option<Arc<Names>>,
    anchor: Option<ClockAnchor>,
    /// Whether the beginning of the run was already written before the run was interrupted.
    is_continued: bool,
    /// How many bytes were written of each stream that may still grow.
    written: BTreeMap<(StepReference, Stream), u64>,
}

impl JsonlReporter {
    /// Creates a report that writes to `writer`, which should not buffer.
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer, names: None, anchor: None, is_continued: false, written: BTreeMap::new() }
    }

    /// Creates a report that continues the earlier part of the run in `writer`.
    pub(super) fn continuing(writer: Box<dyn Write + Send>) -> Self {
        Self { is_continued: true, ..Self::new(writer) }
    }

    fn line(&mut self, at: ConductorTime, event: impl Serialize) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(512);
        let line = Line { at_ns: at, time: self.anchor.and_then(|anchor| utc(&anchor, at)), event };
        Names::during(self.names.as_ref(), || json_writer::write_line(&mut bytes, &line))?;
        bytes.push(b'\n');
        self.writer.write_all(&bytes)
    }

    /// Writes the first lines of the run: its settings, its workers and their steps.
    fn begin(&mut self, at: ConductorTime, plan: &Arc<Plan>, anchor: &ClockAnchor) -> io::Result<()> {
        self.names = Some(Names::new(Arc::clone(plan)));
        self.anchor = Some(*anchor);
        if self.is_continued {
            return Ok(());
        }
        self.line(at, Part::RunStarted(RunStarted::new(plan, anchor)))?;
        for worker in &plan.workers {
            let WorkerPlan { name, player, shell, directory, .. } = worker;
            let (file, player) = (worker.file.to_string_lossy().into_owned(), player.clone());
            let (shell, directory) = (shell.clone(), directory.clone());
            self.line(at, Part::WorkerPlanned { worker: name.to_string(), file, player, shell, directory })?;
            for &phase in &plan.phases {
                for (position, step) in worker.steps[phase].iter().enumerate() {
                    let (label, action) = (step.label.clone(), step.action.to_string());
                    self.line(at, Part::StepPlanned { worker: name.to_string(), phase, position, label, action })?;
                }
            }
        }
        Ok(())
    }

    /// Writes the output of a stream since the last call. `last` means that no more will follow.
    fn output(
        &mut self,
        at: ConductorTime,
        (step, stream): (StepReference, Stream),
        output: &Output,
        last: bool,
    ) -> io::Result<()> {
        let mut offset = self.written.remove(&(step, stream)).unwrap_or(0);
        let mut buffer = vec![0; usize::try_from(PIECE.min(output.length().saturating_sub(offset))).unwrap_or(0)];
        while offset < output.length() {
            let count = usize::try_from(PIECE.min(output.length() - offset)).unwrap_or(0);
            let piece = &mut buffer[..count];
            output.read_exact_at(offset, piece)?;
            let whole = last || offset + (count as u64) < output.length();
            // Without a whole character, only the number of bytes is written. This ends the loop: the next event
            // contains the rest.
            let (bytes, unfinished) =
                Bytes::first_of(piece, whole).map_or((Bytes::Text("".into()), count as u64), |bytes| (bytes, 0));
            let used = bytes.length() as u64;
            self.line(at, Part::Output { step, stream, offset, bytes, unfinished })?;
            if unfinished > 0 {
                break;
            }
            offset += used;
        }
        if !last {
            self.written.insert((step, stream), offset);
        }
        Ok(())
    }
}

impl Reporter for JsonlReporter {
    fn report(&mut self, Stamped { at, event }: &Stamped) -> io::Result<()> {
        match event {
            Event::RunStarted { plan, anchor } => self.begin(*at, plan, anchor),
            Event::RunResumed { plan, done, generation } => {
                self.names = Some(Names::new(Arc::clone(plan)));
                self.written.clear();
                let (version, trials) = (env!("CARGO_PKG_VERSION").to_owned(), plan.trials);
                self.line(*at, Part::RunResumed { version, trials, done: *done, generation: *generation })
            }
            Event::OutputReceived { step, stream, output } => self.output(*at, (*step, *stream), output, false),
            Event::OutputEnded { step, stream, output } => self.output(*at, (*step, *stream), output, true),
            // If a record is written again, it has no end of the run, and no ends of steps, that were not recorded before.
            Event::RecordEnded => Ok(()),
            Event::StepEnded { result, .. } if result.is_assumed => Ok(()),
            Event::RunEnded { conclusion } => {
                for reason in &conclusion.reasons {
                    self.line(*at, Part::Reason(reason.clone()))?;
                }
                let (verdict, exit_status) = (conclusion.verdict, conclusion.exit_status());
                self.line(*at, Part::RunEnded { verdict, exit_status, hints: conclusion.hints.clone() })?;
                self.writer.flush()
            }
            other => {
                if let Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } = other {
                    let last = !result.may_print_more();
                    self.output(*at, (*step, Stream::Stdout), &result.stdout, last)?;
                    self.output(*at, (*step, Stream::Stderr), &result.stderr, last)?;
                }
                self.line(*at, other)
            }
        }
    }
}
