//! Diagnostics as text for people: the look of rustc, by `annotate-snippets`.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::source::{Place, Source};

impl Diagnostics {
    /// All findings as text, a blank line between them; empty when there is none.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut all = String::new();
        for diagnostic in self {
            if !all.is_empty() {
                all.push('\n');
            }
            all.push_str(&renderer.render(&[group(diagnostic)]));
            all.push('\n');
        }
        all
    }
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.name);
    let mut group = match &diagnostic.place {
        None => title.element(Origin::path(harmless(&diagnostic.path.to_string_lossy()))),
        Some(place) => {
            let (same, elsewhere): (Vec<_>, Vec<_>) =
                diagnostic.others.iter().partition(|(other, _)| other.source.order() == place.source.order());
            let mut group = title.element(snippet(&place.source, Some(place), &same));
            for other in elsewhere {
                group = group.element(snippet(&other.0.source, None, &[other]));
            }
            group
        }
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(harmless(hint)));
    }
    group
}

/// The lines from the first marked one to the last. The rest of the file is left out, so that the time for a finding
/// does not depend on the file's length.
fn snippet<'a>(
    source: &'a Source,
    primary: Option<&Place>,
    others: &[&'a (Place, String)],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let spans: Vec<_> = primary
        .map(|place| (AnnotationKind::Primary, source.first_line(place.span), None))
        .into_iter()
        .chain(
            others
                .iter()
                .map(|(place, label)| (AnnotationKind::Context, source.first_line(place.span), Some(harmless(label)))),
        )
        .collect();
    let first = spans.iter().map(|(_, span, _)| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|(_, span, _)| span.end).max().unwrap_or(0);
    let first_line = source.line_index(first);
    let start = source.line_starts()[first_line];
    let end = source.line_end(source.line_index(last)).max(last);
    let path = harmless(&source.path().to_string_lossy());
    let mut snippet = Snippet::source(without_c1(&source.text()[start..end])).line_start(first_line + 1).path(path);
    for (kind, span, label) in spans {
        snippet = snippet.annotation(kind.span(span.start - start..span.end - start).label(label));
    }
    snippet
}

/// A text that does nothing to a terminal.
fn harmless(text: &str) -> String {
    normalize_untrusted_str(&without_c1(text))
}

/// The library shows all control characters by signs but those of C1, which some terminals obey. The sign that stands
/// for them here has the same two bytes' length, so that spans stay right.
fn without_c1(text: &str) -> String {
    text.replace(|character| matches!(character, '\u{80}'..='\u{9f}'), "\u{b7}")
}
