//! The causes at the top of the page, each with a link to its step, its last lines of output and its consequences; and
//! the roles of the steps in the timeline.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde::Serialize;

use super::links;
use super::values::{class, line, list, parts};
use crate::model::{Output, StepReference, StepResult, harmless};
use crate::report::causes::{Cause, Consequence, Effect, Kind, Shown, check_printed, printed, shown};
use crate::report::{Finished, Run, last_lines, words};

/// The maximum number of causes at the top of the page, and how many of them are unfolded.
pub(super) const CAUSES: usize = 50;
pub(super) const OPEN: usize = 3;
/// The maximum number of last lines of each output.
const LINES: usize = 12;
/// The maximum number of links of one cause.
const LINKS: usize = 60;

/// Returns the values of the causes for the template.
pub(super) fn values(run: &Run, causes: &[Cause]) -> Vec<Value> {
    causes.iter().take(CAUSES).map(|cause| value(run, cause)).collect()
}

/// The title of a cause, its link, and its consequences.
#[derive(Serialize)]
pub(super) struct Told {
    /// What went wrong and where, without the word for the effect on the run.
    pub(super) title: String,
    pub(super) link: Option<String>,
    pub(super) consequences: Option<String>,
}

pub(super) fn told(run: &Run, cause: &Cause) -> Told {
    let Shown { word, title, consequences, .. } = shown(run, cause);
    let title = title.strip_prefix(word).map_or(title.as_str(), |rest| rest.trim_start_matches(": "));
    let first = cause.own_steps().first().copied();
    let link = match &cause.kind {
        Kind::Check(_) => cause.trial.map(links::check),
        Kind::Metric(name, _) => {
            let is_shown = run.values.values().metrics.iter().any(|metric| metric.name == name.as_str());
            let worker = cause.workers.first().map(|worker| run.name(*worker));
            is_shown.then(|| links::metric(name.as_str(), worker))
        }
        _ => first.map(|step| links::step(run, step, run.step(step))),
    };
    let worker = || cause.workers.first().map(|worker| links::worker(run, *worker));
    Told { title: line(title), link: link.or_else(worker), consequences: consequences.map(|text| line(&text)) }
}

fn value(run: &Run, cause: &Cause) -> Value {
    let Shown { word, details, hint, .. } = shown(run, cause);
    let Told { title, link, consequences } = told(run, cause);
    let own = cause.own_steps();
    let others = own.iter().filter(|_| own.len() > 1).take(LINKS);
    let following: Vec<Value> = cause.consequences.iter().flat_map(|one| following(run, &own, one)).collect();
    context! {
        class => class(word),
        word,
        link,
        title => parts(&title),
        details => list(details.iter().map(|detail| parts(detail))),
        steps => list(others.map(|step| step_link(run, *step, step_name(run, cause, *step)))),
        printed => printed(run, cause).map(|printed| last(printed.result)),
        check => check_printed(run, cause).map(|printed| last(printed.result)),
        consequences => consequences.map(|text| parts(&text)),
        links => list(following.iter().take(LINKS).cloned()),
        more_links => following.len().saturating_sub(LINKS),
        hint => hint.map(|hint| parts(words::hint(hint))),
    }
}

/// Returns the name of a step of a cause with several steps: its worker, and its trial if there are several trials.
fn step_name(run: &Run, cause: &Cause, step: StepReference) -> String {
    let name = run.name(step.worker);
    if cause.more_trials.is_empty() { name.to_owned() } else { format!("{name} in trial {}", step.trial) }
}

/// Returns a link to each step or check of a consequence.
fn following(run: &Run, own: &[StepReference], consequence: &Consequence) -> Vec<Value> {
    if consequence.effect == Effect::Check {
        let check = |trial: &u32| context! { link => links::check(*trial), title => format!("check of trial {trial}") };
        return consequence.trials.iter().map(check).collect();
    }
    let steps = consequence.steps.iter().filter(|step| !own.contains(step));
    let name = |step: &StepReference| format!("{} on {}", words::label(run.step(*step)), run.name(step.worker));
    steps.map(|step| step_link(run, *step, name(step))).collect()
}

fn step_link(run: &Run, step: StepReference, title: String) -> Value {
    context! { link => links::step(run, step, run.step(step)), title }
}

/// Returns the last lines of both outputs.
fn last(result: &StepResult) -> Value {
    context! { stdout => shown_lines(&result.stdout), stderr => shown_lines(&result.stderr) }
}

fn shown_lines(output: &Output) -> String {
    harmless(&last_lines(output, LINES).join("\n")).into_owned()
}

/// Returns a line for each failure that does not count, with its link.
pub(super) fn excused(run: &Run) -> impl Iterator<Item = Value> {
    let excused = run.results().filter_map(|finished| Some((finished, finished.excuse()?)));
    excused.map(|(finished, excuse)| {
        let Finished { reference, step, .. } = finished;
        let (label, name) = (words::label(step), run.name(reference.worker));
        context! {
            link => links::step(run, reference, step),
            title => format!("{label} on {name}, {} of trial {}", reference.phase, reference.trial),
            word => finished.result().outcome.in_detail(),
            class => class(finished.result().outcome.word()),
            excuse,
        }
    })
}

/// The roles of steps and checks: which cause each is, or of which it is a consequence, by the position of the cause in
/// the list.
#[derive(Default)]
pub(super) struct Roles {
    pub(super) steps: BTreeMap<StepReference, Role>,
    /// The checks, by trial.
    pub(super) checks: BTreeMap<u32, Role>,
}

/// The role of a step or check in what went wrong. Contains the position of the cause.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Cause(usize),
    Consequence(usize),
}

/// Returns the roles of the steps and checks in these causes.
pub(super) fn roles(causes: &[Cause]) -> Roles {
    let mut roles = Roles::default();
    for (place, cause) in causes.iter().enumerate() {
        for consequence in &cause.consequences {
            for step in &consequence.steps {
                roles.steps.entry(*step).or_insert(Role::Consequence(place));
            }
            for trial in consequence.trials.iter().filter(|_| consequence.effect == Effect::Check) {
                roles.checks.entry(*trial).or_insert(Role::Consequence(place));
            }
        }
    }
    // A step that is both a cause and a consequence is a cause.
    for (place, cause) in causes.iter().enumerate() {
        roles.steps.extend(cause.own_steps().into_iter().map(|step| (step, Role::Cause(place))));
        if let Kind::Check(_) = cause.kind {
            roles.checks.extend(cause.trials().map(|trial| (trial, Role::Cause(place))));
        }
    }
    roles
}
