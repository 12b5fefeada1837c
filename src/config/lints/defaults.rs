//! `[DEFAULT]`: variables that nothing uses, and what the Python seed makes of its lines.

use std::collections::HashSet;

use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::nearest;
use crate::config::reader::{DEFAULT, Document};
use crate::config::scope::Scope;

/// Looks at `[DEFAULT]` of a file in which `keys` have a meaning. `entries` is what the seed takes its lines for.
pub(in crate::config) fn check(scope: &mut Scope<'_>, keys: &[&str], entries: &str) {
    let Some(section) = scope.document.section(DEFAULT).filter(|section| !section.entries.is_empty()) else { return };
    let message = format!("the Python conductor takes the lines of `[DEFAULT]` for {entries}, too");
    let place = scope.section_place(DEFAULT);
    let hint = "if none reads this file, `# conductor: allow(default-entries)` above it silences this";
    scope.diagnostics.push(Diagnostic::new(Lint::DefaultEntries, place, message).hint(hint));
    let mut used = HashSet::new();
    // A letter's other case may have a third of its bytes.
    let longest = 3 * section.entries.iter().map(|entry| entry.written_key().len()).max().unwrap_or(0);
    references(scope.document, longest, &mut used);
    references(scope.defines, longest, &mut used);
    for entry in &section.entries {
        let key = entry.key();
        if used.contains(key.as_ref()) || keys.contains(&key.as_ref()) {
            continue;
        }
        let message = format!("nothing uses the variable {}", quoted(entry.written_key()));
        let hint = match nearest::nearest(&key, keys.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("use it as `%({key})s`, or remove it"),
        };
        scope.diagnostics.push(Diagnostic::new(Lint::UnusedVariable, entry.key_place(), message).hint(hint));
    }
}

/// The names, no longer than `longest`, of all variables that the values of a file refer to.
fn references(document: &Document, longest: usize, names: &mut HashSet<String>) {
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
}
