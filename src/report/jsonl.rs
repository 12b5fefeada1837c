//! The `jsonl` report: every event as a line of JSON, written when it happens.
//!
//! Each line is written at once, so that every line but possibly the last is whole even if the conductor was killed. What
//! steps print has lines of its own, as it came, of at most 64 KiB. `line` has the shape; `read` reads a report back.

mod bytes;
mod left;
mod line;
mod read;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::json_writer;
use crate::model::{
    ClockAnchor, ConductorTime, Event, Output, Plan, Reporter, Stamped, StepReference, StepResult, Stream,
};
use bytes::Bytes;
use line::{Line, RecordedEvent};
pub(crate) use read::{RecordedOutputs, Replay};
use written::Names;

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

    fn line(&mut self, at: ConductorTime, event: RecordedEvent<'_>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(512);
        json_writer::write_line(&mut bytes, &Line::new(at, self.anchor.as_ref(), event))?;
        bytes.push(b'\n');
        self.writer.write_all(&bytes)
    }

    /// The run's first lines: its settings, its workers, and what each of them will do.
    fn begin(&mut self, at: ConductorTime, plan: &Arc<Plan>, anchor: &ClockAnchor) -> io::Result<()> {
        self.plan = Some(Arc::clone(plan));
        self.anchor = Some(*anchor);
        self.line(at, RecordedEvent::run_started(plan, anchor))?;
        for worker in &plan.workers {
            self.line(at, RecordedEvent::worker_planned(worker))?;
            for &phase in &plan.phases {
                for (position, step) in worker.steps[phase].iter().enumerate() {
                    self.line(at, RecordedEvent::step_planned(worker, phase, position, step))?;
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
            // Without a whole character, only their number is told. This ends the loop: the next event has the rest.
            let (bytes, unfinished) =
                Bytes::first_of(piece, whole).map_or((Bytes::Text("".into()), count as u64), |bytes| (bytes, 0));
            let used = bytes.length() as u64;
            self.line(at, RecordedEvent::Output { step: names.step(step), stream, offset, bytes, unfinished })?;
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

    /// Writes what came of both streams since the last time.
    fn outputs(
        &mut self,
        at: ConductorTime,
        names: Names<'_>,
        step: StepReference,
        result: &StepResult,
    ) -> io::Result<()> {
        let last = !result.may_print_more();
        self.output(at, names, (step, Stream::Stdout), &result.stdout, last)?;
        self.output(at, names, (step, Stream::Stderr), &result.stderr, last)
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
            Event::RunEnded { conclusion } => {
                for reason in &conclusion.reasons {
                    self.line(*at, RecordedEvent::reason(reason))?;
                }
                self.line(*at, RecordedEvent::run_ended(conclusion))?;
                self.writer.flush()
            }
            other => {
                if let Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } = other {
                    self.outputs(*at, names, *step, result)?;
                }
                RecordedEvent::of(other, names).map_or(Ok(()), |event| self.line(*at, event))
            }
        }
    }
}
