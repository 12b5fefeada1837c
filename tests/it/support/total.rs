//! What must hold for any bytes at all: they are read to their end, and what is found can be shown.
//!
//! The property tests and the fuzz targets share it; `testdata/fuzz` has the fuzz targets' own cases.

use std::path::Path;
use std::sync::Arc;

use conductor::config::dialect::{DEFAULT, Interpolated, Layer, Variables, interpolate, read};
use conductor::config::{
    Diagnostics, Input, Severity, ShellCommand, ShellRefusal, ShellSyntax, Source, Span, validate,
};

/// Separates the files in the bytes for [`whole`]; it is in no UTF-8.
pub const SEPARATOR: u8 = 0xff;

/// The reader alone: every place that it tells of lies in the text, between characters.
pub fn reader(bytes: &[u8]) {
    let source = Arc::new(Source::new(Path::new("any.cfg"), 0, bytes));
    let mut findings = Diagnostics::default();
    let document = read(&source, &mut findings);
    let is_inside = |span: Span| source.text().get(span.start..span.end).is_some();
    for finding in findings.iter() {
        let places = finding.place.iter().chain(finding.others.iter().map(|(place, _)| place));
        assert!(places.into_iter().all(|place| is_inside(place.span)));
    }
    let known = [("worker", Some("w".to_owned()))];
    let mut variables = Variables::of(&document);
    variables.layers.push(Layer::Known(&known));
    for section in &document.sections {
        assert!(is_inside(section.name_span));
        for entry in &section.entries {
            assert!(!entry.key().is_empty());
            assert_eq!(section.entry(entry.key()).map(conductor::config::dialect::Entry::key), Some(entry.key()));
            let Interpolated { text, findings, .. } = interpolate(&entry.value, Some(section), &variables);
            let failed = findings.iter().any(|finding| finding.severity() == Severity::Error);
            assert_eq!(text.is_none(), failed);
            for text in text.iter().chain([&entry.value]) {
                assert!(is_inside(text.place().span));
                for (at, character) in text.as_str().char_indices().take(1000) {
                    assert!(is_inside(text.place_of(at..at + character.len_utf8()).span));
                }
            }
        }
    }
    assert!(document.section(DEFAULT).is_none_or(|section| section.name == DEFAULT));
}

/// The whole of `validate`: the bytes are a test file, and behind each separator a worker file `w0.cfg`, `w1.cfg`, ….
pub fn whole(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == SEPARATOR).take(5);
    let test = Input::Text("test.cfg".into(), Ok(parts.next().unwrap_or_default().to_vec()));
    let workers = parts.enumerate().map(|(at, part)| Input::Text(format!("w{at}.cfg").into(), Ok(part.to_vec())));
    let inputs: Vec<_> = workers.chain([test]).collect();
    shown(&validate(&inputs, &[], Some(&Grumbler)).diagnostics);
    shown(&validate(&inputs, &[], None).diagnostics);
}

/// All forms of the findings can be made, and do nothing to a terminal.
pub fn shown(diagnostics: &Diagnostics) {
    let text = diagnostics.render(false);
    assert_eq!(text.is_empty(), diagnostics.is_empty());
    assert!(text.chars().all(|character| !character.is_control() || matches!(character, '\n' | '\t')), "{text:?}");
    diagnostics.render(true);
    let json: serde_json::Value = serde_json::from_str(&diagnostics.to_json()).unwrap_or_default();
    let github = diagnostics.to_github();
    assert_eq!(json.as_array().map(Vec::len), Some(diagnostics.iter().count()));
    assert_eq!(github.lines().count(), diagnostics.iter().count());
    for finding in diagnostics.iter() {
        assert!(text.contains(finding.name()), "{}", finding.name());
        assert!(!finding.message.contains('\n'), "{}", finding.message);
        assert!(!finding.hint.is_empty(), "{}", finding.message);
        assert!(finding.place.iter().all(|place| place.source.text().get(place.span.start..place.span.end).is_some()));
    }
}

/// A shell that refuses everything, each command at another of its lines.
struct Grumbler;

impl ShellSyntax for Grumbler {
    fn check(&self, commands: &[ShellCommand]) -> Vec<Option<ShellRefusal>> {
        let refusal = |command: &ShellCommand| ShellRefusal {
            reason: "no".to_owned(),
            line: command.command.len().checked_rem(4),
        };
        commands.iter().map(|command| Some(refusal(command))).collect()
    }
}
