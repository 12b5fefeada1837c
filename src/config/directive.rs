//! Comments for this program: `# conductor: allow(a, b)` and `# conductor: required(a, b)`.

use super::{Document, Span};

/// The kind of such a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    /// These findings are allowed in the next line.
    Allow,
    /// These variables are set only on the command line.
    Required,
}

impl Directive {
    /// All kinds.
    pub(super) const ALL: [Self; 2] = [Self::Allow, Self::Required];

    /// Returns the text that follows `conductor:`.
    pub(super) const fn opening(self) -> &'static str {
        match self {
            Self::Allow => "allow(",
            Self::Required => "required(",
        }
    }

    /// Iterates over all such comments of a file, each with its names and their places.
    pub(super) fn of(self, document: &Document) -> impl DoubleEndedIterator<Item = (Span, Vec<(&str, Span)>)> {
        document.directives.iter().filter_map(move |comment| {
            let text = &document.source.text()[comment.start..comment.end];
            let (_, rest) = text.split_once(':')?;
            rest.trim_start().starts_with(self.opening()).then(|| (*comment, names(text, comment.start)))
        })
    }
}

/// Returns the names in the parentheses of a comment that begins at `start`.
fn names(text: &str, start: usize) -> Vec<(&str, Span)> {
    let Some(open) = text.find('(').map(|at| at + 1) else { return Vec::new() };
    let end = text[open..].find(')').map_or(text.len(), |length| open + length);
    let mut at = open;
    let mut names = Vec::new();
    for part in text[open..end].split(',') {
        let name = part.trim();
        if !name.is_empty() {
            let begin = start + at + part.len() - part.trim_start().len();
            names.push((name, Span::new(begin, begin + name.len())));
        }
        at += part.len() + 1;
    }
    names
}
