//! `[Environment]`: the variables of the steps' environment, in test files and worker files.

use super::{Diagnostic, ENVIRONMENT, Lint, Scope, bounds};

/// Reads the section: variables in order, their names as written.
pub(super) fn read(scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for entry in scope.entries(ENVIRONMENT) {
        let Some(text) = scope.value(ENVIRONMENT, &entry.value) else { continue };
        if entry.written_key().contains('\0') || text.as_str().contains('\0') {
            let place = if text.as_str().contains('\0') { text.place() } else { entry.key_place() };
            let message = "an environment variable cannot have a NUL character";
            let hint = "leave the character out";
            scope.diagnostics.push(Diagnostic::new(Lint::NulCharacter, place, message, hint));
            continue;
        }
        bounds::check_variable(scope, entry, &text);
        variables.push((entry.written_key().to_owned(), text.as_str().to_owned()));
    }
    variables
}
