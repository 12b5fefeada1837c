//! One finding: what is wrong with a configuration, where, and what to do.

use std::path::{Path, PathBuf};

use super::lint::Lint;
use super::severity::Severity;
use super::source::{Place, Position};
use crate::model::on_one_line;

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
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding at a place.
    pub(super) fn new(lint: Lint, place: Place, message: impl Into<String>) -> Self {
        let (path, order) = (place.source.path().to_owned(), place.source.order());
        Self { lint, message: message.into(), path, order, place: Some(place), others: Vec::new(), hint: None }
    }

    /// A finding about a file as a whole, which perhaps could not even be read.
    pub(super) fn of_file(lint: Lint, path: &Path, order: usize, message: impl Into<String>) -> Self {
        let (message, path) = (message.into(), path.to_owned());
        Self { lint, message, path, order, place: None, others: Vec::new(), hint: None }
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
