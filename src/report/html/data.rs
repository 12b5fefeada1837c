//! What the script of the page draws: all steps as columns of numbers, texts that occur often by their number.
//!
//! Times are nanoseconds from the start of the run.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::model::{
    Action, BarrierResult, ConductorTime, Mode, Outcome, Output, Phase, StepResult, Stream, nanoseconds, object,
};
use crate::report::{Excerpt, Finished, List, PhaseOfTrial, Run, Trial};

/// Its start is not known: it is drawn where its end was seen.
const SEEN: u64 = 1;
/// Others held its output when it was over.
const LEAKY: u64 = 2;
/// It was spawned.
const SPAWN: u64 = 4;
/// It waited at a barrier.
const BARRIER: u64 = 8;
/// Its failure does not count.
const EXCUSED: u64 = 16;

/// The steps: a list for each of their properties.
#[derive(Default)]
struct Columns([Vec<u64>; 10]);

impl Columns {
    const NAMES: [&str; 10] =
        ["worker", "phase", "label", "command", "outcome", "detail", "flags", "start", "duration", "error"];
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::NAMES.iter().zip(&self.0))
    }
}

/// Texts, each once, with their numbers.
#[derive(Default)]
struct Texts(BTreeMap<String, usize>);

impl Texts {
    fn number(&mut self, text: String) -> usize {
        let next = self.0.len();
        *self.0.entry(text).or_insert(next)
    }

    fn list(self) -> Vec<String> {
        let list: BTreeMap<usize, String> = self.0.into_iter().map(|(text, number)| (number, text)).collect();
        list.into_values().collect()
    }
}

/// Times from the start of a run.
#[derive(Clone, Copy)]
struct Times {
    start: ConductorTime,
    end: ConductorTime,
}

impl Times {
    fn since_start(self, at: ConductorTime) -> u64 {
        nanoseconds(at.since(self.start))
    }

    fn end(self, end: Option<ConductorTime>) -> u64 {
        self.since_start(end.unwrap_or(self.end))
    }
}

/// The data of a run that ended at `end`.
pub(super) fn data(run: &Run, end: ConductorTime) -> impl Serialize + '_ {
    let times = Times { start: run.start.unwrap_or(end), end };
    let date = run.plan.as_ref().and_then(|(_, anchor)| jiff::Timestamp::try_from(anchor.date(times.start)).ok());
    let (labels, commands, details, steps) = Default::default();
    let mut made = Maker { times, labels, commands, details, steps };
    let trials = || run.trials.values().enumerate();
    let phases = || trials().flat_map(|(place, trial)| trial.phases.values().map(move |phase| (place, trial, phase)));
    let numbers = phases().map(|(_, trial, phase)| (trial.number, phase.phase)).zip(0..);
    let numbers: BTreeMap<(u32, Phase), usize> = numbers.collect();
    // Others number the steps in this order.
    for finished in run.results() {
        made.step(numbers[&(finished.reference.trial, finished.reference.phase)], finished);
    }
    let phases = phases().map(|(trial, _, phase)| phase_entry(run, times, trial, phase)).collect::<Vec<_>>();
    let workers = run.plan.iter().flat_map(|(plan, _)| &plan.workers);
    let trial_entry = |trial: &Trial| {
        let (start, end) = (times.since_start(trial.start), times.end(trial.end));
        object! { number: trial.number, verdict: trial.verdict, start: start, end: end }
    };
    object! {
        // The start of the run in UTC, in microseconds.
        utc_us: date.map_or(0, jiff::Timestamp::as_microsecond),
        end: times.since_start(end),
        outcomes: Outcome::WORDS,
        workers: workers.map(|worker| worker.name.as_str()).collect::<Vec<_>>(),
        trials: run.trials.values().map(trial_entry).collect::<Vec<_>>(),
        phases: phases,
        labels: made.labels.list(),
        commands: made.commands.list(),
        details: made.details.list(),
        steps: made.steps,
    }
}

/// A phase; `trial` is the place of its trial in the list.
fn phase_entry<'a>(run: &'a Run, times: Times, trial: usize, phase: &'a PhaseOfTrial) -> impl Serialize + 'a {
    let results = || phase.workers.values().flat_map(|worker| worker.results.values());
    let go = results().filter_map(|recorded| recorded.result.started).map(|start| start.at).min();
    // When all continued behind a barrier, as it was seen here.
    let at = |barrier: &BarrierResult| barrier.passed.as_ref().ok().and_then(|_| release(run, phase, &barrier.name));
    let barrier = |barrier: &'a BarrierResult| {
        object! { name: &barrier.name, at: at(barrier).map(|at| times.since_start(at)) }
    };
    object! {
        trial: trial,
        phase: phase.phase,
        start: times.since_start(phase.start),
        end: times.end(phase.end),
        // The first start of a process.
        go: go.map(|go| times.since_start(go)),
        // The spread of the starts, its bound, and of how many workers.
        skew: phase.skew.as_ref().map(|skew| (skew.spread.as_nanos(), skew.bound.as_nanos(), skew.workers)),
        barriers: phase.barriers.iter().map(barrier).collect::<Vec<_>>(),
    }
}

/// When the first process was started behind a barrier.
fn release(run: &Run, phase: &PhaseOfTrial, name: &str) -> Option<ConductorTime> {
    let starts = phase.workers.iter().filter_map(|(&worker, own)| {
        let steps = &run.worker(worker)?.steps[phase.phase];
        let place = steps.iter().position(|step| matches!(&step.action, Action::Barrier(other) if other == name))?;
        own.results.range(place + 1..).find_map(|(_, recorded)| Some(recorded.result.started?.at))
    });
    starts.min()
}

struct Maker {
    times: Times,
    labels: Texts,
    commands: Texts,
    details: Texts,
    steps: Columns,
}

impl Maker {
    /// Adds a step of the phase with this number.
    fn step(&mut self, phase: usize, finished: Finished<'_>) {
        let Finished { reference, step, .. } = finished;
        let result = finished.result();
        let mut flags = 0;
        for (holds, flag) in [
            (result.leaky, LEAKY),
            (step.is_some_and(|step| step.mode == Mode::Spawn), SPAWN),
            (step.is_some_and(|step| matches!(step.action, Action::Barrier(_))), BARRIER),
            (finished.excuse().is_some(), EXCUSED),
        ] {
            flags |= if holds { flag } else { 0 };
        }
        let word = result.outcome.word();
        let detail = match result.why() {
            Some(why) => format!("{word}: {why}"),
            None => result.outcome.in_detail(),
        };
        let label = step.map_or(String::new(), |step| step.label.to_string());
        let command = step.map_or(String::new(), |step| step.action.to_string());
        let texts = [self.labels.number(label), self.commands.number(command)];
        let outcome = Outcome::WORDS.iter().position(|known| *known == word).unwrap_or(0);
        let (start, duration, error, seen) = self.time(finished);
        let [worker, phase, label, command, outcome, detail] =
            [reference.worker.0, phase, texts[0], texts[1], outcome, self.details.number(detail)].map(|it| it as u64);
        let row = [worker, phase, label, command, outcome, detail, flags | seen, start, duration, error];
        self.steps.0.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }

    /// When a step started, how long it ran, how far off that may be, and whether only its end was seen.
    fn time(&self, finished: Finished<'_>) -> (u64, u64, u64, u64) {
        let (result, recorded) = (finished.result(), finished.recorded);
        let duration = result.duration.map(nanoseconds);
        let seen = self.times.since_start(finished.at());
        if let Some(started) = result.started.or(recorded.result.started) {
            let start = self.times.since_start(started.at);
            // What goes on when the run is over is drawn up to its end.
            let last = if result.outcome == Outcome::Spawned { seen.max(self.times.end(None)) } else { seen };
            (start, duration.unwrap_or(last.saturating_sub(start)), nanoseconds(started.error), 0)
        } else {
            let duration = duration.unwrap_or(0).min(seen);
            (seen - duration, duration, 0, SEEN)
        }
    }
}

/// What the steps printed, each with its step's number; at most `limit` bytes of each.
pub(super) fn outputs(run: &Run, limit: u64) -> impl Serialize + '_ {
    let entry = move |step: usize, stream: Stream, output: &Output| {
        let text = Excerpt::new(output, limit);
        let left_out = text.left_out();
        object! { step: step, stream: stream, bytes: output.printed(), left_out: left_out, text: text }
    };
    List(move || {
        run.results().enumerate().flat_map(move |(step, finished)| {
            let StepResult { stdout, stderr, .. } = finished.result();
            let streams = [(Stream::Stdout, stdout), (Stream::Stderr, stderr)].into_iter();
            let printed = streams.filter(|(_, output)| !output.is_empty());
            printed.map(move |(stream, output)| entry(step, stream, output))
        })
    })
}
