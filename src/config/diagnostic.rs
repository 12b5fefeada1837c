//! Diagnostics: what is wrong with a configuration, where, and what to do.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::source::{Place, Position};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The test can't be run.
    Error,
    /// It can, but perhaps not as it is meant, or not by the Python seed.
    Warning,
}

impl Severity {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of finding it is: a name that stays the same from version to version.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The file that it is about.
    pub path: PathBuf,
    /// The place in the file, when the file could be read.
    pub place: Option<Place>,
    /// Other places that belong to it, each with what it is.
    pub others: Vec<(Place, String)>,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding at a place without which the test can't be run.
    pub(super) fn error(name: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self::at(Severity::Error, name, place, message)
    }

    /// A finding at a place that people should know.
    pub(super) fn warning(name: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self::at(Severity::Warning, name, place, message)
    }

    fn at(severity: Severity, name: &'static str, place: Place, message: impl Into<String>) -> Self {
        let path = place.source.path().to_owned();
        let message = message.into();
        Self { severity, name, message, path, place: Some(place), others: Vec::new(), hint: None }
    }

    /// An error about a file as a whole, which perhaps could not even be read.
    pub(super) fn file_error(name: &'static str, path: &Path, message: impl Into<String>) -> Self {
        let (message, path) = (message.into(), path.to_owned());
        Self { severity: Severity::Error, name, message, path, place: None, others: Vec::new(), hint: None }
    }

    /// Says what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a place that belongs to it.
    pub(super) fn other(mut self, place: Place, label: impl Into<String>) -> Self {
        self.others.push((place, label.into()));
        self
    }

    /// Where it is, in lines and columns.
    pub fn position(&self) -> Option<Position> {
        self.place.as_ref().map(Place::position)
    }

    fn order(&self) -> (usize, usize) {
        self.place.as_ref().map_or((0, 0), |place| (place.source.order(), place.span.start))
    }
}

/// How many findings of one file are kept; a file with more of them is no configuration.
const MAX_PER_FILE: usize = 1000;

/// All findings, in order of files and places, each once.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    seen: HashSet<(usize, usize, &'static str, String)>,
    per_file: HashMap<PathBuf, usize>,
}

impl Diagnostics {
    /// Takes a finding, unless it is there already.
    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        let (order, start) = diagnostic.order();
        if !self.seen.insert((order, start, diagnostic.name, diagnostic.message.clone())) {
            return;
        }
        let count = self.per_file.entry(diagnostic.path.clone()).or_default();
        *count += 1;
        if *count == MAX_PER_FILE {
            diagnostic.name = "too-many-findings";
            "there is more to find in this file than is shown".clone_into(&mut diagnostic.message);
            diagnostic.hint = Some("look at the findings above first".to_owned());
            diagnostic.others.clear();
        } else if *count > MAX_PER_FILE
            && (diagnostic.severity == Severity::Warning || self.has_errors_in(&diagnostic.path))
        {
            return;
        }
        let after = self.items.partition_point(|item| item.order() <= diagnostic.order());
        self.items.insert(after, diagnostic);
    }

    fn has_errors_in(&self, path: &Path) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error && item.path == path)
    }

    /// The findings, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// Whether the test can't be run.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|item| item.severity == severity).count()
    }

    /// Adds another load's findings, behind these (`validate` with several files).
    pub fn append(&mut self, other: Self) {
        // They are not sorted in: the other load counted its files anew.
        for item in other.items {
            let known = self.items.iter().any(|known| known.is_same_as(&item));
            if !known {
                self.items.push(item);
            }
        }
    }
}

impl Diagnostic {
    fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.message == other.message
            && self.path == other.path
            && self.place.as_ref().map(|place| place.span) == other.place.as_ref().map(|place| place.span)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// A piece of the user's text for a message: in backticks, on one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(shown_character).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn shown_character(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

/// A file's name for a message. Of a long one the end is kept, which tells files apart.
pub(super) fn quoted_path(path: &Path) -> String {
    const LONGEST: usize = 200;
    let text = path.to_string_lossy();
    let left_out = text.chars().count().saturating_sub(LONGEST);
    let shown: String = text.chars().skip(left_out).flat_map(shown_character).collect();
    let cut = if left_out > 0 { "…" } else { "" };
    format!("`{cut}{shown}`")
}
