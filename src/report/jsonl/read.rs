//! From lines to events: a recorded run, read back.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead};
use std::sync::Arc;

use super::left::Left;
use super::line::{Barrier, Line, RecordedEvent, RunStarted, Skew, StepName};
use crate::model::{
    BarrierResult, ClockAnchor, Conclusion, ConductorTime, Event, Output, Plan, Printer, Reason, Stamped, StartSkew,
    StepReference, StepResult, Stream, Unkept, Verdict, WorkerId,
};
use crate::report::dry_run_json;

/// Why a run is incomplete whose record has no end.
const NO_END: &str = "the record of the run has no end: its conductor was killed, or is still running";

/// Finds the outputs of a recorded run.
pub(crate) trait RecordedOutputs {
    /// The first `length` bytes that were kept of a stream, and what could not be kept behind them.
    fn output(&self, plan: Option<&Plan>, of: Printer, stream: Stream, length: u64, unkept: Option<Unkept>) -> Output;
}

/// A recorded run, event by event.
pub(crate) struct Replay<R, O> {
    lines: R,
    /// The number of the line that was read last.
    number: u64,
    at: ConductorTime,
    configuration: Option<String>,
    outputs: O,
    /// The plan while all that is recorded of it is being read.
    planned: Option<(ConductorTime, Plan, ClockAnchor)>,
    plan: Option<Arc<Plan>>,
    workers: BTreeMap<String, WorkerId>,
    reasons: Vec<Reason>,
    /// Output of one moment. It waits for the next line: if that is the end of the step, it has this output too.
    printed: Vec<(StepReference, Event)>,
    ready: VecDeque<Stamped>,
    ended: bool,
    whole: bool,
}

impl<R: BufRead, O: RecordedOutputs> Replay<R, O> {
    /// Reads the lines of a `jsonl` report, with the run's configuration in JSON and its outputs.
    pub(crate) fn new(lines: R, configuration: Option<String>, outputs: O) -> Self {
        Self {
            lines,
            number: 0,
            at: ConductorTime::from_nanoseconds(0),
            configuration,
            outputs,
            planned: None,
            plan: None,
            workers: BTreeMap::new(),
            reasons: Vec::new(),
            printed: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
            whole: true,
        }
    }

    /// Whether what was read so far lacks nothing: not so when the record ended before the run.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The next event. The last one is the end of the run, even if the record does not have it.
    ///
    /// # Errors
    ///
    /// Says which line can't be read, and why.
    pub(crate) fn next(&mut self) -> io::Result<Option<Stamped>> {
        while self.ready.is_empty() && !self.ended {
            let mut line = Vec::new();
            self.lines.read_until(b'\n', &mut line)?;
            self.number += 1;
            // A line without an end is one that the conductor was writing when it was killed.
            if !line.ends_with(b"\n") {
                (self.ended, self.whole) = (true, false);
                self.reasons.push(Reason::Incomplete(NO_END.to_owned()));
                let reasons = std::mem::take(&mut self.reasons);
                self.push(Event::RunEnded { conclusion: Conclusion { verdict: Verdict::Incomplete, reasons } });
                break;
            }
            let taken =
                serde_json::from_slice(&line).map_err(|error| error.to_string()).and_then(|line| self.take(line));
            taken.map_err(|why| io::Error::other(format!("line {}: {why}", self.number)))?;
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self, Line { at_ns, time, event }: Line<'_>) -> Result<(), String> {
        if at_ns != self.at {
            self.print();
        }
        self.at = at_ns;
        match event {
            RecordedEvent::RunStarted(started) => return self.run_started(time.as_deref(), &started),
            RecordedEvent::WorkerPlanned { worker, player, .. } => {
                let (_, plan, _) = self.planned.as_mut().ok_or("it is not where the plan is")?;
                let known = plan.workers.iter_mut().find(|known| known.name.as_str() == worker);
                let known = known.ok_or_else(|| unknown_worker(&worker))?;
                known.player = player.parse().map_err(|()| format!("invalid address `{player}`"))?;
            }
            RecordedEvent::StepPlanned { .. } => {}
            RecordedEvent::Reason { kind, text } => self.reasons.push(reason(&kind, text.into_owned())?),
            RecordedEvent::Output { step, stream, offset, bytes, unfinished } => {
                self.begin();
                let step = self.step(&step)?;
                let length = offset.saturating_add(bytes.length() as u64).saturating_add(unfinished);
                let output = self.output(Printer::Step(step), stream, length, None);
                self.printed.push((
                    step,
                    if unfinished == 0 && bytes.is_unfinished() {
                        Event::OutputEnded { step, stream, output }
                    } else {
                        Event::OutputReceived { step, stream, output }
                    },
                ));
            }
            RecordedEvent::RunEnded { verdict, .. } => {
                let reasons = std::mem::take(&mut self.reasons);
                self.push(Event::RunEnded { conclusion: Conclusion { verdict, reasons } });
                self.ended = true;
            }
            event => {
                self.begin();
                let event = self.event(event)?;
                if let Event::StepEnded { step, .. } | Event::SpawnedEnded { step, .. } = &event {
                    self.printed.retain(|(other, _)| other != step);
                }
                self.push(event);
            }
        }
        Ok(())
    }

    fn push(&mut self, event: Event) {
        self.begin();
        self.print();
        self.ready.push_back(Stamped { at: self.at, event });
    }

    /// What was printed was not printed by a step that ended in the same moment.
    fn print(&mut self) {
        let at = self.at;
        self.ready.extend(self.printed.drain(..).map(|(_, event)| Stamped { at, event }));
    }

    fn run_started(&mut self, time: Option<&str>, started: &RunStarted<'_>) -> Result<(), String> {
        let configuration = self.configuration.as_deref().ok_or("the folder has no `configuration.json`")?;
        let plan = dry_run_json::read(configuration, &started.run)?;
        let utc = time.and_then(|time| humantime::parse_rfc3339(time).ok()).ok_or("invalid time")?;
        let anchor = ClockAnchor { conductor: self.at, utc };
        self.planned = Some((self.at, plan, anchor));
        Ok(())
    }

    /// The run begins, once all that is recorded of its plan is read.
    fn begin(&mut self) {
        if let Some((at, plan, anchor)) = self.planned.take() {
            self.workers = plan.workers().map(|(id, worker)| (worker.name.to_string(), id)).collect();
            let plan = Arc::new(plan);
            self.plan = Some(Arc::clone(&plan));
            let event = Event::RunStarted { plan, anchor };
            self.ready.push_back(Stamped { at, event });
        }
    }

    /// The event of a line that is one event.
    fn event(&self, event: RecordedEvent<'_>) -> Result<Event, String> {
        Ok(match event {
            RecordedEvent::WorkerConnected { worker, player } => {
                let player = player.player().ok_or("invalid player")?;
                Event::WorkerConnected { worker: self.worker(&worker)?, player }
            }
            RecordedEvent::TrialStarted { trial } => Event::TrialStarted { trial },
            RecordedEvent::PhaseStarted { trial, phase } => Event::PhaseStarted { trial, phase },
            RecordedEvent::PhaseReceived { trial, phase, worker } => {
                Event::PhaseReceived { trial, phase, worker: self.worker(&worker)? }
            }
            RecordedEvent::PhaseGo { trial, phase, lead_ns } => Event::PhaseGo { trial, phase, lead: lead_ns.into() },
            RecordedEvent::StepStarted { step, started } => Event::StepStarted { step: self.step(&step)?, started },
            RecordedEvent::StepEnded { step, left } => {
                let step = self.step(&step)?;
                Event::StepEnded { step, result: self.result(Printer::Step(step), *left)? }
            }
            RecordedEvent::SpawnedEnded { step, left } => {
                let step = self.step(&step)?;
                Event::SpawnedEnded { step, result: self.result(Printer::Step(step), *left)? }
            }
            RecordedEvent::WorkerPhaseEnded { trial, phase, worker } => {
                Event::WorkerPhaseEnded { trial, phase, worker: self.worker(&worker)? }
            }
            RecordedEvent::PhaseEnded { trial, phase, start_skew } => {
                Event::PhaseEnded { trial, phase, skew: start_skew.map(|skew| self.skew(&skew)).transpose()? }
            }
            RecordedEvent::BarrierReleased { trial, phase, name, lead_ns } => {
                Event::BarrierReleased { trial, phase, name: name.into_owned(), lead: lead_ns.into() }
            }
            RecordedEvent::BarrierEnded(barrier) => {
                let (trial, phase) = (barrier.trial, barrier.phase);
                Event::BarrierEnded { trial, phase, barrier: self.barrier(barrier)? }
            }
            RecordedEvent::WorkerBroken { worker, reason } => {
                Event::WorkerBroken { worker: self.worker(&worker)?, reason: reason.into_owned() }
            }
            RecordedEvent::WorkerResumed { worker, silent_ns } => {
                Event::WorkerResumed { worker: self.worker(&worker)?, silent: silent_ns.into() }
            }
            RecordedEvent::WorkerLost { worker, reason } => {
                Event::WorkerLost { worker: self.worker(&worker)?, reason: reason.into_owned() }
            }
            RecordedEvent::Warning { worker, text } => {
                let worker = worker.map(|worker| self.worker(&worker)).transpose()?;
                Event::Warning { worker, text: text.into_owned() }
            }
            RecordedEvent::CheckEnded { trial, left, .. } => {
                Event::CheckEnded { trial, result: self.result(Printer::Check(trial), *left)? }
            }
            RecordedEvent::TrialEnded { trial, verdict } => Event::TrialEnded { trial, verdict },
            RecordedEvent::RunStarted(_)
            | RecordedEvent::WorkerPlanned { .. }
            | RecordedEvent::StepPlanned { .. }
            | RecordedEvent::Output { .. }
            | RecordedEvent::Reason { .. }
            | RecordedEvent::RunEnded { .. } => return Err("it is several events".to_owned()),
        })
    }

    fn worker(&self, name: &str) -> Result<WorkerId, String> {
        self.workers.get(name).copied().ok_or_else(|| unknown_worker(name))
    }

    fn step(&self, step: &StepName<'_>) -> Result<StepReference, String> {
        let StepName { trial, phase, position, .. } = *step;
        Ok(StepReference { trial, phase, worker: self.worker(&step.worker)?, position })
    }

    fn skew(&self, skew: &Skew<'_>) -> Result<StartSkew, String> {
        let unknown = skew.unknown.iter().map(|worker| self.worker(worker)).collect::<Result<_, _>>()?;
        Ok(StartSkew { spread: skew.spread_ns.into(), bound: skew.bound_ns.into(), workers: skew.workers, unknown })
    }

    fn barrier(&self, barrier: Barrier<'_>) -> Result<BarrierResult, String> {
        let Barrier { name, passed, reason, waited, release_skew, .. } = barrier;
        let skew = release_skew.map(|skew| self.skew(&skew)).transpose()?;
        let passed = if passed { Ok(skew) } else { Err(reason.unwrap_or_default().into_owned()) };
        let waited = waited.iter().map(|waited| Ok((self.worker(&waited.worker)?, waited.waited_ns.into())));
        Ok(BarrierResult { name: name.into_owned(), waited: waited.collect::<Result<_, String>>()?, passed })
    }

    fn output(&self, of: Printer, stream: Stream, length: u64, unkept: Option<Unkept>) -> Output {
        self.outputs.output(self.plan.as_deref(), of, stream, length, unkept)
    }

    fn result(&self, of: Printer, left: Left<'_>) -> Result<StepResult, String> {
        let output = |stream, length, unkept| self.output(of, stream, length, unkept);
        left.result(output).ok_or_else(|| "invalid outcome".to_owned())
    }
}

fn unknown_worker(name: &str) -> String {
    format!("unknown worker `{name}`")
}

fn reason(kind: &str, text: String) -> Result<Reason, String> {
    let interrupted = || (1..=64).map(Reason::Interrupted).find(|reason| reason.text() == text);
    match kind {
        "interrupted" => interrupted(),
        "not carried out" => Some(Reason::NotCarriedOut(text)),
        "incomplete" => Some(Reason::Incomplete(text)),
        "failed" => Some(Reason::Failed(text)),
        _ => None,
    }
    .ok_or_else(|| format!("unknown reason `{kind}`"))
}
