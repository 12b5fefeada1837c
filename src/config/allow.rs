//! `# conductor: allow(name)`: a comment that silences the warnings of that name in the line below it.
//!
//! Several such comments may stand above one line, and one may have several names. Errors can't be silenced: `conduct`
//! would refuse the test all the same.

use std::sync::Arc;

use super::{Diagnostic, Diagnostics, Document, Lint, Place, Severity, Span, nearest, quoted};

/// One name in one comment.
#[derive(Debug, Clone)]
struct Allow {
    /// The name as it was written.
    name: String,
    span: Span,
    /// What it allows; `None` when nothing has that name.
    lint: Option<Lint>,
    /// The line, from 1, in which it allows it.
    line: usize,
    /// Whether it silenced something.
    used: bool,
}

/// Takes out what the file's comments allow.
pub(super) fn silence(document: &Document, diagnostics: &mut Diagnostics) {
    apply_to(document, &mut allows(document), diagnostics);
}

/// Takes out what the file's comments allow, and reports what is of no use. `looked_for` tells whether a lint was looked for at all: an allowance of
/// one that was not can't be called useless.
pub(super) fn apply(document: &Document, looked_for: impl Fn(Lint) -> bool, diagnostics: &mut Diagnostics) {
    let mut allows = allows(document);
    apply_to(document, &mut allows, diagnostics);
    for allow in allows.iter().filter(|allow| !allow.used && allow.lint.is_none_or(&looked_for)) {
        diagnostics.push(useless(document, allow));
    }
}

fn apply_to(document: &Document, allows: &mut [Allow], diagnostics: &mut Diagnostics) {
    diagnostics.silence(document.source.order(), |finding| {
        let line = finding.position().map(|position| position.line);
        let allow = allows.iter_mut().find(|allow| Some(allow.line) == line && allow.lint == Some(finding.lint));
        allow.map(|allow| allow.used = true).is_some()
    });
}

fn useless(document: &Document, allow: &Allow) -> Diagnostic {
    let place = Place::new(&document.source, allow.span);
    let name = quoted(&allow.name);
    let (message, hint) = match allow.lint {
        None => {
            let known = Lint::ALL.iter().map(|lint| lint.name());
            let list = || "`conductor validate --list` prints all names".to_owned();
            (format!("unknown lint {name}"), nearest::hint_or(&allow.name, known, list))
        }
        Some(lint) if lint.severity() == Severity::Error => {
            (format!("{name} is an error, which cannot be allowed"), "correct the line below instead".to_owned())
        }
        Some(_) => (format!("the next line has no finding {name}"), "remove it".to_owned()),
    };
    Diagnostic::new(Lint::UnusedAllow, place, message, hint)
}

/// All allowances of a file. A comment above another one allows it in the line below both.
fn allows(document: &Document) -> Vec<Allow> {
    let source = Arc::clone(&document.source);
    let mut found: Vec<Allow> = Vec::new();
    for directive in document.directives.iter().rev() {
        let own_line = source.position(directive.start).line;
        let below = found.last().filter(|below| source.position(below.span.start).line == own_line + 1);
        let line = below.map_or(own_line + 1, |below| below.line);
        let text = &source.text()[directive.start..directive.end];
        found.extend(names(text).into_iter().map(|(name, at)| {
            let span = Span::new(directive.start + at, directive.start + at + name.len());
            Allow { name: name.to_owned(), span, lint: Lint::by_name(name), line, used: false }
        }));
    }
    found
}

/// The names in `conductor: allow(a, b)`, each with its place.
fn names(text: &str) -> Vec<(&str, usize)> {
    const OPEN: &str = "allow(";
    let Some(start) = text.find(OPEN).map(|at| at + OPEN.len()) else { return Vec::new() };
    let end = text[start..].find(')').map_or(text.len(), |length| start + length);
    let mut at = start;
    let mut names = Vec::new();
    for part in text[start..end].split(',') {
        let name = part.trim();
        if !name.is_empty() {
            names.push((name, at + part.len() - part.trim_start().len()));
        }
        at += part.len() + 1;
    }
    names
}
