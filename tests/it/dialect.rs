//! The dialect against two oracles: recorded answers of Python's `configparser`, and the `ini` crate.

use std::fmt::Write;

use conductor::config::dialect::{Interpolated, Variables, interpolate};
use conductor::config::{Lint, Position};
use ini::{Ini, ParseOption};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::configparser::{parse, python_error, python_sections, python_value};

fn case_bytes(case: &Value) -> Vec<u8> {
    if let Some(text) = case["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    let hex = case["bytes_hex"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn all_recorded_cases_have_the_answer_of_python() {
    let cases = std::fs::read_to_string("testdata/seed/dialect/cases.jsonl").unwrap();
    let mut count = 0;
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (document, problems) = parse(&case_bytes(&case));
        let name = &case["case"];
        let python = &case["python"];
        match problems.as_slice() {
            [] => assert_eq!(&python_sections(&document), python, "{name}"),
            [problem] => {
                assert_eq!(python_error(problem), python["error"], "{name}");
                if let Some(line) = python["line"].as_u64() {
                    assert_eq!(problem.position().map(|position| position.line as u64), Some(line), "{name}");
                }
            }
            more => panic!("{name}: {more:?}"),
        }
        count += 1;
    }
    assert_eq!(count, 40);
}

#[test]
fn what_python_refuses_and_we_accept_is_read_as_it_is_meant() {
    let (document, problems) = parse("\u{feff}[a]\nk = date +%s 100%% %\n".as_bytes());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].lint, Lint::ByteOrderMark);
    let entry = document.section("a").unwrap().entry("k").unwrap();
    let variables = Variables::of(&document);
    let Interpolated { text, findings, .. } = interpolate(&entry.value, document.section("a"), &variables);
    assert_eq!(text.unwrap().as_str(), "date +%s 100% %");
    assert_eq!(findings.len(), 1, "one warning for a value is enough");
    assert_eq!(findings[0].position(), Some(Position { line: 2, column: 11 }));
}

#[test]
fn the_reader_goes_on_behind_every_problem() {
    let text = "early = 1\n[a]\nno delimiter\n= v\nk = 1\nk = 2\n[a]\nj = 3\nbad\n";
    let (document, problems) = parse(text.as_bytes());
    let lines: Vec<_> =
        problems.iter().map(|problem| (python_error(problem), problem.position().unwrap().line)).collect();
    assert_eq!(
        lines,
        [
            ("MissingSectionHeaderError", 1),
            ("ParsingError", 3),
            ("ParsingError", 4),
            ("DuplicateOptionError", 6),
            ("DuplicateSectionError", 7),
            ("ParsingError", 9),
        ]
    );
    assert_eq!(document.section("a").unwrap().entry("j").unwrap().value.as_str(), "3");
}

#[test]
fn separators_that_python_strips_are_stripped() {
    let (document, _) = parse("[a]\n\u{1c}k\u{1d} =\u{1f} v \u{1e}\n".as_bytes());
    // The separator is white space, so the line is indented, but no entry is there yet to be continued.
    assert_eq!(document.section("a").unwrap().entry("k").unwrap().value.as_str(), "v");
}

#[test]
fn variables_ten_deep_are_replaced_and_eleven_are_not() {
    for (depth, fits) in [(10, true), (11, false)] {
        let mut text = String::from("[a]\n");
        for level in 1..depth {
            writeln!(text, "v{level} = %(v{})s", level + 1).unwrap();
        }
        writeln!(text, "v{depth} = 100%%").unwrap();
        let (document, _) = parse(text.as_bytes());
        let entry = document.section("a").unwrap().entry("v1").unwrap();
        let value = python_value(&document, "a", entry);
        let wanted = if fits { json!("100%") } else { json!({ "error": "InterpolationDepthError" }) };
        assert_eq!(value, wanted, "{depth}");
    }
}

#[test]
fn variables_that_multiply_end_soon() {
    let mut text = String::from("[a]\nv10 = \n");
    for level in (1..10).rev() {
        writeln!(text, "v{level} = {}", format!("%(v{})s", level + 1).repeat(200)).unwrap();
    }
    let (document, _) = parse(text.as_bytes());
    let entry = document.section("a").unwrap().entry("v1").unwrap();
    let variables = Variables::of(&document);
    let Interpolated { text: value, findings, .. } = interpolate(&entry.value, document.section("a"), &variables);
    assert!(value.is_none());
    assert_eq!(findings[0].lint, Lint::TooLarge);
}

/// A text in the language that Python and the `ini` crate read alike: no quotes, escapes, comments behind values, and
/// keys of lower case, each once; a continued value's lines are indented.
fn common_subset() -> impl Strategy<Value = String> {
    let value = "([!-!$-&(-:<-\\[\\]-~][ -!#-&(-\\[\\]-~]{0,12}[!$-&(-:<-\\[\\]-~])?";
    let noise = prop_oneof![Just(String::new()), Just("# a comment\n".to_owned()), Just("; another\n".to_owned())];
    let entry = ("[a-z][a-z0-9_.]{0,6}", prop_oneof![Just("="), Just(":"), Just(" = "), Just(" : ")], value, noise)
        .prop_map(|(key, delimiter, value, noise)| (key.clone(), format!("{noise}{key}{delimiter}{value}\n")));
    let entries = prop::collection::btree_map("[a-z]{1,6}", entry, 0..6);
    let section = entries.prop_map(|entries| {
        let mut seen = std::collections::BTreeSet::new();
        let fresh = entries.into_values().filter(|(key, _)| seen.insert(key.clone()));
        fresh.map(|(_, line)| line).collect::<String>()
    });
    prop::collection::btree_map("[A-Za-z][A-Za-z0-9 ]{0,6}[a-z]", section, 1..5).prop_map(|sections| {
        sections.into_iter().map(|(name, lines)| ["[", &name, "]\n", &lines, "\n"].concat()).collect()
    })
}

/// Lines of some sections, short keys, and values of one line or more.
const LINES: &str = "(\\[[ab]\\]\n|[ab] ?[=:] ?[xyö% ]{0,6}\n|  [xyö]{1,3} ?\r?\n|\n|#c\n){0,12}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_ini_crate_reads_the_common_subset_alike(text in common_subset()) {
        let options = ParseOption { enabled_quote: false, enabled_escape: false, ..ParseOption::default() };
        let theirs = Ini::load_from_str_opt(&text, options).unwrap();
        let theirs: Vec<_> = theirs
            .iter()
            .filter_map(|(name, properties)| {
                let entries = properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
                Some((name?.to_owned(), entries.collect::<Vec<_>>()))
            })
            .collect();
        let (document, problems) = parse(text.as_bytes());
        prop_assert!(problems.is_empty());
        let ours: Vec<_> = document
            .sections
            .iter()
            .map(|section| {
                let entries = section.entries.iter().map(|entry| (entry.key().to_owned(), entry.value.as_str().to_owned()));
                (section.name.clone(), entries.collect::<Vec<_>>())
            })
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn every_key_and_value_stands_where_it_says(text in LINES) {
        let (document, _) = parse(text.as_bytes());
        for entry in document.sections.iter().flat_map(|section| &section.entries) {
            let source = document.source.text();
            prop_assert_eq!(&source[entry.key_span.start..entry.key_span.end], entry.written_key());
            for (start, character) in entry.value.as_str().char_indices().filter(|(_, c)| *c != '\n') {
                let span = entry.value.place_of(start..start + character.len_utf8()).span;
                prop_assert_eq!(&source[span.start..span.end], character.to_string());
            }
        }
    }
}
