//! `fetch:`: where the files go.

use std::collections::HashMap;

use super::{Note, Notes};
use crate::config::{Diagnostic, Diagnostics, Lint, quoted};
use crate::model::Action;

/// Warns of two fetches of one worker that have one name for their files.
pub(in crate::config) fn check(notes: &Notes, diagnostics: &mut Diagnostics) {
    let mut names: HashMap<&str, &Note> = HashMap::new();
    for note in &notes.steps {
        let Action::Fetch(pattern) = &note.step.action else { continue };
        let name = name(pattern);
        let Some(first) = names.get(name) else {
            names.insert(name, note);
            continue;
        };
        let message = format!("this worker fetches {} twice", quoted(name));
        let hint = "a file is kept by its path below the last folder without `*`: fetch both by one pattern, as in `/tmp/*/a.log`";
        let warning = Diagnostic::new(Lint::FetchCollision, note.place.clone(), message, hint);
        diagnostics.push(warning.other(first.place.clone(), "first fetched here"));
    }
}

/// Refuses every fetch of a run that has no folder for results.
pub(in crate::config) fn need_results(notes: &Notes, diagnostics: &mut Diagnostics) {
    for note in notes.steps.iter().filter(|note| matches!(note.step.action, Action::Fetch(_))) {
        let message = "`fetch:` needs a results folder";
        let hint = "set `results = FOLDER` in `[Test]`, or run `conduct` with `--results FOLDER`";
        diagnostics.push(Diagnostic::new(Lint::FetchWithoutResults, note.place.clone(), message, hint));
    }
}

/// What is left of a pattern behind its fixed part: the folders before the first wild card.
fn name(pattern: &str) -> &str {
    let fixed = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let start = pattern[..fixed].rfind('/').map_or(0, |slash| slash + 1);
    &pattern[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_by_its_path_below_the_fixed_part() {
        for (pattern, kept) in
            [("/a/b/c.log", "c.log"), ("/a/b*/c", "b*/c"), ("/a/*.log", "*.log"), ("x", "x"), ("/", "")]
        {
            assert_eq!(name(pattern), kept, "{pattern}");
        }
    }
}
