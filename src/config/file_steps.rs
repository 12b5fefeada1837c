//! `fetch:` and `put:`: what they need on this machine has to be there before anything runs.

use std::fs::File;
use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics, quoted};
use super::scope::Scope;
use super::source::Place;
use crate::model::Action;

/// Refuses to put a file that is not there or can't be read.
pub(super) fn check(scope: &mut Scope<'_>, action: &Action, place: &Place) {
    let Action::Put { local, .. } = action else { return };
    let path = scope.document.source.path().parent().unwrap_or(Path::new("")).join(local);
    let why = match path.metadata() {
        Ok(found) if found.is_file() => File::open(&path).err().map(|error| error.to_string()),
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(_) => Some("it is not a regular file".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = why {
        let message = format!("the file {} can't be put: {why}", quoted(&local.to_string_lossy()));
        let hint = "its name is relative to the worker file; `put:` sends one regular file";
        scope.diagnostics.push(Diagnostic::error("unreadable-file", place.clone(), message).hint(hint));
    }
}

/// Refuses to fetch without a place for what is fetched.
pub(super) fn need_results(fetches: &[Place], diagnostics: &mut Diagnostics) {
    for place in fetches {
        let message = "there is no folder for what is fetched";
        let error = Diagnostic::error("fetch-without-results", place.clone(), message);
        diagnostics.push(error.hint("set `results = FOLDER` in `[Test]`, or give `--results FOLDER`"));
    }
}
