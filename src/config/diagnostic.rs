//! One finding: what is wrong with a configuration, where, and what to do.

use std::path::{Path, PathBuf};

use super::{Lint, Place, Position, Severity};
use crate::model::on_one_line;

/// What is wrong and what to do about it, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) lint: Lint,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Reason {
    pub(super) fn new(lint: Lint, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { lint, message: message.into(), hint: hint.into() }
    }

    /// A finding with this reason at a place.
    pub(super) fn at(self, place: Place) -> Diagnostic {
        let (path, order) = (place.source.path().to_owned(), place.source.order());
        Diagnostic { place: Some(place), ..self.of_file(path, order) }
    }

    /// A finding about a file as a whole, which perhaps could not even be read.
    pub(super) fn of_file(self, path: impl Into<PathBuf>, order: usize) -> Diagnostic {
        let Self { lint, message, hint } = self;
        Diagnostic { lint, message, path: path.into(), order, place: None, others: Vec::new(), hint }
    }
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What kind of finding it is.
    pub lint: Lint,
    /// What is wrong, in one line.
    pub message: String,
    /// The file that it is about.
    pub path: PathBuf,
    /// The file's place among all files, for sorting.
    pub(super) order: usize,
    /// The place in the file, when the file could be read.
    pub place: Option<Place>,
    /// Other places that belong to it, each with what it is.
    pub others: Vec<(Place, String)>,
    /// What to do.
    pub hint: String,
}

impl Diagnostic {
    /// A finding at a place.
    pub(super) fn new(lint: Lint, place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Reason::new(lint, message, hint).at(place)
    }

    /// Adds a place that belongs to it.
    pub(super) fn other(mut self, place: Place, label: impl Into<String>) -> Self {
        self.others.push((place, label.into()));
        self
    }

    /// Its lint's name.
    pub fn name(&self) -> &'static str {
        self.lint.name()
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.lint.severity()
    }

    /// Where it is, in lines and columns.
    pub fn position(&self) -> Option<Position> {
        self.place.as_ref().map(Place::position)
    }

    /// The byte of its file at which it stands.
    pub(super) fn start(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.span.start)
    }
}

/// A piece of the user's text for a message: in backticks, on one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// A section's name for a message.
pub(super) fn quoted_section(name: &str) -> String {
    format!("`[{}]`", shown(name))
}

fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let kept: String = text.chars().take(LONGEST).collect();
    let cut = if kept.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", on_one_line(&kept))
}

/// A file's name for a message. Of a long one the end is kept, which tells files apart.
pub(super) fn quoted_path(path: &Path) -> String {
    const LONGEST: usize = 200;
    let text = path.to_string_lossy();
    let left_out = text.chars().count().saturating_sub(LONGEST);
    let kept: String = text.chars().skip(left_out).collect();
    let cut = if left_out > 0 { "…" } else { "" };
    format!("`{cut}{}`", on_one_line(&kept))
}
