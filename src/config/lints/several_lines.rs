//! Commands of several lines: what the dialect drops of them.

use super::shell_text::{Inside, ShellText};
use crate::config::diagnostic::{Diagnostic, quoted};
use crate::config::lint::Lint;
use crate::config::reader::{COMMENT, Entry, is_space};
use crate::config::scope::Scope;
use crate::config::source::{Place, Span};

/// A line of a value as it stands in the file.
struct Line<'a> {
    indent: usize,
    content: &'a str,
    /// Where its content stands.
    start: usize,
}

/// Warns of lines that never reach the shell, and of indentation that does not and that means something.
pub(in crate::config) fn check(scope: &mut Scope<'_>, entry: &Entry) {
    let whole = entry.value.place().span;
    let mut offset = whole.start;
    let mut kept = Vec::new();
    for line in scope.document.source.text()[whole.start..whole.end].split_inclusive('\n') {
        let content = line.trim_start_matches(is_space);
        let indent = line.len() - content.len();
        let line_start = offset;
        offset += line.len();
        let content = content.trim_end_matches(is_space);
        let start = line_start + indent;
        if line_start > whole.start && content.starts_with(COMMENT) {
            dropped(scope, content, start);
        } else {
            kept.push(Line { indent, content, start });
        }
    }
    indentation(scope, &kept);
}

fn dropped(scope: &mut Scope<'_>, content: &str, start: usize) {
    let text = content.trim_start_matches(COMMENT).trim_start();
    if text.starts_with("conductor:") {
        return;
    }
    let sign = if content.starts_with(";;") { ";;" } else { &content[..1] };
    let message = format!("the shell never sees this line: {} begins a comment here", quoted(sign));
    let hint = if sign.starts_with(';') {
        "put it at the end of the line before"
    } else {
        "put comments above the step, and a text that needs such lines into a file of its own"
    };
    let place = Place::new(&scope.document.source, Span::new(start, start + content.len()));
    scope.diagnostics.push(Diagnostic::new(Lint::DroppedLine, place, message).hint(hint));
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
    let message = "this indentation is part of a text in the command, and never reaches the shell";
    let hint = "keep the text in a file of its own";
    scope.diagnostics.push(Diagnostic::new(Lint::LostIndentation, place, message).hint(hint));
}
