//! The data that the script of the page draws: all steps as columns of numbers. Frequent texts are replaced by their
//! numbers.
//!
//! Times are in nanoseconds since the start of the run.

use serde::Serialize;

use super::causes::{roles, told};
use super::machines::{Machine, machine};
use super::steps::{Times, steps};
use crate::model::{Action, BarrierResult, ConductorTime, Outcome, Plan, object};
use crate::report::causes::Cause;
use crate::report::{Ended, List, PhaseOfTrial, Run, Trial};

/// Returns the data of a run that has ended.
pub(super) fn data<'a>(Ended { run, at: end, folder, .. }: Ended<'a>, causes: &'a [Cause]) -> impl Serialize + 'a {
    let times = Times { start: run.start.unwrap_or(end), end };
    let date = run.plan.as_ref().and_then(|(_, anchor)| jiff::Timestamp::try_from(anchor.date(times.start)).ok());
    let phases = move || {
        let trials = run.trials.values().enumerate();
        let phases = trials.flat_map(|(place, trial)| trial.phases.values().map(move |phase| (place, trial, phase)));
        phases.map(move |(place, trial, phase)| phase_entry(run, times, place, (trial.number, phase)))
    };
    let workers = run.plan.iter().flat_map(|(plan, _)| &plan.workers);
    let trial_entry = move |trial: &Trial| {
        let (start, end) = (times.since_start(trial.start), times.end(trial.end));
        object! { number: trial.number, verdict: trial.verdict, start: start, end: end }
    };
    let steps = steps(run, times, &roles(causes));
    object! {
        // The start of the run in UTC, in microseconds.
        utc_us: date.map_or(0, jiff::Timestamp::as_microsecond),
        end: times.since_start(end),
        // The URL of the results folder, relative to the page.
        folder: folder,
        causes: causes.iter().map(|cause| told(run, cause)).collect::<Vec<_>>(),
        outcomes: Outcome::WORDS,
        workers: workers.map(|worker| worker.name.as_str()).collect::<Vec<_>>(),
        machines: machines(run),
        trials: List(move || run.trials.values().map(trial_entry)),
        phases: List(phases),
        labels: steps.labels,
        commands: steps.commands,
        details: steps.details,
        steps: steps.columns,
    }
}

/// Returns the player, the machine, the version and the system of each worker.
fn machines(run: &Run) -> Vec<(String, Option<String>, String, String)> {
    let machine = |(id, _)| {
        let Machine { player, host, version, platform } = machine(run, id);
        (player, host, version, platform)
    };
    run.plan().into_iter().flat_map(Plan::workers).map(machine).collect()
}

/// Creates the entry of a phase. `place` is the position of the trial in the list, and `number` is its number.
fn phase_entry<'a>(
    run: &'a Run,
    times: Times,
    place: usize,
    (number, phase): (u32, &'a PhaseOfTrial),
) -> impl Serialize + 'a {
    let results = || phase.workers.values().flat_map(|worker| worker.results.values());
    let go = results().filter_map(|recorded| recorded.result.started).map(|start| start.at).min();
    // When the workers continued after a barrier, in the time of the conductor.
    let at = |barrier: &BarrierResult| {
        barrier.passed.as_ref().ok().and_then(|_| release(run, (number, phase), &barrier.name))
    };
    let barrier = |barrier: &'a BarrierResult| {
        object! { name: &barrier.name, at: at(barrier).map(|at| times.since_start(at)) }
    };
    object! {
        trial: place,
        phase: phase.phase,
        start: times.since_start(phase.start),
        end: times.end(phase.end),
        // When the first process started.
        go: @optional go.map(|go| times.since_start(go)),
        // The spread of the starts, its bound, and the number of workers.
        skew: @optional phase.skew.as_ref().map(|skew| (skew.spread.as_nanos(), skew.bound.as_nanos(), skew.workers)),
        barriers: @optional (!phase.barriers.is_empty()).then(|| phase.barriers.iter().map(barrier).collect::<Vec<_>>()),
    }
}

/// Returns when the first process started after a barrier.
fn release(run: &Run, (trial, phase): (u32, &PhaseOfTrial), name: &str) -> Option<ConductorTime> {
    let starts = phase.workers.iter().filter_map(|(worker, own)| {
        let steps = &run.worker_in(trial, worker)?.steps[phase.phase];
        let place = steps.iter().position(|step| matches!(&step.action, Action::Barrier(other) if other == name))?;
        own.results.values_from(place + 1).find_map(|recorded| Some(recorded.result.started?.at))
    });
    starts.min()
}
