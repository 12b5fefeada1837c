//! Checks a file without running anything: a test file with all its workers' files, or a worker file alone.

use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::files::{self, Files};
use super::nearest;
use super::plan::{Overrides, load_test};
use super::reader::Document;
use super::scope::Scope;
use super::source::Place;
use super::{test_file, worker_file};
use crate::model::RunId;

/// Everything that is wrong with a test file and its workers' files, or with a worker file; its sections tell which.
pub fn validate_file(path: &Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let Some(document) = Files::default().read(path, None, &mut diagnostics) else {
        return diagnostics;
    };
    let has = |names: &[&str]| names.iter().any(|name| document.section(name).is_some());
    if has(&[test_file::TEST, test_file::WORKERS, test_file::CLIENTS]) {
        return match RunId::new("validate") {
            Ok(run) => load_test(path, &Overrides::default(), run).diagnostics,
            Err(_) => diagnostics,
        };
    }
    if has(&worker_file::OWN_SECTIONS) {
        worker_alone(&document, &mut diagnostics);
    } else {
        neither(&document, &mut diagnostics);
    }
    diagnostics
}

/// The variables that come from a test file have the values here that they have for the only worker of a test.
fn worker_alone(document: &Document, diagnostics: &mut Diagnostics) {
    let stem = document.source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let predefined = vec![("worker", stem), ("index", "1".to_owned())];
    let defines = files::defines(&[]);
    worker_file::read(&mut Scope { document, defines: &defines, predefined, diagnostics });
}

fn neither(document: &Document, diagnostics: &mut Diagnostics) {
    const MESSAGE: &str = "this is neither a test file nor a worker file";
    const HINT: &str = "a test file has `[Test]` and `[Workers]`, a worker file `[Coordinator]` and its phases";
    let known = || test_file::SECTIONS.into_iter().chain(worker_file::SECTIONS);
    let meant = |name: &str| nearest::nearest(name.trim(), known()).map(|known| format!("did you mean `[{known}]`?"));
    let named = document.sections.iter().find_map(|section| meant(&section.name).map(|hint| (section, hint)));
    diagnostics.push(match named {
        Some((section, hint)) => {
            let place = Place::new(&document.source, section.name_span);
            Diagnostic::error("no-known-section", place, MESSAGE).hint(hint)
        }
        None => Diagnostic::file_error("no-known-section", document.source.path(), MESSAGE).hint(HINT),
    });
}
