//! `stop:` of a step that is not running by then.

use std::collections::BTreeMap;

use super::{Note, Notes};
use crate::config::{Diagnostic, Document, Lint, Scope, nearest, quoted};
use crate::model::{Action, Mode, Phase};

/// Refuses each `stop:` whose step is not spawned before it, in its phase or in one before.
pub(in crate::config) fn check(scope: &mut Scope<'_>, notes: &Notes) {
    // Labels are keys, and keys are the same in upper and lower case.
    let mut spawned: BTreeMap<String, &Note> = BTreeMap::new();
    for note in notes.steps.iter().filter(|note| note.step.mode == Mode::Spawn) {
        spawned.entry(note.step.label.as_str().to_lowercase()).or_insert(note);
    }
    for note in &notes.steps {
        let Action::Stop(label) = &note.step.action else { continue };
        let label = label.as_str();
        let found = spawned.get(&label.to_lowercase());
        if found.is_some_and(|spawned| spawned.position < note.position) {
            continue;
        }
        let message = format!("no step {} is spawned before it is stopped here", quoted(label));
        let error = |hint| Diagnostic::new(Lint::StopWithoutSpawn, note.place.clone(), message, hint);
        scope.diagnostics.push(match found {
            Some(later) => {
                error("stop it behind that step".to_owned()).other(later.place.clone(), "it is spawned here")
            }
            None => error(hint(scope.document, &spawned, label)),
        });
    }
}

fn hint(document: &Document, spawned: &BTreeMap<String, &Note>, label: &str) -> String {
    let key = label.to_lowercase();
    let has = |phase: &Phase| document.section(phase.section()).is_some_and(|section| section.entry(&key).is_some());
    if Phase::ALL.iter().any(has) {
        return format!("only spawned steps can be stopped: write `{label} = spawn:…`");
    }
    // A few are enough to find a slip, and many cost time.
    let known = spawned.keys().map(String::as_str).take(100);
    nearest::hint_or(&key, known, || format!("start it with `{label} = spawn:…`, or remove this step"))
}
