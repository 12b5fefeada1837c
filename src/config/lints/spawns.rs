//! Spawned steps whose processes later steps could not tell apart.

use std::collections::BTreeMap;

use super::Notes;
use crate::config::{Diagnostic, Diagnostics, Lint, Place, quoted};
use crate::model::{Mode, variable};

/// Warns of two spawned steps of a worker that have different labels, and one variable.
pub(in crate::config) fn check(notes: &Notes, diagnostics: &mut Diagnostics) {
    let mut variables: BTreeMap<String, (&str, &Place)> = BTreeMap::new();
    for note in notes.steps.iter().filter(|note| note.step.mode == Mode::Spawn) {
        let label = note.step.label.as_str();
        let variable = variable("CONDUCTOR_PID", label);
        let Some((first, first_place)) = variables.get(&variable) else {
            variables.insert(variable, (label, &note.place));
            continue;
        };
        if first.to_lowercase() == label.to_lowercase() {
            continue;
        }
        let (first, label) = (quoted(first), quoted(label));
        let message = format!("the spawned steps {first} and {label} both have the variable `{variable}`");
        let hint = "give one of them a label with other letters or digits";
        let warning = Diagnostic::new(Lint::ProcessVariableCollision, note.place.clone(), message, hint);
        diagnostics.push(warning.other((*first_place).clone(), format!("{first} stands here")));
    }
}
