//! The outputs and fetched files of the steps for the script of the page, each with the number of its step.

use serde::Serialize;

use super::links;
use crate::model::{FetchedFile, FetchedFiles, Output, Printer, StepReference, StepResult, Stream, object};
use crate::report::{Excerpt, List, Recorded, Run};

/// The maximum number of files of a step that are named.
const NAMED: usize = 20;

/// An output of a step.
struct Printed {
    step: usize,
    of: Printer,
    stream: Stream,
    /// Whether this was printed after the end of the step.
    is_late: bool,
    output: Output,
}

/// Returns the outputs, at most `limit` bytes of each. If there is a results folder, they include links to files.
pub(super) fn outputs(run: &Run, has_folder: bool, limit: u64) -> impl Serialize + '_ {
    let entry = move |printed: Printed| {
        let Printed { step, of, stream, is_late, output } = printed;
        let text = Excerpt::new(&output, limit);
        let unkept = output.unkept();
        object! {
            step: step,
            stream: stream,
            bytes: output.printed(),
            left_out: text.left_out(),
            unkept: @optional unkept.map(|unkept| unkept.bytes),
            error: @optional unkept.map(|unkept| unkept.why.to_string()),
            late: @optional is_late.then_some(true),
            // If nothing of an output could be stored, it has no file.
            file: @optional (has_folder && output.length() > 0).then(|| links::output(run, of, stream)),
            text: text,
        }
    };
    List(move || {
        let steps = run.results().enumerate();
        let steps = steps.flat_map(|(step, finished)| of_step(step, finished.reference, finished.recorded));
        let checks = run.trials.values().filter_map(|trial| Some((trial.number, trial.check.as_ref()?)));
        let checks = checks.zip(run.results().count()..).flat_map(|((trial, result), step)| {
            streams(result).map(move |(stream, output)| Printed {
                step,
                of: Printer::Check(trial),
                stream,
                is_late: false,
                output: output.clone(),
            })
        });
        steps.chain(checks).filter(|printed| !printed.output.is_empty()).map(entry)
    })
}

fn streams(result: &StepResult) -> impl Iterator<Item = (Stream, &Output)> {
    [(Stream::Stdout, &result.stdout), (Stream::Stderr, &result.stderr)].into_iter()
}

/// Returns both outputs of a step. What was printed after its end is separate.
fn of_step(step: usize, at: StepReference, recorded: &Recorded) -> impl Iterator<Item = Printed> {
    let of = Printer::Step(at);
    let in_time = recorded.printed_in_time.as_deref();
    streams(recorded.last()).zip(0..).flat_map(move |((stream, all), number)| {
        let early = in_time.map_or(all, |early: &[Output; 2]| &early[number]).clone();
        let late = all.since(&early);
        [(false, early), (true, late)].map(|(is_late, output)| Printed { step, of, stream, is_late, output })
    })
}

/// Returns the fetched files.
pub(super) fn files(run: &Run, has_folder: bool) -> impl Serialize + '_ {
    let file = move |by: StepReference, file: &FetchedFile| {
        let name = file.name.to_string_lossy().into_owned();
        object! {
            url: @optional has_folder.then(|| links::fetched(run, by, &name)),
            bytes: file.length,
            grew: @optional file.grew.then_some(true),
            name: name,
        }
    };
    List(move || {
        let entry = move |step: usize, by: StepReference, fetched: &FetchedFiles| {
            object! {
                step: step,
                count: fetched.count,
                bytes: fetched.bytes,
                files: fetched.first.iter().take(NAMED).map(|one| file(by, one)).collect::<Vec<_>>(),
            }
        };
        run.results().enumerate().filter_map(move |(step, finished)| {
            finished.result().files.as_ref().map(|fetched| entry(step, finished.reference, fetched))
        })
    })
}
