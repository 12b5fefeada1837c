//! Finds output that helps to explain a cause.

use super::super::{Run, last_lines};
use super::cause::{Cause, Effect, Kind};
use crate::model::{Action, Printer, StepReference, StepResult, WorkerId};

/// What printed something, and its result.
#[derive(Clone, Copy)]
pub(in crate::report) struct Printed<'a> {
    pub(in crate::report) printer: Printer,
    /// The worker, or `None` if the check printed it.
    pub(in crate::report) worker: Option<WorkerId>,
    pub(in crate::report) result: &'a StepResult,
}

/// The number of last lines that are shown of each stream.
const LINES: usize = 10;

impl Printed<'_> {
    /// Returns the last lines of the output, those on standard output first.
    pub(in crate::report) fn last_lines(&self) -> Vec<String> {
        self.result.outputs().map(|output| last_lines(output, LINES)).concat()
    }
}

/// Returns the output about a cause: of its step, of the step that it waits for, or of the check.
pub(in crate::report) fn printed<'a>(run: &'a Run, cause: &Cause) -> Option<Printed<'a>> {
    let steps: Vec<StepReference> = match &cause.kind {
        Kind::Check(_) => return of_check(run, cause.trial?),
        Kind::Step(_) | Kind::Unfinished(_) => {
            let first = cause.steps.first().copied();
            first.into_iter().chain(first.and_then(|step| awaited(run, step))).collect()
        }
        // The steps that were running.
        Kind::Lost(..) | Kind::RecordEnded => {
            let lost = cause.consequences.iter().filter(|consequence| consequence.effect == Effect::Lost);
            lost.flat_map(|consequence| consequence.steps.iter().copied()).collect()
        }
        _ => Vec::new(),
    };
    let of = |step: StepReference| {
        let result = run.finished(step)?.result();
        Some(Printed { printer: Printer::Step(step), worker: Some(step.worker), result })
    };
    steps.into_iter().filter_map(of).find(|printed| !printed.result.is_silent())
}

/// Returns the output of the first failed `check` that is a consequence of the cause.
pub(in crate::report) fn check_printed<'a>(run: &'a Run, cause: &Cause) -> Option<Printed<'a>> {
    let mut trials = cause.consequences.iter().filter(|one| one.effect == Effect::Check).flat_map(|one| &one.trials);
    trials.find_map(|trial| of_check(run, *trial).filter(|printed| printed.result.outcome.is_failure()))
}

fn of_check(run: &Run, trial: u32) -> Option<Printed<'_>> {
    let result = run.trials.get(trial)?.check.as_ref()?;
    (!result.is_silent()).then_some(Printed { printer: Printer::Check(trial), worker: None, result })
}

/// Returns the spawned step whose output this step awaits.
fn awaited(run: &Run, step: StepReference) -> Option<StepReference> {
    let Action::Await { label, .. } = &run.step(step)?.action else { return None };
    run.spawned_before(step, label.as_str())
}
