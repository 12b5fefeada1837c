//! What Python's `configparser` would say of a text, told from what our reader says of it.

use std::path::Path;
use std::sync::Arc;

use conductor::config::dialect::{DEFAULT, Document, Entry, Interpolated, Section, Variables, interpolate, read};
use conductor::config::{Diagnostic, Diagnostics, Lint, Source};
use serde_json::{Value, json};

/// Reads a text.
pub fn parse(bytes: &[u8]) -> (Document, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::default();
    let document = read(&Arc::new(Source::new(Path::new("case.cfg"), 0, bytes)), &mut diagnostics);
    (document, diagnostics.with_python().iter().cloned().collect())
}

/// What Python would raise for a finding of the reader.
pub fn python_error(finding: &Diagnostic) -> &'static str {
    match finding.lint {
        Lint::ByteOrderMark | Lint::MissingSectionHeader => "MissingSectionHeaderError",
        Lint::NotUtf8 => "UnicodeDecodeError",
        Lint::NotASetting | Lint::EmptyKey => "ParsingError",
        Lint::DuplicateSection => "DuplicateSectionError",
        Lint::DuplicateKey | Lint::RepeatedTimeout => "DuplicateOptionError",
        lint => panic!("the reader does not look for {}", lint.name()),
    }
}

/// What Python's `get` would return or raise.
pub fn python_value(document: &Document, section: &str, entry: &Entry) -> Value {
    let variables = Variables::of(document);
    let Interpolated { text, findings, .. } = interpolate(&entry.value, document.section(section), &variables);
    let error = findings.first().map(|finding| match finding.lint {
        Lint::LonePercent | Lint::BadReference => "InterpolationSyntaxError",
        Lint::UndefinedVariable => "InterpolationMissingOptionError",
        Lint::VariableDepth => "InterpolationDepthError",
        Lint::TooLarge => "none: Python takes all memory",
        lint => panic!("variables are not {}", lint.name()),
    });
    match (text, error) {
        (_, Some(error)) => json!({ "error": error }),
        (Some(text), None) => json!(text.as_str()),
        (None, None) => panic!("no value, and no reason"),
    }
}

/// All sections with all their keys and values, `[DEFAULT]` first, as the recorded cases have them.
pub fn python_sections(document: &Document) -> Value {
    // Python has a section of this name in any case, and so does not tell whether it is written.
    let is_there = |section: &&Section| section.name != DEFAULT || !section.entries.is_empty();
    let mut sections: Vec<_> = document.sections.iter().filter(is_there).collect();
    sections.sort_by_key(|section| section.name != DEFAULT);
    let section = |section: &Section| {
        let option = |entry: &Entry| {
            let value = python_value(document, &section.name, entry);
            json!({ "key": entry.key(), "raw": entry.value.as_str(), "value": value })
        };
        json!({ "section": section.name, "options": section.entries.iter().map(option).collect::<Vec<_>>() })
    };
    json!({ "sections": sections.into_iter().map(section).collect::<Vec<_>>() })
}
