//! `stop:` of a step that is not running by then.

use std::collections::BTreeMap;

use super::{NoteKind, Notes, Spawned};
use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::nearest;
use crate::config::reader::Document;
use crate::config::scope::Scope;
use crate::model::Phase;

/// Refuses each `stop:` whose step is not spawned before it, in its phase or in one before.
pub(in crate::config) fn check(scope: &mut Scope<'_>, notes: &Notes) {
    let mut labels: Option<BTreeMap<String, Spawned>> = None;
    for note in &notes.steps {
        let NoteKind::Stop(label) = &note.kind else { continue };
        let labels = labels.get_or_insert_with(|| first_spawned(scope.document, notes));
        let spawned = labels.get(&folded(label));
        if spawned.is_some_and(|spawned| spawned.position < note.position) {
            continue;
        }
        let message = format!("no step {} is spawned before it is stopped here", quoted(label));
        let error = Diagnostic::new(Lint::StopWithoutSpawn, note.place.clone(), message);
        let later = spawned.and_then(|spawned| spawned.entry(scope.document));
        scope.diagnostics.push(match later {
            Some(later) => error.other(later.key_place(), "it is spawned here").hint("stop it behind that step"),
            None => error.hint(hint(scope.document, labels, label)),
        });
    }
}

/// Where each label is spawned first.
fn first_spawned(document: &Document, notes: &Notes) -> BTreeMap<String, Spawned> {
    let mut labels = BTreeMap::new();
    for spawned in &notes.spawned {
        if let Some(entry) = spawned.entry(document) {
            labels.entry(entry.key().into_owned()).or_insert(*spawned);
        }
    }
    labels
}

/// Labels are keys, and keys are the same in upper and lower case.
fn folded(label: &str) -> String {
    label.to_lowercase()
}

fn hint(document: &Document, spawned: &BTreeMap<String, Spawned>, label: &str) -> String {
    let key = folded(label);
    let has = |phase: &Phase| document.section(phase.section()).is_some_and(|section| section.entry(&key).is_some());
    if Phase::ALL.iter().any(has) {
        return format!("only spawned steps can be stopped: write `{label} = spawn:…`");
    }
    // A few are enough to find a slip, and many cost time.
    match nearest::nearest(&key, spawned.keys().map(String::as_str).take(100)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("start it with `{label} = spawn:…`, or remove this step"),
    }
}
