//! Findings as human-readable text in the style of rustc, by `annotate-snippets`.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::config::{Diagnostic, Diagnostics, Place, Severity, Source, Span};

/// The longest line that is shown: a longer one was not written by hand, and a mark in it would be hard to find.
const LONGEST_LINE: usize = 4096;
/// The maximum distance of two places in one excerpt.
const FAR: usize = 2048;

impl Diagnostics {
    /// Formats all findings as text, separated by blank lines. The text is empty if there are none.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let texts: Vec<_> = self.iter().map(|finding| renderer.render(&[group(finding)]) + "\n").collect();
        texts.join("\n")
    }
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.name());
    let group = match &diagnostic.place {
        None => title.element(Origin::path(harmless(&diagnostic.path.to_string_lossy()))),
        Some(place) => {
            let (near, elsewhere): (Vec<_>, Vec<_>) =
                diagnostic.others.iter().partition(|(other, _)| are_near(place, other));
            let mut group = excerpt(Group::with_title(title), &place.source, Some(place), &near);
            for other in elsewhere {
                group = excerpt(group, &other.0.source, None, &[other]);
            }
            group
        }
    };
    group.element(Level::HELP.with_name("hint").message(harmless(&diagnostic.hint)))
}

fn are_near(left: &Place, right: &Place) -> bool {
    left.source.order() == right.source.order() && left.span.start.abs_diff(right.span.start) < FAR
}

/// Shows the lines from the first marked one to the last. The rest of the file is left out, so that the time does not
/// depend on the length of the file; so are lines that are too long for a screen.
fn excerpt<'a>(
    group: Group<'a>,
    source: &'a Source,
    primary: Option<&Place>,
    others: &[&'a (Place, String)],
) -> Group<'a> {
    let places = primary.into_iter().map(|place| (AnnotationKind::Primary, place, None));
    let others = others.iter().map(|(place, label)| (AnnotationKind::Context, place, Some(harmless(label))));
    let spans: Vec<_> =
        places.chain(others).map(|(kind, place, label)| (kind, source.first_line(place.span), label)).collect();
    let first = spans.iter().map(|(_, span, _)| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|(_, span, _)| span.end).max().unwrap_or(0);
    let lines = source.lines_of(Span::new(first, last));
    let path = harmless(&source.path().to_string_lossy());
    if lines.end - lines.start > LONGEST_LINE + FAR {
        let position = source.position(first);
        return group.element(Origin::path(path).line(position.line).char_column(position.column));
    }
    let text = without_c1(&source.text()[lines.start..lines.end]);
    let mut snippet = Snippet::source(text).line_start(source.position(first).line).path(path);
    for (kind, span, label) in spans {
        snippet = snippet.annotation(kind.span(span.start - lines.start..span.end - lines.start).label(label));
    }
    group.element(snippet)
}

/// Makes a text safe for a terminal.
fn harmless(text: &str) -> String {
    normalize_untrusted_str(&without_c1(text))
}

/// Replaces the control characters of C1, which some terminals obey and the library leaves unchanged. The replacement
/// also has two bytes, so that spans stay correct.
fn without_c1(text: &str) -> String {
    text.replace(|character| matches!(character, '\u{80}'..='\u{9f}'), "\u{b7}")
}
