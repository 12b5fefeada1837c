//! `[Environment]`: the variables of the steps' environment, in test files and worker files.

use std::borrow::Cow;

use super::lints::bounds;
use super::{ENVIRONMENT, Lint, Scope};

/// Reads the section: variables in order, their names as written.
pub(super) fn read(scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for entry in scope.entries(ENVIRONMENT) {
        let Some(text) = scope.value(ENVIRONMENT, Cow::Borrowed(&entry.value)) else { continue };
        let in_key = || entry.written_key().contains('\0').then(|| entry.key_place());
        if let Some(place) = text.as_str().contains('\0').then(|| text.place()).or_else(in_key) {
            let message = "an environment variable cannot have a NUL character";
            scope.report(Lint::NulCharacter, place, message, "leave the character out");
            continue;
        }
        bounds::check_variable(scope, entry, &text);
        variables.push((entry.written_key().to_owned(), text.as_str().to_owned()));
    }
    variables
}
