//! The outputs and fetched files of the steps for the script of the page, each with the number of its step.

use serde::Serialize;

use super::links;
use crate::model::{FetchedFile, Output, Printer, StepReference, Stream, object};
use crate::report::{Excerpt, Finished, List, Run};

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
        let steps = run.results().map(|Finished { reference, recorded, .. }| {
            (Printer::Step(reference), recorded.in_time(), recorded.late())
        });
        let checks = run.trials.values().filter_map(|trial| {
            Some((Printer::Check(trial.number), trial.check.as_ref()?.outputs(), <[Output; 2]>::default()))
        });
        let all = steps.chain(checks).enumerate();
        all.flat_map(|(step, (of, in_time, late))| printed(step, of, in_time, late))
            .filter(|printed| !printed.output.is_empty())
            .map(entry)
    })
}

/// Returns both outputs of a step. What was printed after its end is separate.
fn printed(step: usize, of: Printer, in_time: [&Output; 2], late: [Output; 2]) -> impl Iterator<Item = Printed> {
    let both = in_time.map(Output::clone).into_iter().zip(late);
    Stream::ALL.into_iter().zip(both).flat_map(move |(stream, (early, late))| {
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
        run.results().enumerate().filter_map(move |(step, finished)| {
            let fetched = finished.result().files.as_ref()?;
            let files = fetched.first.iter().take(NAMED).map(|one| file(finished.reference, one));
            Some(object! {
                step: step,
                count: fetched.count,
                bytes: fetched.bytes,
                files: files.collect::<Vec<_>>(),
            })
        })
    })
}
