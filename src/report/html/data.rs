//! What the script of the page draws: all steps as columns of numbers, texts that occur often by their number.
//!
//! Times are nanoseconds from the start of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::model::{Action, BarrierResult, ConductorTime, Mode, Nanoseconds, Outcome, Output, Phase, Stream};
use crate::report::{Excerpt, Finished, List, PhaseOfTrial, Run, words};

/// Its start is not known: it is drawn where its end was seen.
const SEEN: u8 = 1;
/// Others held its output when it was over.
const LEAKY: u8 = 2;
/// It was spawned.
const SPAWN: u8 = 4;
/// It waited at a barrier.
const BARRIER: u8 = 8;
/// Its failure does not count.
const EXCUSED: u8 = 16;

/// The data.
#[derive(Serialize)]
pub(super) struct Data {
    /// The start of the run in UTC, in microseconds.
    utc_us: i64,
    end: u64,
    outcomes: [&'static str; 8],
    workers: Vec<String>,
    trials: Vec<TrialEntry>,
    phases: Vec<PhaseEntry>,
    labels: Vec<String>,
    commands: Vec<String>,
    details: Vec<String>,
    steps: Columns,
}

#[derive(Serialize)]
struct TrialEntry {
    number: u32,
    verdict: Option<&'static str>,
    start: u64,
    end: u64,
}

#[derive(Serialize)]
struct PhaseEntry {
    /// The trial's place in the list.
    trial: usize,
    phase: &'static str,
    start: u64,
    end: u64,
    /// The first start of a process.
    go: Option<u64>,
    /// The spread of the starts, its bound, and of how many workers.
    skew: Option<(u128, u128, usize)>,
    barriers: Vec<BarrierEntry>,
}

#[derive(Serialize)]
struct BarrierEntry {
    name: String,
    /// When all went on, as it was seen here.
    at: Option<u64>,
}

#[derive(Default, Serialize)]
struct Columns {
    worker: Vec<usize>,
    phase: Vec<usize>,
    label: Vec<usize>,
    command: Vec<usize>,
    outcome: Vec<usize>,
    detail: Vec<usize>,
    flags: Vec<u8>,
    start: Vec<u64>,
    duration: Vec<u64>,
    error: Vec<u64>,
}

/// Texts, each once.
#[derive(Default)]
struct Texts(BTreeMap<String, usize>);

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = self.0.len();
        self.0.insert(text.to_owned(), number);
        number
    }

    fn list(self) -> Vec<String> {
        let mut list: Vec<(usize, String)> = self.0.into_iter().map(|(text, number)| (number, text)).collect();
        list.sort_unstable();
        list.into_iter().map(|(_, text)| text).collect()
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
        Nanoseconds::from(at.since(self.start)).number()
    }

    fn end(self, end: Option<ConductorTime>) -> u64 {
        self.since_start(end.unwrap_or(self.end))
    }
}

impl Data {
    /// The data of a run that ended at `end`.
    pub(super) fn new(run: &Run, end: ConductorTime) -> Self {
        let times = Times { start: run.start.unwrap_or(end), end };
        let date = run.plan.as_ref().and_then(|(_, anchor)| jiff::Timestamp::try_from(anchor.date(times.start)).ok());
        let mut made = Maker {
            times,
            labels: Texts::default(),
            commands: Texts::default(),
            details: Texts::default(),
            steps: Columns::default(),
        };
        let trials = || run.trials.iter().enumerate();
        let phases = || trials().flat_map(|(place, trial)| trial.phases.iter().map(move |phase| (place, trial, phase)));
        let numbers = phases().map(|(_, trial, phase)| (trial.number, phase.phase)).zip(0..);
        let numbers: BTreeMap<(u32, Phase), usize> = numbers.collect();
        // Others number the steps in this order.
        for finished in run.results() {
            made.step(numbers[&(finished.reference.trial, finished.reference.phase)], finished);
        }
        let phases = phases().map(|(trial, _, phase)| phase_entry(run, times, trial, phase)).collect();
        let workers = run.plan.iter().flat_map(|(plan, _)| &plan.workers);
        Self {
            utc_us: date.map_or(0, jiff::Timestamp::as_microsecond),
            end: times.since_start(end),
            outcomes: Outcome::WORDS,
            workers: workers.map(|worker| worker.name.to_string()).collect(),
            trials: run
                .trials
                .iter()
                .map(|trial| TrialEntry {
                    number: trial.number,
                    verdict: trial.verdict.map(crate::model::Verdict::word),
                    start: times.since_start(trial.start),
                    end: times.end(trial.end),
                })
                .collect(),
            phases,
            labels: made.labels.list(),
            commands: made.commands.list(),
            details: made.details.list(),
            steps: made.steps,
        }
    }
}

fn phase_entry(run: &Run, times: Times, trial: usize, phase: &PhaseOfTrial) -> PhaseEntry {
    let results = || phase.workers.values().flat_map(|worker| worker.results.values());
    let go = results().filter_map(|recorded| recorded.result.started).map(|start| start.at).min();
    let barrier = |barrier: &BarrierResult| BarrierEntry {
        name: barrier.name.clone(),
        at: barrier
            .passed
            .as_ref()
            .ok()
            .and_then(|_| release(run, phase, &barrier.name))
            .map(|at| times.since_start(at)),
    };
    PhaseEntry {
        trial,
        phase: phase.phase.word(),
        start: times.since_start(phase.start),
        end: times.end(phase.end),
        go: go.map(|go| times.since_start(go)),
        skew: phase.skew.as_ref().map(|skew| (skew.spread.as_nanos(), skew.bound.as_nanos(), skew.workers)),
        barriers: phase.barriers.iter().map(barrier).collect(),
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
        let steps = &mut self.steps;
        steps.outcome.push(Outcome::WORDS.iter().position(|known| *known == word).unwrap_or(0));
        steps.detail.push(self.details.number(&detail));
        steps.worker.push(reference.worker.0);
        steps.phase.push(phase);
        steps.label.push(self.labels.number(step.map_or("", |step| step.label.as_str())));
        steps.command.push(self.commands.number(&step.map_or(String::new(), words::action)));
        self.time(finished, flags);
    }

    fn time(&mut self, finished: Finished<'_>, flags: u8) {
        let (result, recorded) = (finished.result(), finished.recorded);
        let nanoseconds = |duration: Duration| Nanoseconds::from(duration).number();
        let duration = result.duration.map(nanoseconds);
        let seen = self.times.since_start(finished.at());
        let (start, duration, error, seen_only) = if let Some(started) = result.started.or(recorded.result.started) {
            let start = self.times.since_start(started.at);
            // What goes on when the run is over is drawn up to its end.
            let last = if result.outcome == Outcome::Spawned { seen.max(self.times.end(None)) } else { seen };
            (start, duration.unwrap_or(last.saturating_sub(start)), nanoseconds(started.error), 0)
        } else {
            let duration = duration.unwrap_or(0).min(seen);
            (seen - duration, duration, 0, SEEN)
        };
        self.steps.start.push(start);
        self.steps.duration.push(duration);
        self.steps.error.push(error);
        self.steps.flags.push(flags | seen_only);
    }
}

#[derive(Serialize)]
struct OutputEntry {
    step: usize,
    stream: &'static str,
    bytes: u64,
    left_out: u64,
    text: Excerpt,
}

/// What the steps printed, each with its step's number; at most `limit` bytes of each.
pub(super) fn outputs(run: &Run, limit: u64) -> impl Serialize + '_ {
    let entry = move |step, stream: Stream, output: &Output| {
        let text = Excerpt::new(output, limit);
        OutputEntry { step, stream: stream.word(), bytes: output.printed(), left_out: text.left_out(), text }
    };
    List(move || {
        run.results().enumerate().flat_map(move |(step, finished)| {
            let result = finished.result();
            let streams = [(Stream::Stdout, &result.stdout), (Stream::Stderr, &result.stderr)];
            streams
                .into_iter()
                .filter(|(_, output)| !output.is_empty())
                .map(move |(stream, output)| entry(step, stream, output))
        })
    })
}
