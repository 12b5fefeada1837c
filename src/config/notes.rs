//! What the reader found wrong with a file's lines, as diagnostics.

use std::sync::Arc;

use super::reader::{Problem, ProblemKind};
use super::step::is_timeout_key;
use super::{Diagnostic, Lint, Place, Reason, Source, Span, quoted, quoted_section};
use crate::model::Phase;

/// The diagnostic for one of the reader's problems.
pub(super) fn diagnostic(source: &Arc<Source>, problem: &Problem) -> Diagnostic {
    const CONTINUE: &str = "to continue the line before, indent this line more than the line with the key";
    let text = |span: Span| &source.text()[span.start..span.end];
    let reason = match &problem.kind {
        ProblemKind::ByteOrderMark => Reason::new(
            Lint::ByteOrderMark,
            "the Python conductor does not accept a byte-order mark",
            "save the file as UTF-8 without it",
        ),
        ProblemKind::NotUtf8(more) => {
            let places = match more {
                0 => String::new(),
                1 => ", here and at another place".to_owned(),
                more => format!(", here and at {more} more places"),
            };
            Reason::new(Lint::NotUtf8, format!("the file is not valid UTF-8{places}"), "save the file as UTF-8")
        }
        ProblemKind::MissingSectionHeader => Reason::new(
            Lint::MissingSectionHeader,
            "this line comes before the first section",
            "a section begins with its name in brackets, as in `[Test]`",
        ),
        ProblemKind::NoDelimiter => {
            Reason::new(Lint::NotASetting, "this line is neither `[section]` nor `key = value`", CONTINUE)
        }
        ProblemKind::EmptyKey => Reason::new(Lint::EmptyKey, "the line has no key before the `=` or `:`", CONTINUE),
        ProblemKind::DuplicateSection(name) => {
            let message = format!("{} is defined twice", quoted_section(name));
            Reason::new(Lint::DuplicateSection, message, "put all its lines into one section")
        }
        ProblemKind::DuplicateKey { section } if is_phase(text(*section)) && is_timeout_key(text(problem.span)) => {
            let key = quoted(&text(problem.span).to_lowercase());
            let message = format!("the Python conductor does not accept a second {key}");
            let hint = "use different keys, and the time as a prefix of the command: `a = timeout30:command`";
            Reason::new(Lint::RepeatedTimeout, message, hint)
        }
        ProblemKind::DuplicateKey { section } => {
            let key = quoted(&text(problem.span).to_lowercase());
            let message = format!("the key {key} is defined twice in {}", quoted_section(text(*section)));
            let hint = "use another name; upper and lower case are the same";
            Reason::new(Lint::DuplicateKey, message, hint)
        }
    };
    let diagnostic = reason.at(Place::new(source, problem.span));
    match problem.first {
        Some(first) => diagnostic.other(Place::new(source, first), "first defined here"),
        None => diagnostic,
    }
}

fn is_phase(section: &str) -> bool {
    Phase::ALL.iter().any(|phase| phase.section() == section)
}
