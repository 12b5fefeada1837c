//! The dialect: parses the lines of a file into sections and entries, as Python's `configparser` does.
//!
//! The rules are those of `ConfigParser()` with its default settings in Python 3.11 (`_read` in `configparser.py`);
//! `testdata/seed/dialect/cases.jsonl` contains its results. Unlike Python, the reader continues after a mistake: it
//! accepts every text and reports all mistakes.

mod document;

use std::sync::Arc;

pub use self::document::{DEFAULT, Document, Entry, Section};
use super::step::is_timeout_key;
use super::{Diagnostic, Diagnostics, Directive, Lint, Place, Reason, Source, Span, Text, quoted, quoted_section};
use crate::model::Phase;

/// Reads a text, and reports its mistakes.
pub fn read(source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Document {
    let mut reader = Reader {
        source,
        document: Document::new(source),
        diagnostics,
        has_header: true,
        section: None,
        repeated: 0,
        in_entry: false,
        indent: 0,
        blank: None,
    };
    if let Some((first, others)) = source.not_utf8().split_first() {
        let places = match others.len() {
            0 => String::new(),
            1 => ", here and at another place".to_owned(),
            more => format!(", here and at {more} more places"),
        };
        let message = format!("the file is not valid UTF-8{places}");
        reader.report(Lint::NotUtf8, *first, message, "save the file as UTF-8");
    }
    let mut start = 0;
    if source.text().starts_with('\u{feff}') {
        start = '\u{feff}'.len_utf8();
        let message = "the Python conductor does not accept a byte-order mark";
        reader.report(Lint::ByteOrderMark, Span::new(0, start), message, "save the file as UTF-8 without it");
    }
    for line in source.text()[start..].split('\n') {
        reader.line(line, start);
        start += line.len() + 1;
    }
    reader.document
}

/// Returns whether this is white space as in Python's `str.strip()`: that of Rust, and four separators.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// The first characters of lines that Python ignores, even within a value.
pub(super) const COMMENT: [char; 2] = ['#', ';'];

/// The hint for a line without a key.
const CONTINUE: &str = "to continue the line before, indent this line more than the line with the key";

struct Reader<'a> {
    source: &'a Arc<Source>,
    document: Document,
    diagnostics: &'a mut Diagnostics,
    /// Whether no line before the first section was reported yet.
    has_header: bool,
    /// The section to which the next entry belongs.
    section: Option<usize>,
    /// The byte offset at which the section begins, if an earlier one has the same name; otherwise 0.
    repeated: usize,
    /// Whether the section's last entry can be continued.
    in_entry: bool,
    /// The indentation, in characters, that a line must exceed to continue an entry.
    indent: usize,
    /// Blank lines after the last line of the entry: their number, and where they begin. They belong to the value only
    /// if another line follows.
    blank: Option<(usize, usize)>,
}

impl Reader<'_> {
    fn report(&mut self, lint: Lint, span: Span, message: impl Into<String>, hint: &str) {
        self.diagnostics.push(Diagnostic::new(lint, Place::new(self.source, span), message, hint));
    }

    fn report_repeated(&mut self, reason: Reason, span: Span, first: Span) {
        let first = Place::new(self.source, first);
        self.diagnostics.push(reason.at(Place::new(self.source, span)).other(first, "first defined here"));
    }

    /// Reads the line that begins at byte `offset` of the text.
    fn line(&mut self, line: &str, offset: usize) {
        let content = line.trim_start_matches(is_space);
        let before = &line[..line.len() - content.len()];
        let (indent, start) = (before.chars().count(), offset + before.len());
        let content = content.trim_end_matches(is_space);
        if content.starts_with(COMMENT) {
            self.comment(content, start);
        } else if content.is_empty() {
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
        let directive = text.strip_prefix("conductor:").map(str::trim_start);
        if directive.is_some_and(|rest| Directive::ALL.iter().any(|kind| rest.starts_with(kind.opening()))) {
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
        let span = Span::new(start, start + name.len());
        let index = self.document.open(name, span);
        self.section = Some(index);
        let first = self.document.sections[index].name_span;
        if first != span && name != DEFAULT {
            let message = format!("{} is defined twice", quoted_section(name));
            let reason = Reason::new(Lint::DuplicateSection, message, "put all its lines into one section");
            self.report_repeated(reason, span, first);
            self.repeated = span.start;
        } else {
            self.repeated = 0;
        }
    }

    fn entry(&mut self, content: &str, start: usize) {
        let whole = Span::new(start, start + content.len());
        let Some(index) = self.section else {
            // One report is enough: the following lines have the same mistake.
            if std::mem::take(&mut self.has_header) {
                let hint = "a section begins with its name in brackets, as in `[Test]`";
                self.report(Lint::MissingSectionHeader, whole, "this line comes before the first section", hint);
            }
            return;
        };
        let Some((key, value)) = content.split_once(['=', ':']) else {
            let message = "this line is neither `[section]` nor `key = value`";
            return self.report(Lint::NotASetting, whole, message, CONTINUE);
        };
        self.in_entry = false;
        self.blank = None;
        let (key, value) = (key.trim_end_matches(is_space), value.trim_start_matches(is_space));
        if key.is_empty() {
            return self.report(Lint::EmptyKey, whole, "the line has no key before the `=` or `:`", CONTINUE);
        }
        let value = Text::new(self.source, Span::new(whole.end - value.len(), whole.end));
        let span = Span::new(start, start + key.len());
        let section = &mut self.document.sections[index];
        let first = section.add(Entry::new(key, span, value)).map(|first| first.key_span);
        // A repeated section has already been reported.
        if let Some(first) = first.filter(|first| first.start >= self.repeated) {
            let reason = repeated_key(&section.name, key);
            self.report_repeated(reason, span, first);
        }
        self.in_entry = true;
    }
}

fn repeated_key(section: &str, key: &str) -> Reason {
    let shown = quoted(&key.to_lowercase());
    if Phase::ALL.iter().any(|phase| phase.section() == section) && is_timeout_key(key) {
        let message = format!("the Python conductor does not accept a second {shown}");
        let hint = "use different keys, and the time as a prefix of the command: `a = timeout30:command`";
        return Reason::new(Lint::RepeatedTimeout, message, hint);
    }
    let message = format!("the key {shown} is defined twice in {}", quoted_section(section));
    Reason::new(Lint::DuplicateKey, message, "use another name; upper and lower case are the same")
}

/// Returns the name in `[name]`, which ends at the last bracket of the line; Python ignores the text after it.
fn header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}
