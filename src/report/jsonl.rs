//! The `jsonl` report: every event as a line of JSON, written when it happens.
//!
//! A line is one write of at most 64 KiB, so that of a conductor that was killed there is a record in which every line
//! but possibly the last is whole. What steps print stands in lines of its own, as it came. `line` has the shape.

mod bytes;
mod happened;
mod left;
mod line;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::json_writer;
use crate::model::{
    ClockAnchor, ConductorTime, Event, Output, Plan, Reporter, Stamped, StepReference, StepResult, Stream,
};
use bytes::Bytes;
use line::{Happened, Line, Names};

/// The longest line, with its newline.
const LONGEST: usize = 64 * 1024;

/// So many bytes of an output stand in a line at most: six times as many are what they come to when each is escaped.
const PIECE: u64 = 10_000;

/// Writes events as lines.
pub(super) struct JsonlReporter {
    writer: Box<dyn Write + Send>,
    plan: Option<Arc<Plan>>,
    anchor: Option<ClockAnchor>,
    /// How much of each stream was written, of those that may still grow.
    written: BTreeMap<(StepReference, Stream), u64>,
}

impl JsonlReporter {
    /// Writes to `writer`, which should not buffer.
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer, plan: None, anchor: None, written: BTreeMap::new() }
    }

    fn line(&mut self, at: ConductorTime, what: Happened<'_>) -> io::Result<()> {
        let line = Line::new(at, self.anchor.as_ref(), what);
        let mut bytes = Vec::with_capacity(512);
        json_writer::write_line(&mut bytes, &line)?;
        if bytes.len() >= LONGEST {
            // No text in a line is long; only a configuration with absurd names comes here.
            let line = Line::new(at, self.anchor.as_ref(), Happened::TooLong { bytes: bytes.len() });
            bytes.clear();
            json_writer::write_line(&mut bytes, &line)?;
        }
        bytes.push(b'\n');
        self.writer.write_all(&bytes)
    }

    /// The run's first lines: its settings, its workers, and what each of them will do.
    fn begin(&mut self, at: ConductorTime, plan: &Arc<Plan>, anchor: &ClockAnchor) -> io::Result<()> {
        self.plan = Some(Arc::clone(plan));
        self.anchor = Some(*anchor);
        self.line(at, Happened::run_started(plan, anchor))?;
        for worker in &plan.workers {
            self.line(at, Happened::worker_planned(worker))?;
            for &phase in &plan.phases {
                for (position, step) in worker.steps[phase].iter().enumerate() {
                    self.line(at, Happened::step_planned(worker, phase, position, step))?;
                }
            }
        }
        Ok(())
    }

    /// Writes what came of a stream since the last time. `last` says that nothing more will come.
    fn output(
        &mut self,
        at: ConductorTime,
        names: Names<'_>,
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
            let Some(bytes) = Bytes::first_of(piece, whole) else { break };
            let used = bytes.length();
            self.line(at, Happened::Output { step: names.step(step), stream: stream.word(), offset, bytes })?;
            offset += used as u64;
        }
        if !last {
            self.written.insert((step, stream), offset);
        }
        Ok(())
    }

    fn result(&mut self, at: ConductorTime, step: StepReference, result: &StepResult, spawned: bool) -> io::Result<()> {
        let plan = self.plan.clone();
        let names = Names(plan.as_deref());
        let last = !result.may_print_more();
        self.output(at, names, (step, Stream::Stdout), &result.stdout, last)?;
        self.output(at, names, (step, Stream::Stderr), &result.stderr, last)?;
        let make = if spawned { Happened::spawned_ended } else { Happened::step_ended };
        self.line(at, make(names.step(step), names.planned(step), result))
    }
}

impl Reporter for JsonlReporter {
    fn report(&mut self, Stamped { at, event }: &Stamped) -> io::Result<()> {
        let plan = self.plan.clone();
        let names = Names(plan.as_deref());
        match event {
            Event::RunStarted { plan, anchor } => self.begin(*at, plan, anchor),
            Event::OutputReceived { step, stream, output } => self.output(*at, names, (*step, *stream), output, false),
            Event::OutputEnded { step, stream, output } => self.output(*at, names, (*step, *stream), output, true),
            Event::StepEnded { step, result } => self.result(*at, *step, result, false),
            Event::SpawnedEnded { step, result } => self.result(*at, *step, result, true),
            Event::RunEnded { conclusion } => {
                for reason in &conclusion.reasons {
                    self.line(*at, Happened::reason(reason))?;
                }
                self.line(*at, Happened::run_ended(conclusion))?;
                self.writer.flush()
            }
            other => Happened::plain(other, names).map_or(Ok(()), |what| self.line(*at, what)),
        }
    }
}
