//! `stop:` of a step that is not running by then.

use std::collections::{HashMap, HashSet};

use super::{NoteKind, Notes};
use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::nearest;
use crate::config::reader::Document;
use crate::config::scope::Scope;
use crate::model::Phase;

/// Refuses each `stop:` whose step is not spawned before it, in its phase or in one before.
pub(in crate::config) fn check(scope: &mut Scope<'_>, notes: &Notes) {
    if !notes.steps.iter().any(|note| matches!(note.kind, NoteKind::Stop(_))) {
        return;
    }
    // Where each label is spawned last: a step behind that can't help.
    let mut spawned_last = HashMap::new();
    for note in &notes.steps {
        if let NoteKind::Spawn(label) = &note.kind {
            spawned_last.insert(folded(label), note);
        }
    }
    let mut spawned = HashSet::new();
    for note in &notes.steps {
        match &note.kind {
            NoteKind::Spawn(label) => {
                spawned.insert(folded(label));
            }
            NoteKind::Stop(label) if !spawned.contains(&folded(label)) => {
                let message = format!("no step {} is spawned before it is stopped here", quoted(label));
                let error = Diagnostic::new(Lint::StopWithoutSpawn, note.place.clone(), message);
                scope.diagnostics.push(match spawned_last.get(&folded(label)) {
                    Some(later) => {
                        error.other(later.place.clone(), "it is spawned here").hint("stop it behind that step")
                    }
                    None => error.hint(hint(scope.document, &spawned, label)),
                });
            }
            _ => {}
        }
    }
}

/// Labels are keys, and keys are the same in upper and lower case.
fn folded(label: &str) -> String {
    label.to_lowercase()
}

fn hint(document: &Document, spawned: &HashSet<String>, label: &str) -> String {
    let key = folded(label);
    let has = |phase: &Phase| document.section(phase.section()).is_some_and(|section| section.entry(&key).is_some());
    if Phase::ALL.iter().any(has) {
        return format!("only spawned steps can be stopped: write `{label} = spawn:…`");
    }
    // A few are enough to find a slip, and many cost time.
    match nearest::nearest(&key, spawned.iter().map(String::as_str).take(100)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("start it with `{label} = spawn:…`, or remove this step"),
    }
}
