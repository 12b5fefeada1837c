//! What a file has: its sections, and their keys and values, each found by its name at once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::source::{Place, Source, Span};
use crate::config::text::Text;

/// The section whose entries are variables, and defaults for the other sections.
pub const DEFAULT: &str = "DEFAULT";

/// What a file has.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub source: Arc<Source>,
    /// Its sections, in order, each name once.
    pub sections: Vec<Section>,
    /// Where comments speak to us: `conductor: allow(…)`, without the comment's sign.
    pub(in crate::config) directives: Vec<Span>,
    index: HashMap<String, usize>,
}

impl Document {
    pub(in crate::config) fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), sections: Vec::new(), directives: Vec::new(), index: HashMap::new() }
    }

    /// The section of this name; upper and lower case differ.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.index.get(name).and_then(|index| self.sections.get(*index))
    }

    /// The index of the section of this name, which is added if it is not there yet.
    pub(in crate::config) fn open(&mut self, name: &str, name_span: Span) -> usize {
        if let Some(known) = self.index.get(name) {
            return *known;
        }
        let index = self.sections.len();
        self.index.insert(name.to_owned(), index);
        self.sections.push(Section { name: name.to_owned(), name_span, entries: Vec::new(), index: HashMap::new() });
        index
    }
}

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where its name stands first.
    pub name_span: Span,
    /// Its entries, in order. A key that occurs twice is here twice, and was reported.
    pub entries: Vec<Entry>,
    /// The first entry with each key.
    index: HashMap<String, usize>,
}

impl Section {
    /// The first entry with this key, which is given in lower case.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).map(|index| &self.entries[*index])
    }

    /// Adds an entry, and returns the first one that has its key, if there is one.
    pub(in crate::config) fn add(&mut self, entry: Entry) -> Option<&Entry> {
        let index = self.entries.len();
        let first = *self.index.entry(entry.key.clone()).or_insert(index);
        self.entries.push(entry);
        (first < index).then(|| &self.entries[first])
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key in lower case, as Python has it.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value: its lines joined by newlines, variables not yet replaced.
    pub value: Text,
}

impl Entry {
    /// The key as it was written.
    pub fn written_key(&self) -> &str {
        &self.value.source().text()[self.key_span.start..self.key_span.end]
    }

    /// Where the key stands, with its file.
    pub fn key_place(&self) -> Place {
        Place::new(self.value.source(), self.key_span)
    }
}
