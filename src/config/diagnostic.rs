//! A finding: what is wrong with a configuration, where, and what to do.

use std::path::{Path, PathBuf};

use super::{Lint, Place, Position, Severity};
use crate::model::on_one_line;

/// What is wrong and what to do about it, without a location.
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

    /// Creates a finding with this reason at a place.
    pub(super) fn at(self, place: Place) -> Diagnostic {
        let (path, order) = (place.source.path().to_owned(), place.source.order());
        Diagnostic { place: Some(place), ..self.of_file(path, order) }
    }

    /// Creates a finding about a whole file, which may be unreadable.
    pub(super) fn of_file(self, path: impl Into<PathBuf>, order: usize) -> Diagnostic {
        let Self { lint, message, hint } = self;
        Diagnostic { lint, message, path: path.into(), order, place: None, others: Vec::new(), hint }
    }
}

/// A finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The kind of finding.
    pub lint: Lint,
    /// The problem, in one line.
    pub message: String,
    /// The file that contains the problem.
    pub path: PathBuf,
    /// The position of the file among all files, for sorting.
    pub(super) order: usize,
    /// The place in the file, if the file could be read.
    pub place: Option<Place>,
    /// Related places, each with a label.
    pub others: Vec<(Place, String)>,
    /// The hint for the user.
    pub hint: String,
}

impl Diagnostic {
    /// Creates a finding at a place.
    pub(super) fn new(lint: Lint, place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Reason::new(lint, message, hint).at(place)
    }

    /// Adds a related place.
    pub(super) fn other(mut self, place: Place, label: impl Into<String>) -> Self {
        self.others.push((place, label.into()));
        self
    }

    /// Returns the name of its lint.
    pub fn name(&self) -> &'static str {
        self.lint.name()
    }

    /// Returns its severity.
    pub fn severity(&self) -> Severity {
        self.lint.severity()
    }

    /// Returns its position as line and column.
    pub fn position(&self) -> Option<Position> {
        self.place.as_ref().map(Place::position)
    }

    /// Returns its byte offset in its file.
    pub(super) fn start(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.span.start)
    }
}

/// Formats a piece of the user's text for a message: in backticks, on one line, and shortened.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// Formats the name of a section for a message.
pub(super) fn quoted_section(name: &str) -> String {
    format!("`[{}]`", shown(name))
}

fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let kept: String = text.chars().take(LONGEST).collect();
    let cut = if kept.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", on_one_line(&kept))
}

/// Formats the name of a file for a message. If it is too long, its end is kept, since that distinguishes files.
pub(super) fn quoted_path(path: &Path) -> String {
    const LONGEST: usize = 200;
    let text = path.to_string_lossy();
    let left_out = text.chars().count().saturating_sub(LONGEST);
    let kept: String = text.chars().skip(left_out).collect();
    let cut = if left_out > 0 { "…" } else { "" };
    format!("`{cut}{}`", on_one_line(&kept))
}
