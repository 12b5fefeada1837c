//! Spawned steps whose processes later steps could not tell apart.

use std::collections::BTreeMap;

use super::Notes;
use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::reader::Entry;
use crate::config::scope::Scope;
use crate::model::variable;

/// Warns of two spawned steps of a worker that have different labels, and one variable.
pub(in crate::config) fn check(scope: &mut Scope<'_>, notes: &Notes) {
    let document = scope.document;
    let mut variables: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in notes.spawned.iter().filter_map(|spawned| spawned.entry(document)) {
        let variable = variable("CONDUCTOR_PID", &entry.key());
        let Some(first) = variables.get(&variable) else {
            variables.insert(variable, entry);
            continue;
        };
        if first.key() == entry.key() {
            continue;
        }
        let [earlier, later] = [first, &entry].map(|entry| quoted(entry.written_key()));
        let message = format!("the spawned steps {earlier} and {later} both have the variable `{variable}`");
        let warning = Diagnostic::new(Lint::ProcessVariableCollision, entry.key_place(), message);
        let warning = warning.other(first.key_place(), format!("{earlier} stands here"));
        scope.diagnostics.push(warning.hint("give one of them a label with other letters or digits"));
    }
}
