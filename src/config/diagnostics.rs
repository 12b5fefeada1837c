//! All findings in a configuration: ordered by file and place, without duplicates and allowed ones.
//!
//! Findings that only affect the Python program are stored separately, so that they are shown only on request.

use std::collections::{BTreeMap, HashMap};

use super::{Diagnostic, Lint, Reason, Severity};

/// The maximum number of findings per file: a file with more is not a configuration.
const MAX_PER_FILE: usize = 1000;

/// All findings.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    own: Found,
    /// The findings that only affect the Python program.
    about_python: Found,
}

/// Findings of one kind.
#[derive(Debug, Clone, Default)]
struct Found {
    /// The findings by file and place; those of the same place are in the order of arrival.
    found: BTreeMap<(usize, usize), Vec<Diagnostic>>,
    files: HashMap<usize, FileCount>,
}

/// The numbers of findings in one file.
#[derive(Debug, Clone, Copy, Default)]
struct FileCount {
    all: usize,
    errors: usize,
}

impl Diagnostics {
    /// Adds findings.
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Diagnostic>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Adds a finding, unless it is a duplicate or its file has too many.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let kind = if diagnostic.lint.is_about_python() { &mut self.about_python } else { &mut self.own };
        kind.push(diagnostic);
    }

    /// Returns all findings, in order.
    pub(super) fn into_all(self) -> impl Iterator<Item = Diagnostic> {
        let both = [self.own, self.about_python].into_iter();
        both.flat_map(|kind| kind.found.into_values().flatten())
    }

    /// Removes the warnings about the file with this `order` for which `is_allowed` returns true.
    pub(super) fn silence(&mut self, order: usize, mut is_allowed: impl FnMut(&Diagnostic) -> bool) {
        for kind in [&mut self.own, &mut self.about_python] {
            for (_, found) in kind.found.range_mut((order, 0)..(order + 1, 0)) {
                found.retain(|finding| finding.severity() == Severity::Error || !is_allowed(finding));
            }
        }
    }

    /// Includes the findings that only affect the Python program in those that are shown.
    #[must_use]
    pub fn with_python(mut self) -> Self {
        for finding in std::mem::take(&mut self.about_python).found.into_values().flatten() {
            self.own.push(finding);
        }
        self
    }

    /// Iterates over the findings that only affect the Python program, in order.
    pub fn about_python(&self) -> impl Iterator<Item = &Diagnostic> {
        self.about_python.iter()
    }

    /// Iterates over the findings that are shown, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.own.iter()
    }

    /// Returns whether there is an error, so that the test cannot run.
    pub fn has_errors(&self) -> bool {
        self.own.files.values().any(|count| count.errors > 0)
    }

    /// Returns whether there is an error in the file with this `order`.
    pub(super) fn has_errors_in(&self, order: usize) -> bool {
        self.own.files.get(&order).is_some_and(|count| count.errors > 0)
    }

    /// Returns the number of errors.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// Returns the number of warnings that are shown.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Returns whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn count(&self, severity: Severity) -> usize {
        self.iter().filter(|finding| finding.severity() == severity).count()
    }
}

impl Found {
    fn push(&mut self, diagnostic: Diagnostic) {
        let found = self.found.entry((diagnostic.order, diagnostic.start())).or_default();
        if found.iter().any(|known| known.lint == diagnostic.lint && known.message == diagnostic.message) {
            return;
        }
        let count = self.files.entry(diagnostic.order).or_default();
        count.all += 1;
        if count.all == MAX_PER_FILE {
            let message = "this file has more findings than are shown";
            let end = Reason::new(Lint::TooManyFindings, message, "correct the findings above first");
            let end = end.of_file(&diagnostic.path, diagnostic.order);
            found.push(Diagnostic { place: diagnostic.place.clone(), ..end });
        }
        let is_error = diagnostic.severity() == Severity::Error;
        // The first error is always kept: a file with errors must not pass.
        if count.all < MAX_PER_FILE || (is_error && count.errors == 0) {
            count.errors += usize::from(is_error);
            found.push(diagnostic);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.values().flatten()
    }
}
