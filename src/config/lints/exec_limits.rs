//! What is too long for a program: Linux bounds each argument, each variable, and all of them together.

use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::reader::Entry;
use crate::config::scope::Scope;
use crate::config::sections::ENVIRONMENT;
use crate::config::source::Place;
use crate::config::text::Text;

/// The longest argument or variable, its end included (`MAX_ARG_STRLEN`).
const LONGEST: usize = 128 << 10;
/// All arguments and variables together, with 8 MiB of stack, as most machines have it.
const ALL: usize = 2 << 20;

/// Warns of a command that no shell can be given.
pub(in crate::config) fn check_command(scope: &mut Scope<'_>, command: &str, place: impl FnOnce() -> Place) {
    if command.len() >= LONGEST {
        let message = format!("the command has {} bytes, and Linux starts none above {}", command.len(), LONGEST - 1);
        let hint = "keep it in a script, and run that";
        scope.diagnostics.push(Diagnostic::new(Lint::TooLongForExec, place(), message).hint(hint));
    }
}

/// Warns of a variable that no step can be given.
pub(in crate::config) fn check_variable(scope: &mut Scope<'_>, entry: &Entry, value: &Text) {
    let length = entry.written_key().len() + 1 + value.as_str().len();
    if length >= LONGEST {
        let name = quoted(entry.written_key());
        let message = format!("the variable {name} has {length} bytes, and no program gets more than {}", LONGEST - 1);
        let warning = Diagnostic::new(Lint::TooLongForExec, entry.key_place(), message);
        scope.diagnostics.push(warning.hint("keep it in a file, and pass the file's name"));
    }
}

/// Warns of an environment that leaves no room for a worker's longest command.
pub(in crate::config) fn check_all(scope: &mut Scope<'_>, environment: &[(String, String)], longest_command: usize) {
    let pointer = size_of::<usize>();
    let variables: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2 + pointer).sum();
    if variables + longest_command >= ALL {
        let message = "the environment and the longest command have more than the 2 MiB that a program gets";
        let warning = Diagnostic::new(Lint::TooLongForExec, scope.section_place(ENVIRONMENT), message);
        scope.diagnostics.push(warning.hint("keep what is long in files"));
    }
}
