//! The steps for the script of the page: a column of numbers for each property. The checks of the trials come last, as
//! the steps of an additional worker.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::causes::{Role, Roles};
use crate::model::{Action, ConductorTime, Mode, Outcome, Phase, StepResult, nanoseconds};
use crate::report::placement::{Placed, place_of_check, places};
use crate::report::{Finished, Run, Trial, words};

/// The start of the step is unknown: the step is drawn where its end was seen.
const SEEN: u64 = 1;
/// Other processes still held the output of the step when it ended.
const LEAKY: u64 = 2;
/// The step was spawned.
const SPAWN: u64 = 4;
/// The step waited at a barrier.
const BARRIER: u64 = 8;
/// The failure of the step does not count.
const EXCUSED: u64 = 16;
/// The step failed by itself.
const CAUSE: u64 = 32;
/// The step could not be carried out because of a cause.
const CONSEQUENCE: u64 = 64;
/// Some of the output of the step could not be stored.
const UNKEPT: u64 = 128;

/// The steps: a list for each property.
#[derive(Default)]
pub(super) struct Columns([Vec<u64>; 11]);

impl Columns {
    const NAMES: [&str; 11] =
        ["worker", "phase", "label", "command", "outcome", "detail", "flags", "start", "duration", "error", "cause"];
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::NAMES.iter().zip(&self.0))
    }
}

/// Distinct texts with their numbers.
#[derive(Default)]
pub(super) struct Texts(BTreeMap<String, usize>);

impl Texts {
    fn number(&mut self, text: String) -> usize {
        let next = self.0.len();
        *self.0.entry(text).or_insert(next)
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list: BTreeMap<usize, &String> = self.0.iter().map(|(text, number)| (*number, text)).collect();
        serializer.collect_seq(list.into_values())
    }
}

/// Converts times to times since the start of a run.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) start: ConductorTime,
    pub(super) end: ConductorTime,
}

impl Times {
    pub(super) fn since_start(self, at: ConductorTime) -> u64 {
        nanoseconds(at.since(self.start))
    }

    pub(super) fn end(self, end: Option<ConductorTime>) -> u64 {
        self.since_start(end.unwrap_or(self.end))
    }
}

/// All steps of a run, and the texts that they refer to by number.
pub(super) struct Steps {
    times: Times,
    pub(super) labels: Texts,
    pub(super) commands: Texts,
    pub(super) details: Texts,
    pub(super) columns: Columns,
}

/// Returns the steps, numbered in the order of [`Run::results`], followed by the checks.
pub(super) fn steps(run: &Run, times: Times, roles: &Roles) -> Steps {
    let (labels, commands, details, columns) = Default::default();
    let mut made = Steps { times, labels, commands, details, columns };
    let phases = run.phases().map(|(trial, phase)| (trial, phase.phase));
    let numbers: BTreeMap<(u32, Phase), u64> = phases.zip(0..).collect();
    let all: Vec<Finished<'_>> = run.results().collect();
    for (finished, placed) in places(&all, times.end) {
        let reference = finished.reference;
        let role = roles.steps.get(&reference).copied();
        made.step(numbers[&(reference.trial, reference.phase)], finished, placed, role);
    }
    let row = run.plan().map_or(0, |plan| plan.workers.len()) as u64;
    for (trial, number) in run.trials.values().zip(0..) {
        if let Some(check) = &trial.check {
            let command = run.plan().and_then(|plan| plan.check_in(trial.number)).unwrap_or_default();
            made.check([row, number], trial, command, check, roles.checks.get(&trial.number).copied());
        }
    }
    made
}

impl Steps {
    /// Adds a step. `phase` is the number of its phase.
    fn step(&mut self, phase: u64, finished: Finished<'_>, placed: Placed, role: Option<Role>) {
        let Finished { reference, step, .. } = finished;
        let result = finished.result();
        let is_barrier = step.is_some_and(|step| matches!(step.action, Action::Barrier(_)));
        let is_spawned = step.is_some_and(|step| step.mode == Mode::Spawn);
        let flags = [(is_spawned, SPAWN), (is_barrier, BARRIER), (finished.excuse().is_some(), EXCUSED)];
        let label = step.map_or(String::new(), |step| step.label.clone());
        let command = step.map_or(String::new(), |step| step.action.to_string());
        self.add([reference.worker.0 as u64, phase], [label, command], (&flags, role), result, placed);
    }

    /// Adds the check of a trial. It belongs to no phase; `trial` is the index of its trial.
    fn check(&mut self, [row, trial]: [u64; 2], of: &Trial, command: &str, result: &StepResult, role: Option<Role>) {
        let seen = of.end.unwrap_or(self.times.end);
        if let Some(placed) = place_of_check(result, seen) {
            self.add([row, trial], ["check".to_owned(), command.to_owned()], (&[], role), result, placed);
        }
    }

    fn add(
        &mut self,
        place: [u64; 2],
        texts: [String; 2],
        (flags, role): (&[(bool, u64)], Option<Role>),
        result: &StepResult,
        placed: Placed,
    ) {
        let of_all = [(placed.error.is_none(), SEEN), (result.leaky, LEAKY), (result.is_unkept(), UNKEPT)];
        let flags: u64 = flags.iter().chain(&of_all).filter(|(holds, _)| *holds).map(|(_, flag)| flag).sum();
        let (part, cause) = match role {
            None => (0, 0),
            Some(Role::Cause(place)) => (CAUSE, place + 1),
            Some(Role::Consequence(place)) => (CONSEQUENCE, place + 1),
        };
        let [label, command] = texts;
        let texts =
            [self.labels.number(label), self.commands.number(command), self.details.number(words::ending(result))];
        let [label, command, detail] = texts.map(|number| number as u64);
        let word = result.outcome.word();
        let outcome = Outcome::WORDS.iter().position(|known| *known == word).unwrap_or(0) as u64;
        let (start, error) = (self.times.since_start(placed.start), nanoseconds(placed.error.unwrap_or_default()));
        let [worker, phase] = place;
        let row = [
            worker,
            phase,
            label,
            command,
            outcome,
            detail,
            flags | part,
            start,
            nanoseconds(placed.duration),
            error,
            cause as u64,
        ];
        self.columns.0.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
}
