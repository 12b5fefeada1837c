//! The `trace` report: the run in the JSON trace format of Chrome, which <https://ui.perfetto.dev> opens.
//!
//! The conductor and each worker are processes of the trace. A thread of the conductor contains the trials, with their
//! phases and checks. The first thread of a worker contains the steps that the phase waits for one after the other;
//! further threads contain concurrent steps. Arrows (flows) point from the worker that reached a barrier last to those
//! that waited for it. Times are microseconds since the start of the run. The format: "Trace Event Format", Google,
//! 2016.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::json_writer::write_line;
use super::placement::{Placed, place_of_check, places};
use super::{Ended, Finished, Measured, Run, Trial, words};
use crate::model::{Action, ConductorTime, Mode, Outcome, Plan, Step, Verdict, WorkerId, object};

/// The process ID of the conductor. Those of the workers follow.
const CONDUCTOR: u64 = 1;
/// The ID of the first thread of a process.
const FIRST: u64 = 1;

/// Writes the trace of a run.
pub(super) fn write(Ended { run, at: end, .. }: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    write!(writer, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let start = run.start.unwrap_or(end);
    let workers = run.plan().map_or(0, |plan| plan.workers.len());
    let mut trace = Trace { writer, run, start, end, rows: vec![Vec::new(); workers], flows: 0, is_empty: true };
    trace.name_processes()?;
    trace.trials()?;
    // A trial that was run again can come after trials with higher numbers.
    let mut all: Vec<Finished<'_>> = run.results().collect();
    all.sort_by_key(|finished| run.trials.get(finished.reference.trial).map(|trial| trial.start));
    let placed: Vec<_> = places(&all, end).collect();
    let phase = |finished: &Finished<'_>| (finished.reference.trial, finished.reference.phase);
    for together in placed.chunk_by(|(a, _), (b, _)| phase(a) == phase(b)) {
        trace.phase(together)?;
    }
    writeln!(trace.writer, "\n]}}")
}

/// A part of a thread: its start and end on the conductor's clock.
#[derive(Clone, Copy)]
struct Slice {
    process: u64,
    thread: u64,
    start: ConductorTime,
    end: ConductorTime,
}

impl Slice {
    /// Clips the slice to `whole`, and to the time after `after`.
    fn within(self, whole: Self, after: ConductorTime) -> Self {
        // In a record that was edited, nothing is certain, not even that the run ended after it began.
        let start = self.start.max(after).max(whole.start).min(whole.end);
        Self { start, end: self.end.min(whole.end).max(start), ..self }
    }
}

/// Returns the thread on which a step is drawn, and when that thread becomes free. `ends` contains the end of the last
/// step on each thread. Steps that the phase waits for share thread 0; each other step gets the first free one.
fn thread(ends: &[ConductorTime], mode: Mode, start: ConductorTime) -> (usize, ConductorTime) {
    let free = |(_, end): &(usize, &ConductorTime)| **end <= start;
    let thread = match mode {
        Mode::Wait => 0,
        _ => ends.iter().enumerate().skip(1).find(free).map_or(ends.len().max(1), |(thread, _)| thread),
    };
    (thread, ends.get(thread).copied().unwrap_or_default())
}

struct Trace<'a> {
    writer: &'a mut dyn Write,
    run: &'a Run,
    start: ConductorTime,
    end: ConductorTime,
    /// The end of the last step on each thread of each worker.
    rows: Vec<Vec<ConductorTime>>,
    /// The number of arrows so far.
    flows: u64,
    is_empty: bool,
}

impl Trace<'_> {
    fn name_processes(&mut self) -> io::Result<()> {
        self.name("process_name", CONDUCTOR, FIRST, "conductor")?;
        self.name("thread_name", CONDUCTOR, FIRST, "trials")?;
        let mut workers = self.run.plan().into_iter().flat_map(Plan::workers);
        workers.try_for_each(|(id, worker)| self.name("process_name", process(id), FIRST, worker.name.as_str()))
    }

    /// Writes the trials, their phases and checks.
    fn trials(&mut self) -> io::Result<()> {
        let run = self.whole(CONDUCTOR, FIRST);
        let mut last = run.start;
        let mut trials: Vec<_> = self.run.trials.values().collect();
        trials.sort_by_key(|trial| trial.start);
        for trial in trials {
            let whole = Slice { start: trial.start, end: trial.end.unwrap_or(self.end), ..run }.within(run, last);
            last = whole.end;
            let about = self.run.plan_in(trial.number).map(|plan| plan.about_trial(trial.number)).unwrap_or_default();
            self.slice("trial", &format!("trial {}{about}", trial.number), whole, &self.about(trial))?;
            let mut phases: Vec<_> = trial.phases.values().collect();
            phases.sort_by_key(|phase| phase.start);
            let mut after = whole.start;
            for phase in phases {
                let own = Slice { start: phase.start, end: phase.end.unwrap_or(phase.start), ..run };
                let own = own.within(whole, after);
                after = own.end;
                self.slice("phase", phase.phase.word(), own, &object! { trial: trial.number })?;
            }
            let check = trial.check.as_ref();
            if let Some((check, placed)) = check.and_then(|check| Some((check, place_of_check(check, whole.end)?))) {
                let own = Slice { start: placed.start, end: placed.end(), ..run }.within(whole, after);
                let result = words::ending(check);
                self.slice("check", "check", own, &object! { trial: trial.number, result: result })?;
            }
        }
        Ok(())
    }

    /// Returns the verdict of a trial, its parameters and its metrics. A missing value is replaced by the reason.
    fn about(&self, trial: &Trial) -> impl Serialize + use<> {
        let point = self.run.plan_in(trial.number).and_then(|plan| plan.point(trial.slot.point));
        let parameters: BTreeMap<_, _> = point.into_iter().flat_map(|point| point.parameters.clone()).collect();
        let metric = |measured: &Measured| {
            let of_worker = measured.worker.map(|worker| format!(" of {}", self.run.name(worker))).unwrap_or_default();
            let unit = measured.unit.as_deref().map(|unit| format!(", {unit}")).unwrap_or_default();
            let value = measured.measurement.value().map(Value::from);
            let told = value.unwrap_or_else(|| measured.measurement.text(None).into());
            (format!("{}{of_worker}{unit}", &*measured.metric), told)
        };
        let metrics: BTreeMap<String, Value> = trial.metrics.iter().map(metric).collect();
        object! {
            verdict: trial.verdict.map(Verdict::word),
            parameters: @optional (!parameters.is_empty()).then_some(parameters),
            metrics: @optional (!metrics.is_empty()).then_some(metrics),
        }
    }

    /// Writes the steps of one phase.
    fn phase(&mut self, steps: &[(Finished<'_>, Placed)]) -> io::Result<()> {
        let mut barriers: BTreeMap<&str, Vec<Slice>> = BTreeMap::new();
        for (finished, placed) in steps {
            let own = self.step(*finished, *placed)?;
            if let Some(Step { action: Action::Barrier(name), .. }) = finished.step
                && finished.result().outcome == Outcome::Passed
            {
                barriers.entry(name).or_default().push(own);
            }
        }
        barriers.iter().try_for_each(|(name, slices)| self.arrows(name, slices))
    }

    /// Writes a step and its attempts. Returns the slice of the step.
    fn step(&mut self, finished: Finished<'_>, placed: Placed) -> io::Result<Slice> {
        let Finished { reference, step, .. } = finished;
        let (result, process) = (finished.result(), process(reference.worker));
        let mode = step.map_or(Mode::Wait, |step| step.mode);
        let (row, free) =
            self.rows.get(reference.worker.0).map_or_else(Default::default, |ends| thread(ends, mode, placed.start));
        let thread = FIRST + row as u64;
        let own = Slice { process, thread, start: placed.start, end: placed.end() };
        let own = own.within(self.whole(process, thread), free);
        self.take_row(reference.worker, row, own)?;
        let arguments = object! {
            trial: reference.trial,
            phase: reference.phase.word(),
            command: words::command(step),
            result: words::ending(result),
            // The maximum error of the start. Absent if the start is not known.
            uncertainty_us: @optional placed.error.map(microseconds),
            stdout_bytes: result.stdout.length(),
            stderr_bytes: result.stderr.length(),
        };
        self.slice("step", &words::label(step), own, &arguments)?;
        let mut after = own.start;
        for attempt in result.attempts.iter().filter(|_| result.attempts.len() > 1) {
            let start = own.start.plus(attempt.after);
            let part = Slice { start, end: start.plus(attempt.duration), ..own }.within(own, after);
            after = part.end;
            self.slice("attempt", "attempt", part, &object! { result: attempt.outcome.in_detail() })?;
        }
        Ok(own)
    }

    /// Records that a thread of a worker is in use, and names it if it is new.
    fn take_row(&mut self, worker: WorkerId, row: usize, own: Slice) -> io::Result<()> {
        let Some(ends) = self.rows.get_mut(worker.0) else { return Ok(()) };
        if row < ends.len() {
            ends[row] = own.end;
            return Ok(());
        }
        // The first thread exists even if it has no step yet.
        ends.resize(row, self.start);
        ends.push(own.end);
        let name = if row == 0 { "steps" } else { "concurrent steps" };
        self.name("thread_name", own.process, own.thread, name)
    }

    /// Writes arrows from the worker that reached a barrier last to each worker that waited for it.
    fn arrows(&mut self, barrier: &str, slices: &[Slice]) -> io::Result<()> {
        let Some(last) = slices.iter().max_by_key(|slice| slice.start) else { return Ok(()) };
        for slice in slices.iter().filter(|slice| slice.process != last.process) {
            self.flows += 1;
            let to = last.start.min(slice.end).max(slice.start);
            // The arrow ends at the slice that contains the time, not at the next one.
            for (kind, at, time, binding) in [("s", last, last.start, None), ("f", slice, to, Some("e"))] {
                self.entry(&object! {
                    name: barrier,
                    cat: "barrier",
                    ph: kind,
                    id: self.flows,
                    pid: at.process,
                    tid: at.thread,
                    ts: self.microseconds(time),
                    bp: @optional binding,
                })?;
            }
        }
        Ok(())
    }

    /// Returns the slice of the whole run.
    fn whole(&self, process: u64, thread: u64) -> Slice {
        Slice { process, thread, start: self.start, end: self.end }
    }

    fn slice(&mut self, category: &str, name: &str, slice: Slice, arguments: &impl Serialize) -> io::Result<()> {
        let Slice { process, thread, start, end } = slice;
        self.entry(&object! {
            name: name,
            cat: category,
            ph: "X",
            pid: process,
            tid: thread,
            ts: self.microseconds(start),
            dur: microseconds(end.since(start)),
            args: arguments,
        })
    }

    fn name(&mut self, what: &str, process: u64, thread: u64, name: &str) -> io::Result<()> {
        self.entry(&object! { name: what, ph: "M", pid: process, tid: thread, args: object! { name: name } })
    }

    fn entry(&mut self, entry: &impl Serialize) -> io::Result<()> {
        self.writer.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        write_line(self.writer, entry)
    }

    fn microseconds(&self, at: ConductorTime) -> f64 {
        microseconds(at.since(self.start))
    }
}

fn process(WorkerId(place): WorkerId) -> u64 {
    CONDUCTOR + 1 + place as u64
}

/// Returns a duration in microseconds, rounded to nanoseconds.
fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e9).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Format, Phase};
    use crate::report::recorded::{Recording, left, measured, plain, plan, told, worker};

    /// Reports a run whose second trial was run again after the third.
    fn run_again(format: Format) -> Value {
        let steps = vec![Step::plain("s", "true")];
        let plan = Plan { trials: 3, ..plan(vec![worker("dut", Vec::new(), steps)]) };
        let mut run = Recording::of(plan);
        for trial in [1, 2, 3, 2] {
            run.number(trial);
            run.trial();
            run.phase(Phase::Run);
            run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
            run.add(Event::Warning { worker: None, text: format!("in trial {trial}") });
            run.worker_done(Phase::Run, 0);
            run.phase_done(Phase::Run);
            run.add(Event::TrialEnded { trial, verdict: Verdict::Passed });
        }
        serde_json::from_str(&told(format, plain(), &run.ended(Verdict::Passed, Vec::new()))).unwrap()
    }

    #[test]
    fn trials_are_in_the_order_in_which_they_were_run() {
        let trace = run_again(Format::Trace);
        let entries = trace["traceEvents"].as_array().unwrap().iter();
        let trials = entries.filter(|entry| entry["cat"] == "trial");
        let trials: Vec<_> =
            trials.map(|entry| (entry["name"].as_str().unwrap(), entry["dur"].as_f64() > Some(0.0))).collect();
        assert_eq!(trials, [("trial 1", true), ("trial 3", true), ("trial 2", true)]);
    }

    #[test]
    fn what_is_said_belongs_to_the_trial_that_is_run() {
        let report = run_again(Format::Json);
        let warnings = report["warnings"].as_array().unwrap().iter();
        let warnings: Vec<_> = warnings.map(|own| format!("{}: {}", own["trial"], own["text"])).collect();
        assert_eq!(warnings, [1, 2, 3, 2].map(|trial| format!("{trial}: \"in trial {trial}\"")));
    }

    #[test]
    fn a_trial_of_a_series_has_its_point_its_parameters_and_its_metrics() {
        let trace: Value = serde_json::from_str(&told(Format::Trace, plain(), &measured())).unwrap();
        let entries = trace["traceEvents"].as_array().unwrap().iter();
        let trials: Vec<_> = entries.filter(|entry| entry["cat"] == "trial").collect();
        assert_eq!((trials.len(), &trials[1]["name"]), (14, &Value::from("trial 2 (window=1M)")));
        let expected = serde_json::json!({
            "verdict": "passed", "parameters": {"window": "1M"}, "metrics": {"goodput, Mbit/s": 921.0}
        });
        assert_eq!(trials[1]["args"], expected);
        let missing = "missing: no number in the standard output of `load` on client in run";
        assert_eq!(trials[5]["args"]["metrics"]["goodput, Mbit/s"], Value::from(missing));
    }
}
