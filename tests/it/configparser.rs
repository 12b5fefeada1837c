//! Ten thousand random worker files are read as Python's `configparser` reads them: same keys, same order, same values,
//! and refused where it refuses. Without a `python3` there is nothing to compare with, and the test says so.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use conductor::config::{Diagnostic, Input, Lint, validate};
use serde_json::{Value, json};

use crate::support::configparser::{parse, python_error, python_sections};
use crate::support::surroundings::skip;

const COUNT: usize = 10_000;

/// The lines of `scripts/configparser`, if they can be had. `CONFIGPARSER_SEED` makes others.
fn cases() -> Option<Vec<Value>> {
    Command::new("python3").arg("--version").stdout(Stdio::null()).status().ok().filter(ExitStatus::success)?;
    let seed = std::env::var("CONFIGPARSER_SEED").unwrap_or_else(|_| "1".to_owned());
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/configparser")).args([&COUNT.to_string(), &seed]);
    let mut python = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("python3 starts");
    let lines = BufReader::new(python.stdout.take().expect("its output is a pipe")).lines();
    let cases = lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("a line of JSON")).collect();
    assert!(python.wait().expect("python3 ends").success());
    Some(cases)
}

/// The error that Python raises: the first that ends its reading, else the one for all lines that are nothing.
fn first_error(findings: &[Diagnostic]) -> Option<&'static str> {
    let errors = || findings.iter().map(python_error);
    errors().find(|error| *error != "ParsingError").or_else(|| errors().next())
}

#[test]
fn ten_thousand_random_worker_files_are_read_as_python_reads_them() {
    let Some(cases) = cases() else {
        skip("this machine has no python3");
        return;
    };
    assert_eq!(cases.len(), COUNT);
    let (mut read, mut refused, mut values) = (0, 0, 0);
    for case in &cases {
        let text = case["text"].as_str().expect("a text");
        let (document, problems) = parse(text.as_bytes());
        let ours = match first_error(&problems) {
            Some(error) => json!({ "error": error }),
            None => python_sections(&document),
        };
        assert_eq!(ours, case["python"], "{text:?}");
        refused += usize::from(!problems.is_empty());
        read += usize::from(problems.is_empty());
        values += document.sections.iter().map(|section| section.entries.len()).sum::<usize>();
    }
    eprintln!("{read} files with {values} values were read alike, {refused} were refused alike");
    assert!(read > COUNT / 3 && refused > COUNT / 10, "the files are neither all right nor all wrong");
}

/// What we accept and Python refuses has a warning that says so, and nothing else is accepted that Python refuses.
#[test]
fn what_python_refuses_is_an_error_or_one_of_the_known_extensions() {
    const EXTENSIONS: [Lint; 3] = [Lint::ByteOrderMark, Lint::RepeatedTimeout, Lint::LonePercent];
    let Some(cases) = cases() else {
        skip("this machine has no python3");
        return;
    };
    for case in cases.iter().take(2_000) {
        let text = case["text"].as_str().expect("a text");
        let found = validate(&[Input::Text("case.cfg".into(), Ok(text.into()))], &[], None).diagnostics.with_python();
        let is_refused = case["python"].get("error").is_some();
        let is_told = found.has_errors() || found.iter().any(|finding| EXTENSIONS.contains(&finding.lint));
        assert!(!is_refused || is_told, "{text:?}\n{}", found.render(false));
    }
}
