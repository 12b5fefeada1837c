//! `[DEFAULT]`: unused variables, and how the Python conductor reads its lines.

use std::collections::HashSet;

use crate::config::series::Parameter;
use crate::config::{DEFAULT, Directive, Document, Entry, Lint, Place, Scope, nearest, quoted};

/// Reports how the Python conductor reads the lines of `[DEFAULT]`: as `entries`.
pub(in crate::config) fn check(scope: &mut Scope<'_>, entries: &str) {
    if let Some(section) = scope.document.section(DEFAULT).filter(|section| !section.entries.is_empty()) {
        let message = format!("the Python conductor also reads the lines of `[DEFAULT]` as {entries}");
        let hint = "if the Python conductor does not read this file, write `# conductor: allow(default-entries)` above the section";
        scope.report(Lint::DefaultEntries, section.name_place(), message, hint);
    }
}

/// Warns about variables of `[DEFAULT]`, and required ones, that neither this file nor the others use. `keys` are the
/// settings of the file, for which `[DEFAULT]` can contain defaults.
pub(in crate::config) fn check_use<'a>(
    scope: &mut Scope<'_>,
    others: impl IntoIterator<Item = &'a Document>,
    keys: &[&str],
) {
    let entries = scope.document.section(DEFAULT).map_or(&[][..], |section| &section.entries);
    let required: Vec<_> = Directive::Required.of(scope.document).flat_map(|(_, names)| names).collect();
    let names = entries.iter().map(Entry::written_key).chain(required.iter().map(|(name, _)| *name));
    // Changing the case of a letter can reduce it to a third of its bytes.
    let Some(longest) = names.map(|name| 3 * name.len()).max() else { return };
    let mut used = references(scope.document, longest);
    used.extend(references(scope.defines, longest));
    // Many worker files can share one test file, so it is searched only if necessary.
    if !entries.iter().all(|entry| used.contains(entry.key())) || !required.is_empty() {
        used.extend(others.into_iter().flat_map(|document| references(document, longest)));
    }
    for entry in entries {
        let key = entry.key();
        if used.contains(key) || keys.contains(&key) {
            continue;
        }
        let message = format!("the variable {} is not used", quoted(entry.written_key()));
        let hint = nearest::hint_or(key, keys.iter().copied(), || format!("use it as `%({key})s`, or remove it"));
        scope.report(Lint::UnusedVariable, entry.key_place(), message, hint);
    }
    for (name, span) in required {
        let key = name.to_lowercase();
        if !used.contains(&key) && !keys.contains(&key.as_str()) {
            let message = format!("the variable {} is required, but not used", quoted(name));
            let hint = format!("use it as `%({key})s`, or remove it");
            scope.report(Lint::UnusedVariable, Place::new(&scope.document.source, span), message, hint);
        }
    }
}

/// Returns whether a file uses a parameter, as `%(name)s` or through its environment variable.
pub(in crate::config) fn uses(documents: &[&Document], parameter: &Parameter) -> bool {
    let (name, variable) = (&parameter.name, parameter.variable());
    documents
        .iter()
        .any(|document| references(document, name.len()).contains(name) || document.source.text().contains(&variable))
}

/// Returns the names, of at most `longest` bytes, of all variables that the values of a file refer to.
fn references(document: &Document, longest: usize) -> HashSet<String> {
    let mut names = HashSet::new();
    for entry in document.sections.iter().flat_map(|section| &section.entries) {
        let mut rest = entry.value.as_str();
        while let Some(at) = rest.find('%') {
            rest = &rest[at + 1..];
            if let Some(escaped) = rest.strip_prefix('%') {
                rest = escaped;
            } else if let Some(name) = rest.strip_prefix('(') {
                let end = name.bytes().take(longest + 1).position(|byte| byte == b')');
                names.extend(end.map(|end| name[..end].to_lowercase()));
            }
        }
    }
    names
}
