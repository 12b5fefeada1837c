//! `from` of a metric: the step, file or phase that it names.

use std::collections::BTreeSet;

use super::worker_range;
use super::{Lint, Reason, nearest, quoted};
use crate::model::{Action, Phase, PhaseMap, Plan, PlannedStep, Source, Step, Stream, WorkerId, WorkerPlan};

/// The maximum number of positions in a hint.
const OFFERED: usize = 4;

/// The possible sources of metrics.
pub(super) struct Known<'a> {
    /// The names of all workers of the test.
    pub(super) names: BTreeSet<&'a str>,
    /// The workers that take part, by id.
    pub(super) workers: &'a [WorkerPlan],
    /// The phases whose steps are known: all phases of a test, or those that ran if the run has been carried out.
    pub(super) phases: &'a [Phase],
    /// Whether the test has a `check`.
    pub(super) has_check: bool,
}

/// A way to read a step's name: as workers, a phase, and a label or position.
struct Reading<'t> {
    workers: Vec<String>,
    phase: Phase,
    label: &'t str,
}

type Steps = Vec<PlannedStep>;

/// Returns the source that `text` names; `None` if a worker does not take part or its phase was not run.
pub(super) fn resolve(text: &str, known: &Known<'_>) -> Result<Option<Source>, Reason> {
    if text == "check" {
        let missing = || refused("the test has no `check`", "add `check = COMMAND` to `[Test]`");
        return known.has_check.then_some(Some(Source::Check)).ok_or_else(missing);
    }
    if let Some(place) = text.strip_prefix("file:") {
        return file(place, known);
    }
    let (name, stream) = match text.rsplit_once(':') {
        Some((name, "stdout")) => (name, Some(Stream::Stdout)),
        Some((name, "stderr")) => (name, Some(Stream::Stderr)),
        Some((_, other)) => {
            let message = format!("{} is not an output of a step", quoted(&format!(":{other}")));
            return Err(refused(message, "write `:stderr`, or nothing for standard output"));
        }
        None => (text, None),
    };
    let mut found: Vec<Option<Source>> = Vec::new();
    let mut refusals: Vec<Reason> = Vec::new();
    let mut take = |source: Result<Option<Source>, Reason>| match source {
        Ok(source) if !found.contains(&source) => found.push(source),
        Ok(_) => {}
        Err(reason) => refusals.push(reason),
    };
    let output = |steps| Source::Output(steps, stream.unwrap_or(Stream::Stdout));
    for reading in readings(name) {
        take(steps(&reading, known, true).map(|steps| steps.map(output)));
    }
    if stream.is_none() {
        if let Some(phase) = name.strip_prefix("start_skew.").and_then(|word| word.parse().ok()) {
            take(Ok(Some(Source::StartSkew(phase))));
        }
        let timed = name.strip_prefix("step.").map(readings).unwrap_or_default();
        for reading in &timed {
            take(steps(reading, known, false).map(|steps| steps.map(Source::Duration)));
        }
    }
    match (found.len(), refusals.pop()) {
        (1, _) => Ok(found.remove(0)),
        (0, Some(reason)) => Err(reason),
        (0, None) => Err(nothing(name)),
        _ => Err(ambiguous(text, &found, known)),
    }
}

/// Resolves the sources of a recorded run's metrics. The record contains only `from`, as written in the test file.
pub fn resolve_metrics(plan: &mut Plan) {
    let names = plan.workers.iter().map(|worker| worker.name.as_str()).collect();
    let has_check = plan.settings.check.is_some();
    let known = Known { names, workers: &plan.workers, phases: &plan.phases, has_check };
    for metric in &mut plan.metrics {
        metric.source = resolve(&metric.from, &known).ok().flatten();
    }
}

fn refused(message: impl Into<String>, hint: impl Into<String>) -> Reason {
    Reason::new(Lint::MetricSource, message, hint)
}

/// Returns all ways to read `WORKER.PHASE.LABEL`, the least likely first: names and labels can contain dots.
fn readings(text: &str) -> Vec<Reading<'_>> {
    let dots: Vec<usize> = text.match_indices('.').map(|(at, _)| at).collect();
    let reading = |pair: &[usize]| {
        let (worker, label) = (&text[..pair[0]], &text[pair[1] + 1..]);
        let phase = text[pair[0] + 1..pair[1]].parse().ok().filter(|_| !worker.is_empty() && !label.is_empty())?;
        Some(Reading { workers: workers(worker), phase, label })
    };
    dots.windows(2).rev().filter_map(reading).collect()
}

/// Returns the names of workers that a name or a range stands for.
fn workers(text: &str) -> Vec<String> {
    let expanded = worker_range::expand(text, None).ok();
    let names = expanded.map(|range| range.names.into_iter().map(|(name, _)| name.to_string()).collect());
    names.unwrap_or_else(|| vec![text.to_owned()])
}

fn nothing(name: &str) -> Reason {
    let message = format!("{} names no step, file or phase", quoted(name));
    let hint = "write `WORKER.PHASE.LABEL` such as `client.run.load`, `file:WORKER/PATH`, `check`, \
                `step.WORKER.PHASE.LABEL` for a duration, or `start_skew.PHASE`";
    refused(message, hint)
}

/// Applies `read` to each of these workers. Returns `None` if one of them yields nothing or does not take part.
fn each<T>(
    names: &[String],
    known: &Known<'_>,
    read: impl Fn(&str, WorkerId, &WorkerPlan) -> Result<Option<T>, Reason>,
) -> Result<Option<Vec<T>>, Reason> {
    let of_worker = |name: &String| {
        if !known.names.contains(name.as_str()) {
            let message = format!("the test has no worker {}", quoted(name));
            return Err(refused(message, nearest::hint(name, known.names.iter().copied().collect::<Vec<_>>())));
        }
        let found = known.workers.iter().zip(0..).find(|(plan, _)| plan.name.as_str() == name);
        found.map_or(Ok(None), |(plan, index)| read(name, WorkerId(index), plan))
    };
    let all: Vec<Option<T>> = names.iter().map(of_worker).collect::<Result<_, _>>()?;
    Ok(all.into_iter().collect())
}

/// Returns the steps of a reading, one per worker; `None` if a worker does not take part or the phase was not run.
fn steps(reading: &Reading<'_>, known: &Known<'_>, prints: bool) -> Result<Option<Steps>, Reason> {
    let phase = reading.phase;
    each(&reading.workers, known, |name, worker, plan| {
        if !known.phases.contains(&phase) {
            return Ok(None);
        }
        let position = position(&plan.steps, reading, name)?;
        let step = &plan.steps[phase][position];
        if prints && step.command().is_none() {
            return Err(prints_nothing(step, name));
        }
        Ok(Some(PlannedStep { worker, phase, position }))
    })
}

fn prints_nothing(step: &Step, worker: &str) -> Reason {
    let message = format!("step {} does not print anything", quoted(step.label.as_str()));
    let hint = match step.action {
        Action::Fetch(_) => format!("to read a file that it fetched, write `file:{worker}/PATH`"),
        _ => "name a step with a command".to_owned(),
    };
    refused(message, hint)
}

/// Returns the position of a worker's step with this label, or at a position such as `#3`, counted from 1.
fn position(steps: &PhaseMap<Vec<Step>>, reading: &Reading<'_>, worker: &str) -> Result<usize, Reason> {
    let Reading { phase, label, .. } = reading;
    let steps = &steps[*phase];
    let none = |hint: String| {
        let message = format!("worker {} has no step {} in {phase}", quoted(worker), quoted(label));
        refused(message, if steps.is_empty() { format!("it has no steps in {phase}") } else { hint })
    };
    if let Some(number) = label.strip_prefix('#') {
        let position = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let known = position.filter(|position| *position < steps.len());
        return known.ok_or_else(|| none(format!("its steps there are `#1` to `#{}`", steps.len())));
    }
    // Labels are keys of a configuration, so case does not matter.
    let is_meant = |step: &Step| step.label.as_str().to_lowercase() == label.to_lowercase();
    let found: Vec<usize> = (0..steps.len()).filter(|position| is_meant(&steps[*position])).collect();
    match found[..] {
        [only] => Ok(only),
        [] => Err(none(nearest::hint(label, steps.iter().map(|step| step.label.as_str())))),
        _ => {
            let message =
                format!("worker {} has {} steps named {} in {phase}", quoted(worker), found.len(), quoted(label));
            let names = found.iter().map(|position| format!("`{worker}.{phase}.#{}`", position + 1));
            Err(refused(message, format!("write the position of the step: {}", offered(names))))
        }
    }
}

fn offered(names: impl Iterator<Item = String>) -> String {
    names.take(OFFERED).collect::<Vec<_>>().join(" or ")
}

/// Creates the reason for a text that can be read in several ways.
fn ambiguous(text: &str, found: &[Option<Source>], known: &Known<'_>) -> Reason {
    let position = |steps: &Steps, before: &str, behind: &str| {
        let step = steps.first()?;
        let name = known.workers.get(step.worker.0)?.name.as_str();
        Some(format!("`{before}{name}.{}.#{}{behind}`", step.phase, step.position + 1))
    };
    let name = |source: &Option<Source>| match source.as_ref()? {
        Source::Output(steps, Stream::Stderr) => position(steps, "", ":stderr"),
        Source::Output(steps, Stream::Stdout) => position(steps, "", ""),
        Source::Duration(steps) => position(steps, "step.", ""),
        _ => None,
    };
    let message = format!("{} is ambiguous: it names {} steps", quoted(text), found.len());
    refused(message, format!("write the position of the step: {}", offered(found.iter().filter_map(name))))
}

/// Returns the source that `file:WORKER/PATH` names.
fn file(place: &str, known: &Known<'_>) -> Result<Option<Source>, Reason> {
    let parts = place
        .split_once('/')
        .filter(|(_, path)| !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | "..")));
    let Some((names, path)) = parts else {
        let message = format!("{} is not a valid file name", quoted(&format!("file:{place}")));
        return Err(refused(
            message,
            "write `file:WORKER/PATH`; PATH is relative to `trial-N/WORKER` in the results folder, without `..`",
        ));
    };
    let all = each(&workers(names), known, |name, worker, plan| {
        let fetches = |phase: &Phase| plan.steps[*phase].iter().any(|step| matches!(step.action, Action::Fetch(_)));
        let has_all = Phase::ALL.iter().all(|phase| known.phases.contains(phase));
        if !has_all && !known.phases.iter().any(fetches) {
            return Ok(None);
        }
        if !Phase::ALL.iter().any(fetches) {
            let message = format!("worker {} fetches no files", quoted(name));
            return Err(refused(message, "add a step such as `result = fetch:FILE` to its `[Collect]`"));
        }
        Ok(Some(worker))
    })?;
    Ok(all.map(|all| Source::File(all, path.to_owned())))
}
