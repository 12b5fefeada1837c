//! The text of a file, and places in it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::model::FileLine;

/// A range of bytes in a file's text. The end is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// Creates the span from `start` up to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A line and a column, both from 1. The column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// The text of a file.
#[derive(Debug)]
pub struct Source {
    path: Arc<Path>,
    order: usize,
    text: String,
    not_utf8: Vec<Span>,
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// Creates a source from a file's bytes. `order` is the position of the file among all files, for sorting.
    ///
    /// Bytes that are not UTF-8 become U+FFFD; their places are recorded. A carriage return without a newline becomes a
    /// newline, because it ends a line in Python's text files. Text after the first gibibyte is left out.
    pub fn new(path: &Path, order: usize, bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        bytes.truncate(1 << 30);
        if bytes.contains(&b'\r') {
            for at in 0..bytes.len() {
                if bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n') {
                    bytes[at] = b'\n';
                }
            }
        }
        let (text, not_utf8) = match String::from_utf8(bytes) {
            Ok(text) => (text, Vec::new()),
            Err(error) => replaced(error.as_bytes()),
        };
        Self { not_utf8, ..Self::verbatim(path, order, text) }
    }

    /// Creates a source from a text, without changes.
    pub(super) fn verbatim(path: &Path, order: usize, text: String) -> Self {
        Self { path: path.into(), order, text, not_utf8: Vec::new(), lines: OnceLock::new() }
    }

    /// Returns the path of the file, as the user or another file wrote it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the position of the file among the files of a test.
    pub fn order(&self) -> usize {
        self.order
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the places of bytes that were not UTF-8.
    pub fn not_utf8(&self) -> &[Span] {
        &self.not_utf8
    }

    /// Returns the line and column of a byte, or of the end of the text if the byte is beyond it.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(Span::new(offset, offset)).start;
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= offset);
        Position { line, column: self.text[starts[line - 1]..offset].chars().count() + 1 }
    }

    /// Moves the span into the text and to character boundaries. Only this function makes spans valid.
    pub fn clamp(&self, span: Span) -> Span {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end).max(start);
        Span::new(start, end)
    }

    /// Returns the part of the span in its first line, without the newline.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let span = self.clamp(span);
        Span::new(span.start, span.start + first_line(&self.text[span.start..span.end]).len())
    }

    /// Returns all lines that overlap the span, without the last newline.
    pub(super) fn lines_of(&self, span: Span) -> Span {
        let span = self.clamp(span);
        let start = self.text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        Span::new(start, span.end + first_line(&self.text[span.end..]).len())
    }

    /// Returns the first byte of each line.
    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(offset, _)| offset + 1)).collect()
        })
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Converts bytes that are not UTF-8 to text, and returns the places of those that were replaced.
fn replaced(bytes: &[u8]) -> (String, Vec<Span>) {
    let mut text = String::with_capacity(bytes.len());
    let mut places = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            let start = text.len();
            text.push(char::REPLACEMENT_CHARACTER);
            places.push(Span::new(start, text.len()));
        }
    }
    (text, places)
}

/// A part of a file.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// The part.
    pub span: Span,
}

impl Place {
    /// Creates a place from a file and a part of it.
    pub fn new(source: &Arc<Source>, span: Span) -> Self {
        Self { source: Arc::clone(source), span }
    }

    /// Returns the position at which it begins.
    pub fn position(&self) -> Position {
        self.source.position(self.span.start)
    }

    /// Returns the line in which it begins.
    pub fn line(&self) -> FileLine {
        FileLine { file: Arc::clone(&self.source.path), line: self.position().line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_carriage_return_ends_a_line_and_one_before_a_newline_does_not() {
        let source = Source::new(Path::new("f"), 0, *b"a\rb\r\nc");
        assert_eq!(source.text(), "a\nb\r\nc");
        assert_eq!(source.position(2), Position { line: 2, column: 1 });
        assert_eq!(source.position(5), Position { line: 3, column: 1 });
        assert_eq!(source.lines_of(Span::new(2, 2)), Span::new(2, 3));
    }

    #[test]
    fn columns_count_characters_and_spans_stay_inside() {
        let source = Source::new(Path::new("f"), 0, "äöü".as_bytes());
        assert_eq!(source.position(4), Position { line: 1, column: 3 });
        assert_eq!(source.clamp(Span::new(1, 99)), Span::new(0, 6));
        assert_eq!(source.clamp(Span::new(50, 40)), Span::new(6, 6));
    }
}
