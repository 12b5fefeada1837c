//! `# conductor: allow(name)`: a comment that suppresses the warnings with that name in the next line.
//!
//! Several such comments can precede a line, and each can contain several names. Errors cannot be suppressed: `conduct`
//! would still reject the test.

use super::{Diagnostic, Diagnostics, Directive, Document, Lint, Place, Severity, Span, nearest, quoted};

/// A name in such a comment.
#[derive(Debug, Clone)]
struct Allow {
    /// The name as written.
    name: String,
    span: Span,
    /// The lint that it allows; `None` if no lint has that name.
    lint: Option<Lint>,
    /// The number, from 1, of the line in which it allows the lint.
    line: usize,
    /// Whether it suppressed a finding.
    used: bool,
}

/// Removes the findings that the file's comments allow, and reports comments without effect. `was_checked` returns
/// whether a lint was checked at all: a comment for another lint may have an effect elsewhere.
pub(super) fn apply(document: &Document, was_checked: impl Fn(Option<Lint>) -> bool, diagnostics: &mut Diagnostics) {
    let mut allows = allows(document);
    diagnostics.silence(document.source.order(), |finding| {
        let line = finding.position().map(|position| position.line);
        let allow = allows.iter_mut().find(|allow| Some(allow.line) == line && allow.lint == Some(finding.lint));
        allow.map(|allow| allow.used = true).is_some()
    });
    let useless = allows.iter().filter(|allow| !allow.used && was_checked(allow.lint));
    diagnostics.extend(useless.map(|allow| self::useless(document, allow)));
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
            (format!("{name} is an error and cannot be silenced"), "correct the next line instead".to_owned())
        }
        Some(_) => (format!("the next line has no finding {name}"), "remove it".to_owned()),
    };
    Diagnostic::new(Lint::UnusedAllow, place, message, hint)
}

/// Returns all names in such comments of a file. A comment above another one applies to the line below both.
fn allows(document: &Document) -> Vec<Allow> {
    let source = &document.source;
    let mut found: Vec<Allow> = Vec::new();
    for (comment, names) in Directive::Allow.of(document).rev() {
        let own_line = source.position(comment.start).line;
        let below = found.last().filter(|below| source.position(below.span.start).line == own_line + 1);
        let line = below.map_or(own_line + 1, |below| below.line);
        found.extend(names.into_iter().map(|(name, span)| Allow {
            name: name.to_owned(),
            span,
            lint: Lint::by_name(name),
            line,
            used: false,
        }));
    }
    found
}
