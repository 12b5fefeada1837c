//! The dialect: the lines of a file become sections and entries, as Python's `configparser` reads them.
//!
//! The rules are those of `ConfigParser()` with its default settings in Python 3.11 (`_read` in `configparser.py`);
//! `testdata/seed/dialect/cases.jsonl` has its answers. Unlike it, the reader goes on behind a problem: it reads every
//! text, and reports everything that is wrong with it.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::{Place, Source, Span};
use super::text::Text;

/// The section whose entries are variables, and defaults for the other sections.
pub const DEFAULT: &str = "DEFAULT";

/// What a file has.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub source: Arc<Source>,
    /// Its sections, in order, each name once.
    pub sections: Vec<Section>,
}

impl Document {
    /// The section of this name; names are told apart by case.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
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
    index: HashMap<String, usize>,
}

impl Section {
    /// The first entry with this key, which is given in lower case.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).and_then(|index| self.entries.get(*index))
    }

    pub(super) fn new(name: &str, name_span: Span) -> Self {
        Self { name: name.to_owned(), name_span, entries: Vec::new(), index: HashMap::new() }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.index.entry(entry.key.clone()).or_insert(self.entries.len());
        self.entries.push(entry);
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key in lower case, as Python has it.
    pub key: String,
    /// The key as it was written.
    pub written_key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value: its lines joined by newlines, variables not yet replaced.
    pub value: Text,
}

impl Entry {
    /// Where the key stands, with its file.
    pub fn key_place(&self) -> Place {
        Place::new(self.value.source(), self.key_span)
    }
}

/// What is wrong at one place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// Where.
    pub span: Span,
    /// The other place, of which this one is a repetition.
    pub first: Option<Span>,
}

/// What can be wrong with a text, whatever it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// The text begins with a byte-order mark. Python refuses it, we skip it.
    ByteOrderMark,
    /// Bytes that are not UTF-8, at so many further places too.
    NotUtf8(usize),
    /// A line before the first section.
    MissingSectionHeader,
    /// A line without `=` and `:`.
    NoDelimiter,
    /// Nothing before the `=` or `:`.
    EmptyKey,
    /// The section was there before.
    DuplicateSection(String),
    /// The section has the key already.
    DuplicateKey {
        /// The section's name.
        section: String,
        /// The key, in lower case.
        key: String,
    },
}

/// Reads a text. All problems come in the order of the text, but for bytes that are not UTF-8, which come first.
pub fn read(source: &Arc<Source>) -> (Document, Vec<Problem>) {
    let document = Document { source: Arc::clone(source), sections: Vec::new() };
    let mut reader =
        Reader { document, problems: Vec::new(), names: HashMap::new(), section: None, in_entry: false, indent: 0 };
    if let Some((first, others)) = source.not_utf8().split_first() {
        reader.report(ProblemKind::NotUtf8(others.len()), *first, None);
    }
    let mut offset = 0;
    if source.text().starts_with('\u{feff}') {
        offset = '\u{feff}'.len_utf8();
        reader.report(ProblemKind::ByteOrderMark, Span::new(0, offset), None);
    }
    for line in source.text()[offset..].split_inclusive('\n') {
        reader.line(line, offset);
        offset += line.len();
    }
    reader.end_entry();
    (reader.document, reader.problems)
}

/// What Python's `str.strip()` takes for white space: Rust's notion, and four separators.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

struct Reader {
    document: Document,
    problems: Vec<Problem>,
    names: HashMap<String, usize>,
    /// The section that the next entry belongs to.
    section: Option<usize>,
    /// The section's last entry can be continued.
    in_entry: bool,
    /// The indentation, in characters, that a line must exceed to continue an entry.
    indent: usize,
}

impl Reader {
    fn report(&mut self, kind: ProblemKind, span: Span, first: Option<Span>) {
        self.problems.push(Problem { kind, span, first });
    }

    fn line(&mut self, line: &str, offset: usize) {
        let content = line.trim_start_matches(is_space);
        let start = offset + line.len() - content.len();
        let indent = line.chars().take_while(|character| is_space(*character)).count();
        let content = content.trim_end_matches(is_space);
        if content.starts_with(['#', ';']) {
            return;
        }
        let continued = self.in_entry && (content.is_empty() || indent > self.indent);
        if continued {
            self.continuation(content, start);
        } else if !content.is_empty() {
            self.indent = indent;
            match header(content) {
                Some(name) => self.header(name, start + 1),
                None => self.entry(content, start),
            }
        }
    }

    fn continuation(&mut self, content: &str, start: usize) {
        let entry = self.section.and_then(|index| self.document.sections[index].entries.last_mut());
        if let Some(entry) = entry {
            entry.value.push_for("\n", Span::new(start, start));
            entry.value.push_exact(content, start);
        }
    }

    fn header(&mut self, name: &str, start: usize) {
        self.end_entry();
        let span = Span::new(start, start + name.len());
        if let Some(&known) = self.names.get(name) {
            self.section = Some(known);
            if name != DEFAULT {
                let first = self.document.sections[known].name_span;
                self.report(ProblemKind::DuplicateSection(name.to_owned()), span, Some(first));
            }
            return;
        }
        let index = self.document.sections.len();
        self.names.insert(name.to_owned(), index);
        self.section = Some(index);
        self.document.sections.push(Section::new(name, span));
    }

    fn entry(&mut self, content: &str, start: usize) {
        let whole = Span::new(start, start + content.len());
        let Some(index) = self.section else {
            // One report is enough: the lines that follow have the same fault.
            if !self.problems.iter().any(|problem| problem.kind == ProblemKind::MissingSectionHeader) {
                self.report(ProblemKind::MissingSectionHeader, whole, None);
            }
            return;
        };
        let Some(delimiter) = content.find(['=', ':']) else {
            return self.report(ProblemKind::NoDelimiter, whole, None);
        };
        self.end_entry();
        let written = content[..delimiter].trim_end_matches(is_space);
        if written.is_empty() {
            return self.report(ProblemKind::EmptyKey, whole, None);
        }
        let value = content[delimiter + 1..].trim_start_matches(is_space);
        let value_start = start + content.len() - value.len();
        let mut text = Text::new(&self.document.source, value_start);
        text.push_exact(value, value_start);
        let key_span = Span::new(start, start + written.len());
        let entry = Entry { key: written.to_lowercase(), written_key: written.to_owned(), key_span, value: text };
        let section = &mut self.document.sections[index];
        if let Some(first) = section.entry(&entry.key) {
            let kind = ProblemKind::DuplicateKey { section: section.name.clone(), key: entry.key.clone() };
            let first = Some(first.key_span);
            self.problems.push(Problem { kind, span: key_span, first });
        }
        section.add(entry);
        self.in_entry = true;
    }

    /// No line continues the last entry any more. Python strips the blank lines at its end.
    fn end_entry(&mut self) {
        let entry = self.section.and_then(|index| self.document.sections[index].entries.last_mut());
        if let Some(entry) = entry.filter(|_| self.in_entry) {
            let length = entry.value.as_str().trim_end_matches(is_space).len();
            entry.value.truncate(length);
        }
        self.in_entry = false;
    }
}

/// The name in `[name]`, which goes to the last bracket of the line; Python ignores what is behind it.
fn header(content: &str) -> Option<&str> {
    let inner = content.strip_prefix('[')?;
    let name = &inner[..inner.rfind(']')?];
    (!name.is_empty()).then_some(name)
}
