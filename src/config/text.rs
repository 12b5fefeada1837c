//! The text of a value, with the place in the file that each byte came from.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::{Place, Source, Span};

/// The text of a value: its lines joined, possibly with variables replaced.
#[derive(Debug, Clone)]
pub struct Text {
    source: Arc<Source>,
    /// The part of the file that it begins with, and the whole text unless `made` is set: most texts do not change.
    slice: Span,
    made: Option<Made>,
}

/// A text that is not simply a part of the file.
#[derive(Debug, Clone)]
struct Made {
    content: String,
    /// The origins of its bytes. The first piece begins at 0.
    pieces: Vec<Piece>,
}

/// Some bytes of the text, up to the next piece, and their origin.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: usize,
    origin: Span,
    /// Whether the bytes equal those of the origin; otherwise they replace the origin as a whole.
    exact: bool,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Text {
    /// Creates a text from a part of the file, without changes.
    pub(super) fn new(source: &Arc<Source>, slice: Span) -> Self {
        Self { source: Arc::clone(source), slice, made: None }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.made.as_ref().map_or(&self.source.text()[self.slice.start..self.slice.end], |made| &made.content)
    }

    fn pieces(&self) -> &[Piece] {
        self.made.as_ref().map_or(&[], |made| &made.pieces)
    }

    fn made(&mut self) -> &mut Made {
        let (source, origin) = (&self.source, self.slice);
        self.made.get_or_insert_with(|| Made {
            content: source.text()[origin.start..origin.end].to_owned(),
            pieces: vec![Piece { at: 0, origin, exact: true }],
        })
    }

    /// Returns the file that it came from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the place that it came from, as a whole.
    pub fn place(&self) -> Place {
        self.place_of(0..self.as_str().len())
    }

    /// Returns the place that a part of it came from.
    pub fn place_of(&self, range: Range<usize>) -> Place {
        Place::new(&self.source, self.span(range))
    }

    /// Appends a part of the file.
    pub(super) fn push_slice(&mut self, span: Span) {
        let source = Arc::clone(&self.source);
        self.push(&source.text()[span.start..span.end], span, true);
    }

    /// Appends a part of another text of the same file.
    pub(super) fn push_part(&mut self, other: &Self, range: Range<usize>) {
        let mut from = range.start;
        while from < range.end {
            let after = other.pieces().partition_point(|piece| piece.at <= from);
            let next = other.pieces().get(after).map_or(range.end, |piece| piece.at.min(range.end));
            self.push(&other.as_str()[from..next], other.span(from..next), other.piece(from).exact);
            from = next;
        }
    }

    /// Appends bytes that replace a part of the file.
    pub(super) fn push_for(&mut self, text: &str, origin: Span) {
        self.push(text, origin, false);
    }

    fn push(&mut self, text: &str, origin: Span, exact: bool) {
        if !text.is_empty() {
            let made = self.made();
            made.pieces.push(Piece { at: made.content.len(), origin, exact });
            made.content.push_str(text);
        }
    }

    /// Keeps only the first bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        let made = self.made();
        made.content.truncate(length);
        made.pieces.retain(|piece| piece.at == 0 || piece.at < length);
    }

    /// Returns the bytes of the file that a part of the text came from.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let start = self.origin(range.start).start;
        let end = if range.is_empty() { start } else { self.origin(range.end - 1).end };
        Span::new(start, end.max(start))
    }

    /// Returns the origin of a byte.
    fn origin(&self, offset: usize) -> Span {
        let Piece { at, origin, exact } = self.piece(offset);
        if !exact {
            return origin;
        }
        let start = (origin.start + offset - at).min(origin.end);
        Span::new(start, (start + 1).min(origin.end))
    }

    /// Returns the last piece that begins at or before a byte.
    fn piece(&self, offset: usize) -> Piece {
        let first = Piece { at: 0, origin: self.slice, exact: true };
        let last = self.pieces().partition_point(|piece| piece.at <= offset).checked_sub(1);
        last.map_or(first, |last| self.pieces()[last])
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_part_knows_its_origin() {
        let source = Arc::new(Source::new(Path::new("f"), 0, *b"k = one %(x)s\n   two"));
        let mut text = Text::new(&source, Span::new(4, 4));
        text.push_slice(Span::new(4, 8));
        text.push_for("a long value", Span::new(8, 13));
        text.push_for("\n", Span::new(13, 14));
        text.push_slice(Span::new(17, 20));
        assert_eq!(text.span(1..3), Span::new(5, 7));
        assert_eq!(text.span(6..9), Span::new(8, 13));
        assert_eq!(text.span(18..20), Span::new(18, 20));
        assert_eq!(text.span(0..20), Span::new(4, 20));
        text.truncate(3);
        assert_eq!(text.place().span, Span::new(4, 7));
    }
}
