//! Lints on limits: Linux limits the length of each argument and variable of a program and of all together, and a
//! player limits the size of a worker's plan.

use super::{LocatedStep, Steps, all};
use crate::config::{ENVIRONMENT, Entry, Lint, Place, Scope, Text, quoted, quoted_section};
use crate::model::{LARGEST_PLAN, LONGEST_PATH, MOST_STEPS, MOST_VARIABLES, Phase};

/// The maximum length of an argument or variable, including its terminating NUL (`MAX_ARG_STRLEN`).
const LONGEST: usize = 128 << 10;
/// The maximum size of all arguments and variables, with a stack limit of 8 MiB, as on most machines.
const ALL: usize = 2 << 20;

/// Iterates over the commands of a worker, with their lengths.
fn commands(steps: &Steps) -> impl Iterator<Item = (usize, &LocatedStep)> {
    all(steps).filter_map(|located| located.step.command().map(|command| (command.len(), located)))
}

/// Warns about a command that is too long for a shell, and reports steps that exceed the size of a plan.
pub(in crate::config) fn check_steps(scope: &mut Scope<'_>, steps: &Steps) {
    let mut bytes = 0;
    for (length, located) in commands(steps) {
        bytes += located.step.label.as_str().len() + length;
        if length >= LONGEST {
            let message = format!("the command has {length} bytes, but Linux allows at most {}", LONGEST - 1);
            let hint = "put it into a script, and run the script";
            scope.report(Lint::TooLongForExec, located.action.clone(), message, hint);
        }
    }
    let longest = commands(steps).max_by_key(|(length, _)| *length).filter(|_| bytes > LARGEST_PLAN);
    if let Some((longest, located)) = longest {
        let message = format!(
            "the steps of this worker have {bytes} bytes, this one {longest}, but a player accepts at most {LARGEST_PLAN}"
        );
        let hint = "put long commands into scripts, and run those";
        scope.report(Lint::TooLarge, located.action.clone(), message, hint);
    }
}

/// Warns about an environment without room for the longest command, and reports more variables than a player accepts.
pub(in crate::config) fn check_environment(scope: &mut Scope<'_>, environment: &[(String, String)], steps: &Steps) {
    let pointer = size_of::<usize>();
    let variables: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2 + pointer).sum();
    let longest = commands(steps).map(|(length, _)| length).max().unwrap_or(0);
    let place = scope.section_place(ENVIRONMENT);
    if variables + longest >= ALL {
        let message = "the environment and the longest command exceed 2 MiB, the limit of Linux for a program";
        scope.report(Lint::TooLongForExec, place.clone(), message, "keep long values in files");
    }
    if environment.len() > MOST_VARIABLES {
        let count = environment.len();
        let message = format!("the environment has {count} variables, but a player accepts at most {MOST_VARIABLES}");
        scope.report(Lint::TooLarge, place, message, "set them in a script");
    }
}

/// Warns about a variable that is too long for a program.
pub(in crate::config) fn check_variable(scope: &mut Scope<'_>, entry: &Entry, value: &Text) {
    let length = entry.written_key().len() + 1 + value.as_str().len();
    if length >= LONGEST {
        let name = quoted(entry.written_key());
        let message = format!("the variable {name} has {length} bytes, but Linux allows at most {}", LONGEST - 1);
        let hint = "keep it in a file, and pass the file's name";
        scope.report(Lint::TooLongForExec, entry.key_place(), message, hint);
    }
}

/// Reports a phase with more steps than a player accepts.
pub(in crate::config) fn check_phase(scope: &mut Scope<'_>, phase: Phase) {
    let count = scope.entries(phase.section()).count();
    if let Some((section, first)) = scope.entries(phase.section()).nth(MOST_STEPS) {
        let section = quoted_section(&section.name);
        let message = format!("{section} has {count} steps, but a player accepts at most {MOST_STEPS}");
        scope.report(Lint::TooLarge, first.key_place(), message, "run several commands in one step");
    }
}

/// Reports a path that is longer than Linux allows.
pub(in crate::config) fn check_path(scope: &mut Scope<'_>, path: &str, place: Place) {
    if path.len() > LONGEST_PATH {
        let message = format!("the path has {} bytes, but Linux allows at most {LONGEST_PATH}", path.len());
        scope.report(Lint::TooLarge, place, message, "use a shorter one");
    }
}
