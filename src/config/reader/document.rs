//! The contents of a file: its sections, and their keys and values, indexed by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::{Place, Source, Span, Text};

/// The section whose entries are variables, and defaults for the other sections.
pub const DEFAULT: &str = "DEFAULT";

/// The contents of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub source: Arc<Source>,
    /// The sections, in order, each name once.
    pub sections: Vec<Section>,
    /// Comments for this program, `conductor: allow(…)` or `conductor: required(…)`, without the comment character.
    pub(in crate::config) directives: Vec<Span>,
    index: BTreeMap<String, usize>,
}

impl Document {
    pub(in crate::config) fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), sections: Vec::new(), directives: Vec::new(), index: BTreeMap::new() }
    }

    /// Returns the section with this name, which is case-sensitive.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.index.get(name).and_then(|index| self.sections.get(*index))
    }

    /// Returns the index of the section with this name, after adding it if necessary.
    pub(in crate::config) fn open(&mut self, name: &str, name_span: Span) -> usize {
        if let Some(known) = self.index.get(name) {
            return *known;
        }
        let index = self.sections.len();
        self.index.insert(name.to_owned(), index);
        let source = Arc::clone(&self.source);
        self.sections.push(Section {
            name: name.to_owned(),
            name_span,
            entries: Vec::new(),
            source,
            first: HashMap::new(),
        });
        index
    }
}

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The first place of its name.
    pub name_span: Span,
    /// Its entries, in order. If a key occurs twice, which was reported, both entries are included.
    pub entries: Vec<Entry>,
    source: Arc<Source>,
    /// The index of the first entry with each key.
    first: HashMap<Arc<str>, usize>,
}

impl Section {
    /// Returns the first place of its name, with its file.
    pub fn name_place(&self) -> Place {
        Place::new(&self.source, self.name_span)
    }

    /// Returns the first entry with this key, which must be in lower case.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.first.get(key).map(|place| &self.entries[*place])
    }

    /// Adds an entry. Returns the first entry with the same key, if there is one.
    pub(in crate::config) fn add(&mut self, entry: Entry) -> Option<&Entry> {
        let place = self.entries.len();
        let first = *self.first.entry(Arc::clone(&entry.key)).or_insert(place);
        self.entries.push(entry);
        (first < place).then(|| &self.entries[first])
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The place of the key.
    pub key_span: Span,
    /// The value: its lines joined by newlines, with variables not yet replaced.
    pub value: Text,
    key: Arc<str>,
}

impl Entry {
    pub(in crate::config) fn new(written_key: &str, key_span: Span, value: Text) -> Self {
        Self { key_span, value, key: written_key.to_lowercase().into() }
    }

    /// Returns the key as written.
    pub fn written_key(&self) -> &str {
        &self.value.source().text()[self.key_span.start..self.key_span.end]
    }

    /// Returns the key in lower case, as in Python.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the place of the key, with its file.
    pub fn key_place(&self) -> Place {
        Place::new(self.value.source(), self.key_span)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn section(text: &str) -> Section {
        let source = Arc::new(Source::new(Path::new("f"), 0, text.as_bytes()));
        let mut document = Document::new(&source);
        let section = document.open("S", Span::new(0, 0));
        let mut at = 0;
        for key in text.split(' ') {
            let span = Span::new(at, at + key.len());
            document.sections[section].add(Entry::new(key, span, Text::new(&source, span)));
            at = span.end + 1;
        }
        document.sections.remove(section)
    }

    #[test]
    fn keys_are_found_in_lower_case_and_keep_how_they_were_written() {
        let section = section("Ab \u{c4} c");
        assert_eq!(section.entry("ab").map(Entry::written_key), Some("Ab"));
        assert_eq!(section.entry("\u{e4}").map(Entry::written_key), Some("\u{c4}"));
        assert!(section.entry("Ab").is_none());
    }

    #[test]
    fn of_two_entries_with_one_key_the_first_is_found_and_both_are_kept() {
        let mut section = section("a b A");
        assert_eq!(section.entries.len(), 3);
        assert_eq!(section.entry("a").map(|entry| entry.key_span), Some(Span::new(0, 1)));
        let (again, value) = (section.entries[1].clone(), section.entries[1].value.clone());
        assert_eq!(section.add(again).map(|first| first.key_span), Some(Span::new(2, 3)));
        assert!(section.add(Entry::new("new", Span::new(0, 1), value)).is_none());
    }
}
