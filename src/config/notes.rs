//! What the reader found wrong with a file's lines, as diagnostics.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, quoted, quoted_section};
use super::lint::Lint;
use super::reader::{Problem, ProblemKind};
use super::source::{Place, Source, Span};
use super::step::is_timeout_key;
use crate::model::Phase;

/// The diagnostic for one of the reader's problems.
pub(super) fn diagnostic(source: &Arc<Source>, problem: &Problem) -> Diagnostic {
    let place = Place::new(source, problem.span);
    let first = |diagnostic: Diagnostic| match problem.first {
        Some(span) => diagnostic.other(Place::new(source, span), "it stands here first"),
        None => diagnostic,
    };
    let text = |span: Span| &source.text()[span.start..span.end];
    match &problem.kind {
        ProblemKind::ByteOrderMark => {
            Diagnostic::new(Lint::ByteOrderMark, place, "the Python conductor refuses a file with a byte-order mark")
                .hint("save the file as UTF-8 without it")
        }
        ProblemKind::NotUtf8(0) => not_utf8(place, ""),
        ProblemKind::NotUtf8(1) => not_utf8(place, ", here and at another place"),
        ProblemKind::NotUtf8(more) => not_utf8(place, &format!(", here and at {more} more places")),
        ProblemKind::MissingSectionHeader => {
            Diagnostic::new(Lint::MissingSectionHeader, place, "this line stands before any section")
                .hint("a section begins with its name in brackets, as in `[Test]`")
        }
        ProblemKind::NoDelimiter => {
            Diagnostic::new(Lint::NotASetting, place, "this line is neither `[section]` nor `key = value`")
                .hint("to go on with the line before, indent it more than the key's line")
        }
        ProblemKind::EmptyKey => Diagnostic::new(Lint::EmptyKey, place, "nothing stands before the `=` or `:`")
            .hint("to go on with the line before, indent it more than the key's line"),
        ProblemKind::DuplicateSection(name) => {
            let message = format!("{} is there twice", quoted_section(name));
            first(Diagnostic::new(Lint::DuplicateSection, place, message)).hint("put all its lines into one")
        }
        ProblemKind::DuplicateKey { section } if is_phase(text(*section)) && is_timeout_key(text(problem.span)) => {
            let key = text(problem.span).to_lowercase();
            let message = format!("the Python conductor refuses the second {}", quoted(&key));
            first(Diagnostic::new(Lint::RepeatedTimeout, place, message))
                .hint("use different keys, and the time as a prefix of the command: `a = timeout30:command`")
        }
        ProblemKind::DuplicateKey { section } => {
            let key = text(problem.span).to_lowercase();
            let message = format!("the key {} is there twice in {}", quoted(&key), quoted_section(text(*section)));
            let hint = "give it another name; upper and lower case are the same";
            first(Diagnostic::new(Lint::DuplicateKey, place, message)).hint(hint)
        }
    }
}

fn not_utf8(place: Place, more: &str) -> Diagnostic {
    Diagnostic::new(Lint::NotUtf8, place, format!("the file is not UTF-8{more}")).hint("save the file as UTF-8")
}

fn is_phase(section: &str) -> bool {
    Phase::ALL.iter().any(|phase| phase.section() == section)
}
