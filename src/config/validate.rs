//! Checks files without running anything: test files with all their workers' files, and single worker files.

use std::path::PathBuf;

use super::loader::Test;
use super::series::rounds;
use super::{
    CLIENTS, Diagnostic, Diagnostics, Document, Input, Lint, Loader, Place, Reason, ShellSyntax, TEST, TEST_FILE,
    WORKER_FILE, WORKER_FILE_ONLY, WORKERS, files, nearest,
};

/// The result of checking files.
#[derive(Debug, Clone, Default)]
pub struct Validated {
    /// The findings.
    pub diagnostics: Diagnostics,
    /// The tests with parameters, in the order of the files.
    pub series: Vec<SeriesSize>,
}

/// The size of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesSize {
    /// The test file.
    pub file: PathBuf,
    /// The number of points.
    pub points: usize,
    /// The number of trials of all points, including warm-up.
    pub trials: usize,
    /// The maximum number of trials, including those that can be added to reach a precision.
    pub most: usize,
}

/// Finds all mistakes in test files, with their workers' files, and in worker files; sections distinguish them. A
/// worker file is checked on its own only if no test file names it. `defines` are variables of the command line.
pub fn validate(inputs: &[Input], defines: &[(String, String)], shell: Option<&dyn ShellSyntax>) -> Validated {
    let mut loader = Loader::new(files::defines(defines), shell.is_some());
    let (mut workers, mut series) = (Vec::new(), Vec::new());
    for input in inputs {
        let Some(document) = loader.read(input) else { continue };
        if is_test(&document) {
            if !loader.is_in_test(&document) {
                let test = loader.test(&document, &[], false);
                series.extend(size(&document, &test));
            }
        } else if is_worker(&document) {
            workers.push(document);
        } else {
            loader.context.diagnostics.push(neither(&document));
        }
    }
    for document in workers {
        if !loader.is_in_test(&document) {
            loader.worker_file(&document);
        }
    }
    Validated { diagnostics: loader.finish(shell), series }
}

/// Returns the size of the series of a test with parameters; `None` if it has no point.
fn size(document: &Document, test: &Test) -> Option<SeriesSize> {
    let (points, series) = test.series.as_ref()?;
    points.iter().find(|point| !point.name.is_empty())?;
    let (rounds, points) = (rounds(series, test.settings.trials.unwrap_or(1)), points.len());
    let (trials, most) = (rounds.planned(points), rounds.most(points));
    Some(SeriesSize { file: document.source.path().to_owned(), points, trials, most })
}

/// Returns whether the file has sections of a test file.
pub(super) fn is_test(document: &Document) -> bool {
    [TEST, WORKERS, CLIENTS].iter().any(|name| document.section(name).is_some())
}

/// Returns whether the file has sections of a worker file.
pub(super) fn is_worker(document: &Document) -> bool {
    WORKER_FILE_ONLY.iter().any(|name| document.section(name).is_some())
}

/// Creates the error for a file that is neither a test file nor a worker file.
pub(super) fn neither(document: &Document) -> Diagnostic {
    const MESSAGE: &str = "this is neither a test file nor a worker file";
    const HINT: &str = "a test file has `[Test]` and `[Workers]`, a worker file `[Coordinator]` and its phases";
    let known = || TEST_FILE.into_iter().chain(WORKER_FILE);
    let source = &document.source;
    for section in &document.sections {
        if let Some(meant) = nearest::nearest(section.name.trim(), known()) {
            let place = Place::new(source, section.name_span);
            return Diagnostic::new(Lint::NoKnownSection, place, MESSAGE, format!("did you mean `[{meant}]`?"));
        }
    }
    Reason::new(Lint::NoKnownSection, MESSAGE, HINT).of_file(source.path(), source.order())
}
