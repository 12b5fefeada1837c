//! Lints on commands of several lines: text that does not reach the shell.

use super::shell_text::ShellText;
use crate::config::reader::COMMENT;
use crate::config::{Entry, Lint, Place, Scope, Span, is_space, quoted};

/// A line of a value as written in the file.
struct Line<'a> {
    indent: usize,
    content: &'a str,
    /// The byte offset of its content.
    start: usize,
}

/// Warns about lines that never reach the shell, and about significant indentation that does not reach it.
pub(in crate::config) fn check(scope: &mut Scope<'_>, entry: &Entry) {
    let whole = entry.value.span(0..entry.value.as_str().len());
    let text = &entry.value.source().text()[whole.start..whole.end];
    if !text.contains('\n') {
        return;
    }
    let mut lines = lines(text, whole.start);
    let first = lines.next();
    let (dropped, kept): (Vec<_>, Vec<_>) = lines.partition(|line| line.content.starts_with(COMMENT));
    for line in dropped {
        self::dropped(scope, line.content, line.start);
    }
    indentation(scope, first.iter().chain(&kept));
}

/// Iterates over the lines of a value that begins at byte `start`.
fn lines(text: &str, start: usize) -> impl Iterator<Item = Line<'_>> {
    let mut offset = start;
    text.split_inclusive('\n').map(move |line| {
        let content = line.trim_start_matches(is_space);
        let indent = line.len() - content.len();
        let start = offset + indent;
        offset += line.len();
        Line { indent, content: content.trim_end_matches(is_space), start }
    })
}

fn dropped(scope: &mut Scope<'_>, content: &str, start: usize) {
    let text = content.trim_start_matches(COMMENT).trim_start();
    if text.starts_with("conductor:") {
        return;
    }
    let sign = if content.starts_with(";;") { ";;" } else { &content[..1] };
    let message = format!("this line does not reach the shell, because {} begins a comment", quoted(sign));
    let hint = if sign.starts_with(';') {
        "move it to the end of the previous line"
    } else {
        "move comments above the step, and move a text that needs such lines to a separate file"
    };
    let place = Place::new(&scope.document.source, Span::new(start, start + content.len()));
    scope.report(Lint::DroppedLine, place, message, hint);
}

/// Warns once per command, at the first line that is indented more than the least indented one in quoted text.
fn indentation<'a>(scope: &mut Scope<'_>, lines: impl Iterator<Item = &'a Line<'a>>) {
    let mut shell = ShellText::default();
    let inside: Vec<_> = lines.filter(|line| shell.is_data(line.content) && !line.content.is_empty()).collect();
    let Some(least) = inside.iter().map(|line| line.indent).min() else { return };
    let Some(line) = inside.iter().find(|line| line.indent > least) else { return };
    let place = Place::new(&scope.document.source, Span::new(line.start - line.indent, line.start));
    let message = "this indentation in a quoted text or here-document does not reach the shell";
    let hint = "move the text to a separate file";
    scope.report(Lint::LostIndentation, place, message, hint);
}
