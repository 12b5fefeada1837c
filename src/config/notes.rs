//! What the reader found wrong with a file's lines, as diagnostics.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, quoted};
use super::reader::{Problem, ProblemKind};
use super::source::{Place, Source};
use super::step::is_timeout_key;
use crate::model::Phase;

/// The diagnostic for one of the reader's problems.
pub(super) fn diagnostic(source: &Arc<Source>, problem: &Problem) -> Diagnostic {
    let place = Place::new(source, problem.span);
    let first = |diagnostic: Diagnostic| match problem.first {
        Some(span) => diagnostic.other(Place::new(source, span), "it stands here first"),
        None => diagnostic,
    };
    match &problem.kind {
        ProblemKind::ByteOrderMark => {
            Diagnostic::warning("byte-order-mark", place, "the Python seed refuses a file with a byte-order mark")
                .hint("save the file as UTF-8 without it")
        }
        ProblemKind::NotUtf8(0) => not_utf8(place, ""),
        ProblemKind::NotUtf8(more) => not_utf8(place, &format!(", here and at {more} more places")),
        ProblemKind::MissingSectionHeader => {
            Diagnostic::error("missing-section-header", place, "this line stands before any section")
                .hint("a section begins with its name in brackets, as in `[Test]`")
        }
        ProblemKind::NoDelimiter => {
            Diagnostic::error("not-a-setting", place, "this line is neither `[section]` nor `key = value`")
                .hint("to go on with the line before, indent it more than the key's line")
        }
        ProblemKind::EmptyKey => Diagnostic::error("empty-key", place, "nothing stands before the `=` or `:`")
            .hint("to go on with the line before, indent it more than the key's line"),
        ProblemKind::DuplicateSection(name) => {
            let message = format!("the section {} is there twice", quoted(name));
            first(Diagnostic::error("duplicate-section", place, message)).hint("put all its lines into one")
        }
        ProblemKind::DuplicateKey { section, key } if is_phase(section) && is_timeout_key(key) => {
            let message = format!("the Python seed refuses the second {}", quoted(key));
            first(Diagnostic::warning("repeated-timeout", place, message))
                .hint("use different keys, and the time as a prefix of the command: `a = timeout30:command`")
        }
        ProblemKind::DuplicateKey { section, key } => {
            let message = format!("the key {} is there twice in {}", quoted(key), quoted(&format!("[{section}]")));
            let hint = "give it another name; upper and lower case are the same";
            first(Diagnostic::error("duplicate-key", place, message)).hint(hint)
        }
    }
}

fn not_utf8(place: Place, more: &str) -> Diagnostic {
    Diagnostic::error("not-utf8", place, format!("the file is not UTF-8{more}")).hint("save the file as UTF-8")
}

fn is_phase(section: &str) -> bool {
    Phase::ALL.iter().any(|phase| phase.section() == section)
}
