//! What is too large for a worker's plan: a player takes no more.

use crate::config::diagnostic::Diagnostic;
use crate::config::lint::Lint;
use crate::config::scope::Scope;
use crate::config::sections::ENVIRONMENT;
use crate::config::source::Place;
use crate::model::{LARGEST_PLAN, LONGEST_PATH, MOST_STEPS, MOST_VARIABLES, Phase};

/// How much the steps of a worker have of what a plan bounds.
#[derive(Debug, Default)]
pub(in crate::config) struct Size {
    /// The bytes of all commands and labels: a plan has some more.
    bytes: usize,
    /// The longest command, with its place.
    longest: Option<(usize, Place)>,
}

impl Size {
    /// Adds a step.
    pub(in crate::config) fn add(&mut self, label: &str, command: &str, place: impl FnOnce() -> Place) {
        self.bytes += label.len() + command.len();
        if self.longest.as_ref().is_none_or(|(most, _)| command.len() > *most) {
            self.longest = Some((command.len(), place()));
        }
    }

    /// Refuses more bytes than a plan may have.
    pub(in crate::config) fn check(&self, scope: &mut Scope<'_>) {
        if let Some((longest, place)) = self.longest.as_ref().filter(|_| self.bytes > LARGEST_PLAN) {
            let message = format!(
                "this worker's steps have {} bytes, this one {longest}, and a player takes {LARGEST_PLAN} at most",
                self.bytes
            );
            refuse(scope, place.clone(), message, "keep what is long in scripts, and run those");
        }
    }
}

/// Refuses a phase with more steps than a player takes.
pub(in crate::config) fn check_phase(scope: &mut Scope<'_>, phase: Phase) {
    let entries = scope.entries(phase.section());
    if let Some(first) = entries.get(MOST_STEPS) {
        let (count, place) = (entries.len(), first.key_place());
        let message = format!("`[{}]` has {count} steps, and a player takes {MOST_STEPS} at most", phase.section());
        refuse(scope, place, message, "have one step run several commands");
    }
}

/// Refuses more variables than a player takes.
pub(in crate::config) fn check_environment(scope: &mut Scope<'_>, variables: usize) {
    if variables > MOST_VARIABLES {
        let place = scope.section_place(ENVIRONMENT);
        let message = format!("the environment has {variables} variables, and a player takes {MOST_VARIABLES} at most");
        refuse(scope, place, message, "have a script set them");
    }
}

/// Refuses a path that is longer than Linux takes one.
pub(in crate::config) fn check_path(scope: &mut Scope<'_>, path: &str, place: impl FnOnce() -> Place) {
    if path.len() > LONGEST_PATH {
        let message = format!("the path has {} bytes, and Linux takes {LONGEST_PATH} at most", path.len());
        refuse(scope, place(), message, "use a shorter one");
    }
}

fn refuse(scope: &mut Scope<'_>, place: Place, message: String, hint: &str) {
    scope.diagnostics.push(Diagnostic::new(Lint::TooLarge, place, message).hint(hint));
}
