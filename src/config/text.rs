//! The text of one value; for each byte, it knows from where in the file it came.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::{Place, Source, Span};

/// The text of a value: its lines joined, perhaps with variables replaced.
#[derive(Debug, Clone)]
pub struct Text {
    source: Arc<Source>,
    /// The part of the file that it begins with, and that it is unless it was made: most texts are read, and not changed.
    slice: Span,
    made: Option<Made>,
}

/// A text that is not just a part of the file.
#[derive(Debug, Clone)]
struct Made {
    content: String,
    /// Where its bytes came from; the first piece begins at 0.
    pieces: Vec<Piece>,
}

/// Some bytes of the text, up to the next piece, and where they came from.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: usize,
    origin: Span,
    /// The bytes are the origin's bytes; otherwise they stand for the origin as a whole.
    exact: bool,
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Text {
    /// A part of the file as it stands there.
    pub(super) fn new(source: &Arc<Source>, slice: Span) -> Self {
        Self { source: Arc::clone(source), slice, made: None }
    }

    /// The text.
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

    /// The file that it came from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Where it came from, as a whole.
    pub fn place(&self) -> Place {
        self.place_of(0..self.as_str().len())
    }

    /// Where a part of it came from.
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

    /// Appends bytes that stand for a part of the file.
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

    /// Keeps the first bytes only.
    pub(super) fn truncate(&mut self, length: usize) {
        let made = self.made();
        made.content.truncate(length);
        made.pieces.retain(|piece| piece.at == 0 || piece.at < length);
    }

    /// The bytes of the file that a part of the text came from.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let start = self.origin(range.start).start;
        let end = if range.is_empty() { start } else { self.origin(range.end - 1).end };
        Span::new(start, end.max(start))
    }

    /// Where one byte came from.
    fn origin(&self, offset: usize) -> Span {
        let Piece { at, origin, exact } = self.piece(offset);
        if !exact {
            return origin;
        }
        let start = (origin.start + offset - at).min(origin.end);
        Span::new(start, (start + 1).min(origin.end))
    }

    /// The last piece that begins at or before a byte.
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
