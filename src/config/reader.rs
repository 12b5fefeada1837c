//! The dialect: the lines of a file become sections and entries, as Python's `configparser` reads them.
//!
//! The rules are those of `ConfigParser()` with its default settings in Python 3.11 (`_read` in `configparser.py`);
//! `testdata/seed/dialect/cases.jsonl` has its answers. Unlike it, the reader goes on behind a problem: it reads every
//! text, and reports everything that is wrong with it.

mod document;

use std::sync::Arc;

pub use self::document::{DEFAULT, Document, Entry, Section};
use super::{Source, Span, Text};

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
        /// Where the section's name stands.
        section: Span,
    },
}

/// Reads a text. All problems come in the order of the text, but for bytes that are not UTF-8, which come first.
pub fn read(source: &Arc<Source>) -> (Document, Vec<Problem>) {
    let mut reader = Reader {
        source,
        document: Document::new(source),
        problems: Vec::new(),
        section: None,
        in_entry: false,
        indent: 0,
        blank: None,
    };
    if let Some((first, others)) = source.not_utf8().split_first() {
        reader.report(ProblemKind::NotUtf8(others.len()), *first, None);
    }
    let mut start = 0;
    if source.text().starts_with('\u{feff}') {
        start = '\u{feff}'.len_utf8();
        reader.report(ProblemKind::ByteOrderMark, Span::new(0, start), None);
    }
    let text = source.text();
    for newline in memchr::memchr_iter(b'\n', text.as_bytes()) {
        reader.line(&text[start..newline], start);
        start = newline + 1;
    }
    reader.line(&text[start..], start);
    (reader.document, reader.problems)
}

/// What Python's `str.strip()` takes for white space: Rust's notion, and four separators.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// How a line begins that Python drops, wherever it stands.
pub(super) const COMMENT: [char; 2] = ['#', ';'];

/// How many problems of a file are told. What has more is no configuration, and nobody would read them.
const MAX_PROBLEMS: usize = 10_000;

struct Reader<'a> {
    source: &'a Arc<Source>,
    document: Document,
    problems: Vec<Problem>,
    /// The section that the next entry belongs to.
    section: Option<usize>,
    /// The section's last entry can be continued.
    in_entry: bool,
    /// The indentation, in characters, that a line must exceed to continue an entry.
    indent: usize,
    /// Blank lines behind the last line that the entry has: how many, and where they begin. They belong to the value
    /// only when another line follows.
    blank: Option<(usize, usize)>,
}

impl Reader<'_> {
    fn report(&mut self, kind: ProblemKind, span: Span, first: Option<Span>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { kind, span, first });
        }
    }

    /// Reads the line that begins at this byte of the text.
    fn line(&mut self, line: &str, offset: usize) {
        let (start, content) = trimmed(line);
        let indent = line[..start].chars().count();
        let start = offset + start;
        if content.starts_with(COMMENT) {
            return self.comment(content, start);
        }
        if content.is_empty() {
            if self.in_entry {
                let (count, from) = self.blank.unwrap_or((0, start));
                self.blank = Some((count + 1, from));
            }
        } else if self.in_entry && indent > self.indent {
            self.continuation(content, start);
        } else {
            self.indent = indent;
            match header(content) {
                Some(name) => self.header(name, start + 1),
                None => self.entry(content, start),
            }
        }
    }

    fn comment(&mut self, content: &str, start: usize) {
        let text = content.trim_start_matches(COMMENT).trim_start();
        if text.strip_prefix("conductor:").is_some_and(|rest| rest.trim_start().starts_with("allow(")) {
            let end = start + content.len();
            self.document.directives.push(Span::new(end - text.len(), end));
        }
    }

    fn continuation(&mut self, content: &str, start: usize) {
        let (blank, from) = self.blank.take().unwrap_or((0, start));
        let section = self.section.and_then(|index| self.document.sections.get_mut(index));
        if let Some(entry) = section.and_then(|section| section.entries.last_mut()) {
            entry.value.push_for(&"\n".repeat(blank + 1), Span::new(from, start));
            entry.value.push_slice(Span::new(start, start + content.len()));
        }
    }

    fn header(&mut self, name: &str, start: usize) {
        self.in_entry = false;
        self.blank = None;
        let span = Span::new(start, start + name.len());
        let index = self.document.open(name, span);
        self.section = Some(index);
        let first = self.document.sections[index].name_span;
        if first != span && name != DEFAULT {
            self.report(ProblemKind::DuplicateSection(name.to_owned()), span, Some(first));
        }
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
        let Some(delimiter) = content.bytes().position(|byte| matches!(byte, b'=' | b':')) else {
            return self.report(ProblemKind::NoDelimiter, whole, None);
        };
        self.in_entry = false;
        self.blank = None;
        let written = content[..delimiter].trim_end_matches(is_space);
        if written.is_empty() {
            return self.report(ProblemKind::EmptyKey, whole, None);
        }
        let value = content[delimiter + 1..].trim_start_matches(is_space);
        let value = Text::new(self.source, Span::new(whole.end - value.len(), whole.end));
        let key_span = Span::new(start, start + written.len());
        let section = &mut self.document.sections[index];
        if let Some(first) = section.add(Entry::new(written, key_span, value)) {
            let first = first.key_span;
            let kind = ProblemKind::DuplicateKey { section: section.name_span };
            self.report(kind, key_span, Some(first));
        }
        self.in_entry = true;
    }
}

/// Where the line's content begins, and the content, without the white space around it.
fn trimmed(line: &str) -> (usize, &str) {
    let is_visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    // Most lines have nothing to be trimmed, which two looks can tell.
    if is_visible(line.as_bytes().first()) && is_visible(line.as_bytes().last()) {
        return (0, line);
    }
    let content = line.trim_start_matches(is_space);
    (line.len() - content.len(), content.trim_end_matches(is_space))
}

/// The name in `[name]`, which goes to the last bracket of the line; Python ignores what is behind it.
fn header(content: &str) -> Option<&str> {
    let inner = content.strip_prefix('[')?;
    let name = &inner[..inner.rfind(']')?];
    (!name.is_empty()).then_some(name)
}
