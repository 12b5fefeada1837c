//! Checks files without running anything: test files with all their workers' files, and worker files alone.

use std::path::{Path, PathBuf};

use super::{
    CLIENTS, Diagnostic, Diagnostics, Document, Lint, Loader, Place, Reason, ShellSyntax, TEST, TEST_FILE, WORKER_FILE,
    WORKER_FILE_ONLY, WORKERS, files, nearest,
};

/// Something to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// A text that has no file, under the name by which findings and test files call it.
    Text(PathBuf, Vec<u8>),
    /// A text of that name that can't be read, and why.
    Unreadable(PathBuf, String),
}

impl Input {
    /// Reads a text to its end, if it is no longer than a file may be.
    pub fn read(name: &Path, input: impl std::io::Read) -> Self {
        match files::bytes(input, 0) {
            Ok(bytes) => Self::Text(name.to_owned(), bytes),
            Err(why) => Self::Unreadable(name.to_owned(), why),
        }
    }
}

/// Everything that is wrong with test files, which bring their workers' files along, and with worker files; their
/// sections tell which they are. A worker's file is looked at alone only when no test among the files names it.
pub fn validate(inputs: &[Input], shell: Option<&dyn ShellSyntax>) -> Diagnostics {
    let mut loader = Loader::new(files::defines(&[]), shell);
    let mut workers = Vec::new();
    for input in inputs {
        let path = match input {
            Input::File(path) => path,
            Input::Text(path, bytes) => {
                loader.give(path, bytes.clone());
                path
            }
            Input::Unreadable(path, why) => {
                loader.refuse(path, why);
                continue;
            }
        };
        let Some(document) = loader.read(path) else { continue };
        if is_test(&document) {
            if !loader.is_in_test(&document) {
                loader.test(&document, &[], false);
            }
        } else if is_worker(&document) {
            workers.push(document);
        } else {
            loader.report(neither(&document));
        }
    }
    for document in workers {
        if !loader.is_in_test(&document) {
            loader.worker_alone(&document);
        }
    }
    loader.finish()
}

/// Whether the sections are those of a test file.
pub(super) fn is_test(document: &Document) -> bool {
    [TEST, WORKERS, CLIENTS].iter().any(|name| document.section(name).is_some())
}

/// Whether there are sections of a worker file.
pub(super) fn is_worker(document: &Document) -> bool {
    WORKER_FILE_ONLY.iter().any(|name| document.section(name).is_some())
}

/// What is said of a file that is neither a test file nor a worker file.
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
