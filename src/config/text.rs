//! The text of one value, of which each byte still knows where in its file it came from.

use std::ops::Range;
use std::sync::Arc;

use super::source::{Extent, Place, Source, Span};

/// The text of a value: lines joined, and variables replaced, as far as that was done.
#[derive(Debug, Clone)]
pub struct Text {
    source: Arc<Source>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// It stands in the file just so, as nearly every value does.
    Slice(Extent),
    /// It was put together.
    Joined(Box<Joined>),
}

#[derive(Debug, Clone)]
struct Joined {
    text: String,
    pieces: Vec<Piece>,
}

/// Some bytes of the text, up to the next piece, and where they came from.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: u32,
    origin: Extent,
    /// The bytes are the origin's bytes; otherwise they stand for the origin as a whole.
    exact: bool,
}

impl Text {
    /// A part of the file as it stands there.
    pub(super) fn new(source: &Arc<Source>, span: Span) -> Self {
        Self { source: Arc::clone(source), content: Content::Slice(span.into()) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.content {
            Content::Slice(extent) => {
                let span = Span::from(*extent);
                &self.source.text()[span.start..span.end]
            }
            Content::Joined(joined) => &joined.text,
        }
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
        let Content::Joined(joined) = &other.content else {
            return self.push(&other.as_str()[range.clone()], other.span(range), true);
        };
        let mut from = range.start;
        while from < range.end {
            let after = joined.pieces.partition_point(|piece| piece.at as usize <= from);
            let next = joined.pieces.get(after).map_or(range.end, |piece| (piece.at as usize).min(range.end));
            let exact = joined.pieces.get(after.saturating_sub(1)).is_some_and(|piece| piece.exact);
            self.push(&joined.text[from..next], other.span(from..next), exact);
            from = next;
        }
    }

    /// Appends bytes that stand for a part of the file.
    pub(super) fn push_for(&mut self, text: &str, origin: Span) {
        self.push(text, origin, false);
    }

    fn push(&mut self, text: &str, origin: Span, exact: bool) {
        if text.is_empty() {
            return;
        }
        if let Content::Slice(extent) = self.content {
            let origin = Span::from(extent);
            let old = &self.source.text()[origin.start..origin.end];
            // Another line or variable follows in most cases, and nothing more.
            let mut joined =
                Joined { text: String::with_capacity(old.len() + text.len() + 48), pieces: Vec::with_capacity(3) };
            joined.text.push_str(old);
            joined.pieces.push(Piece { at: 0, origin: extent, exact: true });
            self.content = Content::Joined(Box::new(joined));
        }
        if let Content::Joined(joined) = &mut self.content {
            joined.pieces.push(Piece { at: short(joined.text.len()), origin: origin.into(), exact });
            joined.text.push_str(text);
        }
    }

    /// Keeps the first bytes only.
    pub(super) fn truncate(&mut self, length: usize) {
        match &mut self.content {
            Content::Slice(extent) => {
                let span = Span::from(*extent);
                *extent = Span::new(span.start, span.end.min(span.start + length)).into();
            }
            Content::Joined(joined) => {
                joined.text.truncate(length);
                joined.pieces.retain(|piece| piece.at == 0 || (piece.at as usize) < length);
            }
        }
    }

    /// The bytes of the file that a part of the text came from.
    pub(in crate::config) fn span(&self, range: Range<usize>) -> Span {
        match &self.content {
            Content::Slice(extent) => {
                let start = Span::from(*extent).start;
                Span::new(start + range.start, start + range.end)
            }
            Content::Joined(joined) => joined.span(range),
        }
    }
}

impl Joined {
    fn span(&self, range: Range<usize>) -> Span {
        let start =
            self.origin(
                range.start,
                |origin, exact, offset| {
                    if exact { (origin.start + offset).min(origin.end) } else { origin.start }
                },
            );
        if range.is_empty() {
            return Span::new(start, start);
        }
        let end =
            self.origin(
                range.end - 1,
                |origin, exact, offset| {
                    if exact { (origin.start + offset + 1).min(origin.end) } else { origin.end }
                },
            );
        Span::new(start, end.max(start))
    }

    fn origin(&self, offset: usize, find: impl Fn(Span, bool, usize) -> usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.at as usize <= offset);
        let piece = self.pieces.get(after.saturating_sub(1));
        piece.map_or(0, |piece| find(piece.origin.into(), piece.exact, offset - piece.at as usize))
    }
}

/// A place in a value, none of which is longer than this can tell.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
