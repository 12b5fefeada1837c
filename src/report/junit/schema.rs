//! Checks that our reports conform to the schema of the xunit plugin of Jenkins (`junit-10.xsd`) and that their counts
//! are right.

use std::collections::BTreeMap;

use crate::model::Format;
use crate::report::recorded::{failed, interrupted, lost, not_carried_out, passed, plain, range, told};

/// An element, the elements that it may contain, its required attributes, and its optional attributes.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const RULES: [Rule; 10] = [
    ("testsuites", &["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
    (
        "testsuite",
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
        &["name", "tests", "failures", "errors"],
        &["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name"],
        &["time", "classname", "group"],
    ),
    ("properties", &["property"], &[], &[]),
    ("property", &[], &["name", "value"], &[]),
    ("failure", &[], &[], &["type", "message"]),
    ("error", &[], &[], &["type", "message"]),
    ("skipped", &[], &[], &["type", "message"]),
    ("system-out", &[], &[], &[]),
    ("system-err", &[], &[], &[]),
];

/// Parses the attributes of a start tag. Values contain no quotation marks, because these are escaped.
fn attributes(tag: &str) -> BTreeMap<&str, &str> {
    let parts: Vec<&str> = tag.split('"').collect();
    parts.chunks_exact(2).map(|pair| (pair[0].trim().trim_end_matches('='), pair[1])).collect()
}

/// Checks each element against its rule, and the counts of each suite.
fn check(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut promised = BTreeMap::new();
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for part in text.split('<').skip(1).filter(|part| !part.starts_with('?')) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{text}");
            if name == "testsuite" {
                assert_eq!(counted, promised, "{text}");
            }
            continue;
        }
        let (name, rest) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
        let rule = RULES.iter().find(|rule| rule.0 == name).unwrap_or_else(|| panic!("{name} is no element"));
        match open.last() {
            None => assert_eq!(name, "testsuites"),
            Some(parent) => {
                let around = RULES.iter().find(|rule| rule.0 == *parent).expect("it was checked");
                assert!(around.1.contains(&name), "{name} in {parent}");
            }
        }
        let has = attributes(rest);
        assert!(rule.2.iter().all(|needed| has.contains_key(needed)), "{tag}");
        assert!(has.keys().all(|own| rule.2.contains(own) || rule.3.contains(own)), "{tag}");
        if let Some(time) = has.get("time") {
            assert!(!time.is_empty() && time.chars().all(|c| c.is_ascii_digit() || c == '.'), "{tag}");
        }
        let count = match name {
            "testsuite" => {
                let keys = ["tests", "failures", "errors", "skipped"];
                promised = keys.map(|key| (key, has[key].parse().expect("a number"))).into();
                counted = keys.map(|key| (key, 0)).into();
                None
            }
            "testcase" => Some("tests"),
            "failure" => Some("failures"),
            "error" => Some("errors"),
            "skipped" => Some("skipped"),
            _ => None,
        };
        if let Some(count) = count.and_then(|key| counted.get_mut(key)) {
            *count += 1;
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn reports_follow_the_schema_of_jenkins() {
    for events in [passed(), failed(), lost(), not_carried_out(), interrupted(), range()] {
        check(&told(Format::Junit, plain(), &events));
    }
}
