//! `[DEFAULT]`: unused variables, and how the Python conductor reads its lines.

use std::collections::HashSet;

use crate::config::{DEFAULT, Document, Lint, Scope, nearest, quoted};

/// Checks `[DEFAULT]` of a file whose settings have these keys. `entries` is what the Python conductor reads its lines as.
pub(in crate::config) fn check(scope: &mut Scope<'_>, keys: &[&str], entries: &str) {
    let Some(section) = scope.document.section(DEFAULT).filter(|section| !section.entries.is_empty()) else { return };
    let message = format!("the Python conductor also reads the lines of `[DEFAULT]` as {entries}");
    let hint = "if the Python conductor does not read this file, write `# conductor: allow(default-entries)` above the section";
    scope.report(Lint::DefaultEntries, scope.section_place(DEFAULT), message, hint);
    // A letter's other case may have a third of its bytes.
    let longest = 3 * section.entries.iter().map(|entry| entry.written_key().len()).max().unwrap_or(0);
    let used = references([scope.document, scope.defines], longest);
    for entry in &section.entries {
        let key = entry.key();
        if used.contains(key) || keys.contains(&key) {
            continue;
        }
        let message = format!("the variable {} is not used", quoted(entry.written_key()));
        let hint = nearest::hint_or(key, keys.iter().copied(), || format!("use it as `%({key})s`, or remove it"));
        scope.report(Lint::UnusedVariable, entry.key_place(), message, hint);
    }
}

/// The names, no longer than `longest`, of all variables that the values of some files refer to.
fn references(documents: [&Document; 2], longest: usize) -> HashSet<String> {
    let mut names = HashSet::new();
    let sections = documents.into_iter().flat_map(|document| &document.sections);
    for entry in sections.flat_map(|section| &section.entries) {
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
