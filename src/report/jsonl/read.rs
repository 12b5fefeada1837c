//! Reads a recorded run: converts lines to events.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead};
use std::sync::Arc;

use serde_json::Value;

use super::line::{Line, Part};
use crate::model::{
    ClockAnchor, Conclusion, ConductorTime, Event, Names, Outcome, Output, OutputSource, Plan, Printer, Reason, RunId,
    Stamped, StepReference, StepResult, Stream, Unkept, Verdict,
};
use crate::report::{dry_run_json, words};

/// A recorded run, event by event.
pub(crate) struct Replay<R, S> {
    lines: R,
    /// The number of the line that was read last.
    number: u64,
    at: ConductorTime,
    /// The configuration of each generation, as JSON.
    configurations: Vec<String>,
    /// Finds the sources of a plan's metrics.
    resolve: fn(&mut Plan),
    generation: u32,
    /// Finds the output of a stream from the path of its file and the attempt at its trial.
    source: S,
    /// The latest attempt at each trial that began more than once.
    attempts: BTreeMap<u32, u32>,
    /// The end of the run, kept back because the record may continue after it.
    end: Option<Stamped>,
    /// The plan, until all of its lines are read.
    planned: Option<(ConductorTime, Plan, ClockAnchor)>,
    names: Option<Arc<Names>>,
    reasons: Vec<Reason>,
    /// Output with the same time. It waits for the next line: if that is the end of the step, the result contains this
    /// output too.
    printed: Vec<(StepReference, Event)>,
    /// The steps that have started but not ended, each with its result if the record ended here.
    open: BTreeMap<StepReference, StepResult>,
    /// Output of steps whose start has not been read yet: output can be recorded before the start of its step.
    early: BTreeMap<(StepReference, Stream), Output>,
    ready: VecDeque<Stamped>,
    ended: bool,
    whole: bool,
}

impl<R: BufRead, S: Fn(Vec<String>, u32) -> Arc<dyn OutputSource>> Replay<R, S> {
    /// Reads the lines of a `jsonl` report, with the run's configurations in JSON, one for each generation. `source`
    /// finds the output of a stream from the path of its file in the results folder and the attempt at its trial.
    /// `resolve` finds the sources of a plan's metrics, which the configurations contain as written in the test file.
    pub(crate) fn new(lines: R, configurations: Vec<String>, resolve: fn(&mut Plan), source: S) -> Self {
        Self {
            lines,
            resolve,
            number: 0,
            at: ConductorTime::from_nanoseconds(0),
            configurations,
            generation: 1,
            source,
            attempts: BTreeMap::new(),
            end: None,
            planned: None,
            names: None,
            reasons: Vec::new(),
            printed: Vec::new(),
            open: BTreeMap::new(),
            early: BTreeMap::new(),
            ready: VecDeque::new(),
            ended: false,
            whole: true,
        }
    }

    /// Whether everything so far is complete. Returns `false` if the record ended before the run did.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Returns the next event. The last one is the end of the run, even if the record does not contain it.
    ///
    /// # Errors
    ///
    /// Returns an error with the number of the line if a line cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Stamped>> {
        while self.ready.is_empty() && !self.ended {
            let mut line = Vec::new();
            self.lines.read_until(b'\n', &mut line)?;
            self.number += 1;
            if line.is_empty()
                && let Some(end) = self.end.take()
            {
                self.ready.push_back(end);
                self.ended = true;
                break;
            }
            // A line without a newline is one that the conductor was writing when it was killed.
            if !line.ends_with(b"\n") {
                (self.ended, self.whole) = (true, false);
                self.lose_open(self.at);
                self.push(Event::RecordEnded);
                self.reasons.push(Reason::Incomplete(words::NO_END.to_owned()));
                let reasons = std::mem::take(&mut self.reasons);
                self.push(Event::RunEnded { conclusion: Conclusion::new(Verdict::Incomplete, reasons) });
                break;
            }
            self.take(&line).map_err(|why| io::Error::other(format!("line {}: {why}", self.number)))?;
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        let Line { at_ns, time, event } = serde_json::from_slice::<Line<Value>>(line)?;
        if at_ns != self.at {
            self.print();
        }
        let before = std::mem::replace(&mut self.at, at_ns);
        let name = event["event"].as_str().unwrap_or_default();
        if !Part::PLANNED.contains(&name) {
            self.begin();
        }
        let names = self.names.clone();
        self.end = None;
        if Part::has(name) {
            let part = Names::during(names.as_ref(), || serde_json::from_value(event))?;
            return self.part(before, time.as_deref(), part);
        }
        let mut event = Names::during(names.as_ref(), || serde_json::from_value(event))?;
        match &mut event {
            Event::StepStarted { step, started } => {
                let [stdout, stderr] = Stream::ALL.map(|one| self.early.remove(&(*step, one)).unwrap_or_default());
                let lost = StepResult::without_output(Outcome::Lost);
                let lost = StepResult { started: Some(*started), stdout, stderr, is_assumed: true, ..lost };
                self.open.insert(*step, lost);
            }
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => {
                self.printed.retain(|(other, _)| other != step);
                self.open.remove(step);
                self.find_outputs(Printer::Step(*step), result);
            }
            Event::CheckEnded { trial, result } => self.find_outputs(Printer::Check(*trial), result),
            Event::TrialStarted { trial, attempt, .. } => {
                self.early.clear();
                if *attempt > 1 {
                    self.attempts.insert(*trial, *attempt);
                }
            }
            _ => {}
        }
        self.push(event);
        Ok(())
    }

    /// Processes a part of an event. `before` is the time of the event before it.
    fn part(&mut self, before: ConductorTime, time: Option<&str>, part: Part<'_>) -> io::Result<()> {
        match part {
            Part::RunStarted(started) => {
                let plan = self.plan_of(1, started.run)?;
                let utc = time.and_then(|time| humantime::parse_rfc3339(time).ok());
                let utc = utc.ok_or_else(|| io::Error::other("invalid time"))?;
                self.planned = Some((self.at, plan, ClockAnchor { conductor: self.at, utc }));
            }
            Part::WorkerPlanned { worker, player, .. } => {
                let (_, plan, _) =
                    self.planned.as_mut().ok_or_else(|| io::Error::other("it is not where the plan is"))?;
                let known = plan.workers.iter_mut().find(|known| known.name.as_str() == worker);
                let known = known.ok_or_else(|| io::Error::other(format!("unknown worker `{worker}`")))?;
                known.player = player;
            }
            Part::StepPlanned { .. } => {}
            Part::RunResumed { trials, done, generation, .. } => {
                self.lose_open(before);
                self.resumed(trials, done, generation)?;
            }
            Part::Reason(reason) => self.reasons.push(reason),
            Part::Output { step, stream, offset, bytes, unfinished } => {
                let length = offset.saturating_add(bytes.length() as u64).saturating_add(unfinished);
                let output = self.output(Printer::Step(step), stream, length, None);
                match self.open.get_mut(&step) {
                    Some(open) => *open.output_mut(stream) = output.clone(),
                    None => _ = self.early.insert((step, stream), output.clone()),
                }
                let is_last = unfinished == 0 && bytes.is_unfinished();
                let event = if is_last {
                    Event::OutputEnded { step, stream, output }
                } else {
                    Event::OutputReceived { step, stream, output }
                };
                self.printed.push((step, event));
            }
            Part::RunEnded { verdict, hints, .. } => {
                let reasons = std::mem::take(&mut self.reasons);
                self.begin();
                self.print();
                let event = Event::RunEnded { conclusion: Conclusion { verdict, reasons, hints } };
                self.end = Some(Stamped { at: self.at, event });
            }
        }
        Ok(())
    }

    /// Returns the plan of a generation.
    fn plan_of(&self, generation: u32, run: RunId) -> io::Result<Plan> {
        let index = usize::try_from(generation).unwrap_or(usize::MAX).saturating_sub(1);
        let text = self.configurations.get(index).or(self.configurations.last());
        let missing = || io::Error::other("the folder has no `configuration.json`");
        let mut plan = dry_run_json::read(text.ok_or_else(missing)?, run)?;
        (self.resolve)(&mut plan);
        Ok(plan)
    }

    /// Processes the resumption of the run. The reasons for its earlier end no longer count.
    fn resumed(&mut self, trials: u32, done: u32, generation: u32) -> io::Result<()> {
        let known = self.names.as_ref().map(|names| Arc::clone(&names.plan));
        let known = known.ok_or_else(|| io::Error::other("a run is resumed that has not begun"))?;
        let plan =
            if generation == self.generation { (*known).clone() } else { self.plan_of(generation, known.run.clone())? };
        let plan = Arc::new(Plan { trials, ..plan });
        (self.generation, self.names) = (generation, Some(Names::new(Arc::clone(&plan))));
        self.reasons.clear();
        self.push(Event::RunResumed { plan, done, generation });
        Ok(())
    }

    /// Assumes that the open steps were lost at `at`, the time of the last event before the conductor was killed.
    fn lose_open(&mut self, at: ConductorTime) {
        self.begin();
        self.print();
        let lost = std::mem::take(&mut self.open).into_iter();
        self.ready.extend(lost.map(|(step, result)| Stamped { at, event: Event::StepEnded { step, result } }));
    }

    fn push(&mut self, event: Event) {
        self.begin();
        self.print();
        self.ready.push_back(Stamped { at: self.at, event });
    }

    /// Releases the waiting output: its step did not end at the same time.
    fn print(&mut self) {
        let at = self.at;
        self.ready.extend(self.printed.drain(..).map(|(_, event)| Stamped { at, event }));
    }

    /// Begins the run once all lines of its plan are read.
    fn begin(&mut self) {
        if let Some((at, plan, anchor)) = self.planned.take() {
            let plan = Arc::new(plan);
            self.names = Some(Names::new(Arc::clone(&plan)));
            self.ready.push_back(Stamped { at, event: Event::RunStarted { plan, anchor } });
        }
    }

    fn output(&self, of: Printer, stream: Stream, length: u64, unkept: Option<Unkept>) -> Output {
        let plan = self.names.as_ref().map(|names| &*names.plan);
        let trial = match of {
            Printer::Step(step) => step.trial,
            Printer::Check(trial) => trial,
        };
        let attempt = self.attempts.get(&trial).copied().unwrap_or(1);
        Output::new((self.source)(of.file(plan, stream), attempt), length, unkept)
    }

    /// Replaces the lengths of a result's outputs by the outputs.
    fn find_outputs(&self, of: Printer, result: &mut StepResult) {
        for stream in Stream::ALL {
            let output = result.output_mut(stream);
            *output = self.output(of, stream, output.length(), output.unkept().cloned());
        }
    }
}
