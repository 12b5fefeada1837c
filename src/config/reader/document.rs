//! What a file has: its sections, and their keys and values, each found by its name at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use crate::config::{Place, Source, Span, Text};

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
        self.sections.push(Section { name: name.to_owned(), name_span, entries: Vec::new(), index: Index::default() });
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
    index: Index,
}

impl Section {
    /// The first entry with this key, which is given in lower case.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.find(key, &self.entries).ok().map(|place| &self.entries[place])
    }

    /// Adds an entry, and returns the first one that has its key, if there is one.
    pub(in crate::config) fn add(&mut self, entry: Entry) -> Option<&Entry> {
        let found = self.index.find(&entry.key(), &self.entries);
        if let (Err(vacant), Ok(place)) = (&found, u32::try_from(self.entries.len())) {
            self.index.places.insert(*vacant, place);
        }
        self.entries.push(entry);
        found.ok().map(|place| &self.entries[place])
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the key stands.
    pub key_span: Span,
    /// The value: its lines joined by newlines, variables not yet replaced.
    pub value: Text,
    /// The key is in lower case as it stands.
    is_folded: bool,
}

impl Entry {
    pub(in crate::config) fn new(written_key: &str, key_span: Span, value: Text) -> Self {
        let is_folded = written_key.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        Self { key_span, value, is_folded }
    }

    /// The key as it was written.
    pub fn written_key(&self) -> &str {
        &self.value.source().text()[self.key_span.start..self.key_span.end]
    }

    /// The key in lower case, as Python has it.
    pub fn key(&self) -> Cow<'_, str> {
        if self.is_folded { self.written_key().into() } else { self.written_key().to_lowercase().into() }
    }

    /// Where the key stands, with its file.
    pub fn key_place(&self) -> Place {
        Place::new(self.value.source(), self.key_span)
    }
}

/// The places of a section's keys, by the keys' hashes; the keys themselves stay in the file's text.
///
/// A file of ten megabytes has some hundred thousand keys, and a copy of each would take longer than all the rest. Where
/// two keys have one hash, the next free number serves for the second.
#[derive(Debug, Clone, Default)]
struct Index {
    hasher: KeyHasher,
    places: HashMap<u32, u32, Identity>,
}

impl Index {
    /// The place of the first entry with this key, else the number under which one is to be remembered.
    fn find(&self, key: &str, entries: &[Entry]) -> Result<usize, u32> {
        let mut hash = self.hasher.hash(key);
        while let Some(place) = self.places.get(&hash) {
            if entries[*place as usize].key() == key {
                return Ok(*place as usize);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }
}

/// Multiplies a key's bytes, eight at a time, with secret numbers, so that nobody can write keys of one hash without the
/// secret. The standard library's hash, which guards against more, takes four times as long.
#[derive(Debug, Clone)]
struct KeyHasher {
    start: u64,
    factor: u64,
}

impl Default for KeyHasher {
    fn default() -> Self {
        let secret = RandomState::new();
        Self { start: secret.hash_one(0), factor: secret.hash_one(1) | 1 }
    }
}

impl KeyHasher {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a product are wanted")]
    fn hash(&self, key: &str) -> u32 {
        let fold = |left: u64, right: u64| {
            let product = u128::from(left) * u128::from(right);
            (product as u64) ^ ((product >> 64) as u64)
        };
        let mix = |state: u64, chunk: &[u8]| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            fold(state ^ u64::from_le_bytes(bytes), self.factor)
        };
        let state = key.as_bytes().chunks(8).fold(self.start ^ key.len() as u64, mix);
        fold(state, self.start | 1) as u32
    }
}

/// Spreads a number that is a hash already.
#[derive(Debug, Clone, Copy, Default)]
struct Identity(u64);

impl BuildHasher for Identity {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The table looks at the highest bits and at the lowest.
        self.0 = u64::from(number) | (u64::from(number) << 32);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let source = Arc::new(Source::new(Path::new("f"), 0, *b"abA"));
        let entry = |at: usize| {
            let span = Span::new(at, at + 1);
            Entry::new(&source.text()[at..=at], span, Text::new(&source, span))
        };
        let entries = [entry(0), entry(1)];
        let mut index = Index::default();
        let Err(hash) = index.find("a", &entries) else { panic!("nothing is there yet") };
        // The second key is put where the first one's hash points.
        index.places.insert(hash, 1);
        assert_eq!(index.find("a", &entries), Err(hash.wrapping_add(1)));
        index.places.insert(hash.wrapping_add(1), 0);
        assert_eq!(index.find("a", &entries), Ok(0));
        assert_eq!(entry(2).key(), "a");
    }

    #[test]
    fn keys_that_differ_little_have_hashes_that_differ() {
        let hasher = KeyHasher::default();
        let keys = (0..100_000).map(|number| format!("step{number}"));
        let different: std::collections::HashSet<u32> = keys.map(|key| hasher.hash(&key)).collect();
        // Of so many numbers of 32 bits about one is there twice.
        assert!(different.len() > 99_980, "{}", different.len());
    }
}
