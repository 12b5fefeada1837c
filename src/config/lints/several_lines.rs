//! Commands of several lines: what the dialect drops of them.

use super::shell_text::{Inside, ShellText};
use crate::config::reader::COMMENT;
use crate::config::{Diagnostic, Entry, Lint, Place, Scope, Span, is_space, quoted};

/// A line of a value as it stands in the file.
struct Line<'a> {
    indent: usize,
    content: &'a str,
    /// Where its content stands.
    start: usize,
}

/// Warns of lines that never reach the shell, and of indentation that does not and that means something.
pub(in crate::config) fn check(scope: &mut Scope<'_>, entry: &Entry) {
    let whole = entry.value.span(0..entry.value.as_str().len());
    let text = &scope.document.source.text()[whole.start..whole.end];
    // Behind a single line break stands what the command goes on with, as it is meant.
    if memchr::memchr_iter(b'\n', text.as_bytes()).nth(1).is_none() {
        return;
    }
    let (mut least, mut most) = (usize::MAX, 0);
    for line in lines(text, whole.start).skip(1) {
        if line.content.starts_with(COMMENT) {
            dropped(scope, line.content, line.start);
        } else if !line.content.is_empty() {
            (least, most) = (least.min(line.indent), most.max(line.indent));
        }
    }
    // Most commands are indented evenly, and need no closer look.
    if least < most {
        let kept: Vec<_> = lines(text, whole.start).filter(|line| !line.content.starts_with(COMMENT)).collect();
        indentation(scope, &kept);
    }
}

/// The lines of a value; `start` is where it stands.
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
        "put it at the end of the line before"
    } else {
        "put comments above the step, and a text that needs such lines into a file of its own"
    };
    let place = Place::new(&scope.document.source, Span::new(start, start + content.len()));
    scope.diagnostics.push(Diagnostic::new(Lint::DroppedLine, place, message, hint));
}

/// One warning for a command is enough, at the first line that stands deeper than its text as a whole.
fn indentation(scope: &mut Scope<'_>, lines: &[Line<'_>]) {
    let mut shell = ShellText::default();
    let mut inside = Vec::new();
    for line in lines {
        if shell.line(line.content) == Inside::Data && !line.content.is_empty() {
            inside.push(line);
        }
    }
    let Some(least) = inside.iter().map(|line| line.indent).min() else { return };
    let Some(line) = inside.iter().find(|line| line.indent > least) else { return };
    let place = Place::new(&scope.document.source, Span::new(line.start - line.indent, line.start));
    let message = "this indentation in a quoted text or here-document does not reach the shell";
    let hint = "keep the text in a file of its own";
    scope.diagnostics.push(Diagnostic::new(Lint::LostIndentation, place, message, hint));
}
