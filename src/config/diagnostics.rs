//! All findings of one look at a configuration: in the order of files and places, each once, none that is allowed.

use std::collections::{BTreeMap, HashMap, HashSet, btree_map};

use super::diagnostic::Diagnostic;
use super::lint::Lint;
use super::severity::Severity;

/// How many findings of one file are kept; a file with more of them is no configuration.
const MAX_PER_FILE: usize = 1000;

/// All findings.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// By file, place and arrival.
    found: BTreeMap<(usize, usize, usize), Diagnostic>,
    seen: HashSet<(usize, usize, Lint, String)>,
    files: HashMap<usize, FileCount>,
    arrived: usize,
}

/// What was found in one file.
#[derive(Debug, Clone, Copy, Default)]
struct FileCount {
    all: usize,
    errors: usize,
}

impl Diagnostics {
    /// Takes a finding, unless it is there already, or its file has too many.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity() == Severity::Error;
        let count = self.files.entry(diagnostic.order).or_default();
        // Of what is not shown, the first error counts all the same: the file must not pass for want of room.
        if count.all > MAX_PER_FILE && (!is_error || count.errors > 0) {
            return;
        }
        let key = (diagnostic.order, diagnostic.start(), diagnostic.lint, diagnostic.message.clone());
        if !self.seen.insert(key) {
            return;
        }
        count.all += 1;
        let full = count.all == MAX_PER_FILE;
        if !full {
            count.errors += usize::from(is_error);
            return self.insert(diagnostic);
        }
        count.all += 1;
        let message = "there is more to find in this file than is shown";
        let end = match &diagnostic.place {
            Some(place) => Diagnostic::new(Lint::TooManyFindings, place.clone(), message),
            None => Diagnostic::of_file(Lint::TooManyFindings, &diagnostic.path, diagnostic.order, message),
        };
        self.insert(end.hint("look at the findings above first"));
        if is_error && self.files.get(&diagnostic.order).is_some_and(|count| count.errors == 0) {
            self.files.entry(diagnostic.order).or_default().errors += 1;
            self.insert(diagnostic);
        }
    }

    fn insert(&mut self, diagnostic: Diagnostic) {
        self.arrived += 1;
        self.found.insert((diagnostic.order, diagnostic.start(), self.arrived), diagnostic);
    }

    /// Takes out those warnings about the file of `order` that `is_allowed`.
    pub(super) fn silence(&mut self, order: usize, mut is_allowed: impl FnMut(&Diagnostic) -> bool) {
        let in_file = self.found.range((order, 0, 0)..(order + 1, 0, 0));
        let silenced = in_file.filter(|(_, finding)| finding.severity() == Severity::Warning && is_allowed(finding));
        for key in silenced.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.found.remove(&key);
        }
    }

    /// The findings, in order.
    pub fn iter(&self) -> btree_map::Values<'_, (usize, usize, usize), Diagnostic> {
        self.found.values()
    }

    /// Whether the test can't be run.
    pub fn has_errors(&self) -> bool {
        self.files.values().any(|count| count.errors > 0)
    }

    /// Whether there is an error in the file of `order`.
    pub(super) fn has_errors_in(&self, order: usize) -> bool {
        self.files.get(&order).is_some_and(|count| count.errors > 0)
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
        self.found.is_empty()
    }

    fn count(&self, severity: Severity) -> usize {
        self.iter().filter(|finding| finding.severity() == severity).count()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = btree_map::Values<'a, (usize, usize, usize), Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
