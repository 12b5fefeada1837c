//! What is too long for a program, as Linux bounds each argument, each variable, and all of them together; and what is too
//! large for a worker's plan, of which a player takes no more.

use crate::config::{Diagnostic, ENVIRONMENT, Entry, Lint, Place, Scope, Text, quoted};
use crate::model::{LARGEST_PLAN, LONGEST_PATH, MOST_STEPS, MOST_VARIABLES, Phase};

/// The longest argument or variable, its end included (`MAX_ARG_STRLEN`).
const LONGEST: usize = 128 << 10;
/// All arguments and variables together, with 8 MiB of stack, as most machines have it.
const ALL: usize = 2 << 20;

/// How large the steps of a worker are.
#[derive(Debug, Default)]
pub(in crate::config) struct Size {
    /// The bytes of all commands and labels: a plan has some more.
    bytes: usize,
    /// The longest command, with its place.
    longest: Option<(usize, Place)>,
}

impl Size {
    /// Adds a step. Warns of a command that no shell can be given.
    pub(in crate::config) fn add(
        &mut self,
        scope: &mut Scope<'_>,
        label: &str,
        command: &str,
        place: impl Fn() -> Place,
    ) {
        let length = command.len();
        self.bytes += label.len() + length;
        if self.longest.as_ref().is_none_or(|(most, _)| length > *most) {
            self.longest = Some((length, place()));
        }
        if length >= LONGEST {
            let message = format!("the command has {length} bytes, but Linux allows at most {}", LONGEST - 1);
            let hint = "put it into a script, and run the script";
            scope.diagnostics.push(Diagnostic::new(Lint::TooLongForExec, place(), message, hint));
        }
    }

    /// Refuses more bytes than a plan may have.
    pub(in crate::config) fn check(&self, scope: &mut Scope<'_>) {
        if let Some((longest, place)) = self.longest.as_ref().filter(|_| self.bytes > LARGEST_PLAN) {
            let message = format!(
                "the steps of this worker have {} bytes, this one {longest}, but a player accepts at most {LARGEST_PLAN}",
                self.bytes
            );
            refuse(scope, place.clone(), message, "put long commands into scripts, and run those");
        }
    }

    /// Warns of an environment that leaves no room for the longest command.
    pub(in crate::config) fn check_with(&self, scope: &mut Scope<'_>, environment: &[(String, String)]) {
        let pointer = size_of::<usize>();
        let variables: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2 + pointer).sum();
        let longest = self.longest.as_ref().map_or(0, |(longest, _)| *longest);
        if variables + longest >= ALL {
            let message = "the environment and the longest command exceed 2 MiB, the limit of Linux for a program";
            let place = scope.section_place(ENVIRONMENT);
            scope.diagnostics.push(Diagnostic::new(Lint::TooLongForExec, place, message, "keep long values in files"));
        }
    }
}

/// Warns of a variable that no step can be given.
pub(in crate::config) fn check_variable(scope: &mut Scope<'_>, entry: &Entry, value: &Text) {
    let length = entry.written_key().len() + 1 + value.as_str().len();
    if length >= LONGEST {
        let name = quoted(entry.written_key());
        let message = format!("the variable {name} has {length} bytes, but Linux allows at most {}", LONGEST - 1);
        let hint = "keep it in a file, and pass the file's name";
        scope.diagnostics.push(Diagnostic::new(Lint::TooLongForExec, entry.key_place(), message, hint));
    }
}

/// Refuses a phase with more steps than a player takes.
pub(in crate::config) fn check_phase(scope: &mut Scope<'_>, phase: Phase) {
    let entries = scope.entries(phase.section());
    if let Some(first) = entries.get(MOST_STEPS) {
        let (section, count) = (phase.section(), entries.len());
        let message = format!("`[{section}]` has {count} steps, but a player accepts at most {MOST_STEPS}");
        refuse(scope, first.key_place(), message, "run several commands in one step");
    }
}

/// Refuses more variables than a player takes.
pub(in crate::config) fn check_environment(scope: &mut Scope<'_>, variables: usize) {
    if variables > MOST_VARIABLES {
        let place = scope.section_place(ENVIRONMENT);
        let message =
            format!("the environment has {variables} variables, but a player accepts at most {MOST_VARIABLES}");
        refuse(scope, place, message, "set them in a script");
    }
}

/// Refuses a path that is longer than Linux takes one.
pub(in crate::config) fn check_path(scope: &mut Scope<'_>, path: &str, place: Place) {
    if path.len() > LONGEST_PATH {
        let message = format!("the path has {} bytes, but Linux allows at most {LONGEST_PATH}", path.len());
        refuse(scope, place, message, "use a shorter one");
    }
}

fn refuse(scope: &mut Scope<'_>, place: Place, message: String, hint: &str) {
    scope.diagnostics.push(Diagnostic::new(Lint::TooLarge, place, message, hint));
}
