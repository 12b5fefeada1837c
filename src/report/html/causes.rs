//! The failures at the top of the page, each with a link to its step and the last lines that it printed.

use minijinja::{Value, context};

use super::links;
use super::values::{class, line, list};
use crate::model::{Output, StepResult, harmless};
use crate::report::{Finished, Run, last_lines, words};

/// So many are told at the top of the page.
pub(super) const CAUSES: usize = 50;
/// So many of their last lines.
const LINES: usize = 12;

/// What speaks against the run.
pub(super) fn values(run: &Run) -> Vec<Value> {
    let bad = run.results().filter(|finished| finished.recorded.is_bad() && finished.excuse().is_none());
    bad.map(|finished| value(run, finished)).collect()
}

fn value(run: &Run, finished: Finished<'_>) -> Value {
    let Finished { reference, step, .. } = finished;
    let result = finished.result();
    context! {
        class => class(result.outcome.word()),
        link => links::step(run, reference, step),
        title => format!("{} on {}, {} of trial {}", words::label(step), run.name(reference.worker), reference.phase, reference.trial),
        word => result.outcome.in_detail(),
        details => list(result.why().iter().map(|why| line(why).into())),
        printed => printed(result),
    }
}

/// The last lines of both outputs.
fn printed(result: &StepResult) -> Value {
    context! { stdout => shown_lines(&result.stdout), stderr => shown_lines(&result.stderr) }
}

fn shown_lines(output: &Output) -> String {
    harmless(&last_lines(output, LINES).join("\n")).into_owned()
}

/// A line for each failure that does not count, with its link.
pub(super) fn excused(run: &Run) -> impl Iterator<Item = Value> {
    let excused = run.results().filter_map(|finished| Some((finished, finished.excuse()?)));
    excused.map(|(finished, excuse)| {
        let Finished { reference, step, .. } = finished;
        context! {
            link => links::step(run, reference, step),
            title => format!("{} on {}, {} of trial {}", words::label(step), run.name(reference.worker), reference.phase, reference.trial),
            word => finished.result().outcome.in_detail(),
            class => class(finished.result().outcome.word()),
            excuse,
        }
    })
}
