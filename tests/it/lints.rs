//! Every lint by example: `testdata/lints/NAME` has a file that triggers it, with the exact output, and one that does not.
//!
//! A folder's `command` says how it is triggered where that is not `validate`. `SNAPSHOTS=overwrite` writes the outputs
//! anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::surroundings::skip;
use crate::support::{CONDUCTOR, Finished, finish, start};
use conductor::config::{Lint, Severity};
use snapbox::{Data, data::DataFormat};

fn folder(lint: Lint) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lints").join(lint.name())
}

/// The file of this name in the folder, or in one below it, as it is named from there.
fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    let below = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut places = std::iter::once(folder.to_owned()).chain(below.filter(|path| path.is_dir()));
    let found = places.find_map(|place| Some(place.join(name)).filter(|path| path.exists()))?;
    Some(found.strip_prefix(folder).expect("it is inside").to_owned())
}

fn check(lint: Lint, name: &str) -> Finished {
    let folder = folder(lint);
    let file = file(&folder, name).unwrap_or_else(|| panic!("`{}` has no file `{name}`", lint.name()));
    let words = fs::read_to_string(folder.join("command")).unwrap_or_else(|_| "validate".to_owned());
    let mut command = Command::new(CONDUCTOR);
    command.args(words.split_whitespace());
    if lint.is_about_python() {
        command.arg("--python");
    }
    command.arg(file).current_dir(folder).stdin(Stdio::null());
    let finished = finish(start(command));
    // `conduct` has its findings on standard error.
    let stdout = if words.starts_with("validate") { finished.stdout } else { finished.stderr };
    Finished { stdout, stderr: String::new(), ..finished }
}

/// The output, but for a shell's own words, which differ from shell to shell, and for a thousand findings of one kind.
fn comparable(lint: Lint, text: &str) -> String {
    const WORDS: &str = "rejects the command: ";
    let shown = |line: &str| match line.split_once(WORDS) {
        Some((before, _)) => format!("{before}{WORDS}…\n"),
        None => format!("{line}\n"),
    };
    let text: String = text.lines().map(shown).collect();
    if lint == Lint::TooManyFindings {
        return text.rsplit("\n\n").next().unwrap_or_default().to_owned();
    }
    text
}

/// Whether the shell of this machine says in which line a mistake is, as that of busybox does not.
fn shell_tells_lines() -> bool {
    let output = Command::new("/bin/sh").args(["-n", "-c", "true\n)"]).output().expect("a shell");
    String::from_utf8_lossy(&output.stderr).contains('2')
}

#[test]
fn every_lint_has_an_example_with_its_exact_output() {
    for lint in Lint::ALL.iter().copied() {
        if lint == Lint::ShellSyntax && !shell_tells_lines() {
            skip("`/bin/sh -n` does not say in which line a mistake is: the example of `shell-syntax` is not compared");
            continue;
        }
        let finished = check(lint, "wrong.cfg");
        let title = format!("{}[{}]", lint.severity().word(), lint.name());
        assert!(finished.stdout.contains(&title), "{}: {finished:#?}", lint.name());
        let (file, found) = (folder(lint).join("expected.txt"), comparable(lint, &finished.stdout));
        if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
            fs::write(&file, &found).expect("the expected output is written");
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(expected == found, "{}\n--- expected\n{expected}\n--- found\n{found}", lint.name());
        if finished.stdout.contains("error[") {
            assert_eq!(finished.status, Some(1), "{}", lint.name());
        }
    }
}

#[test]
fn what_only_matters_to_the_python_program_is_shown_only_when_it_is_asked_for() {
    for lint in Lint::ALL.iter().copied().filter(|lint| lint.is_about_python()) {
        let folder = folder(lint);
        for name in ["wrong.cfg", "right.cfg"] {
            let mut command = Command::new(CONDUCTOR);
            command.args(["validate", "--strict", name]).current_dir(&folder).stdin(Stdio::null());
            finish(start(command)).assert(0, "", "");
        }
    }
}

#[test]
fn every_lint_has_a_file_that_does_not_trigger_it_or_any_other() {
    for lint in Lint::ALL.iter().copied() {
        let finished = check(lint, "right.cfg");
        assert!(!finished.stdout.contains("]: "), "{}: {finished:#?}", lint.name());
    }
}

#[test]
fn every_example_belongs_to_a_lint() {
    let folders = fs::read_dir(folder(Lint::UnknownKey).parent().expect("a folder")).expect("the examples");
    for entry in folders.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(Lint::by_name(&name).is_some(), "no lint is called `{name}`");
    }
}

#[test]
fn every_finding_of_the_examples_is_a_fragment_and_says_what_to_do() {
    for lint in Lint::ALL.iter().copied() {
        for finding in check(lint, "wrong.cfg").stdout.split("\n\n").filter(|finding| finding.contains("]: ")) {
            let (_, message) = finding.lines().next().and_then(|line| line.split_once("]: ")).expect("a title");
            let first = message.chars().next().expect("a message");
            assert!(!first.is_uppercase() && !message.ends_with('.'), "{message}");
            assert!(finding.contains("= hint: "), "{finding}");
        }
    }
}

#[test]
fn the_list_has_every_lint() {
    let mut command = Command::new(CONDUCTOR);
    command.args(["validate", "--list"]).stdin(Stdio::null());
    let finished = finish(start(command));
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    assert_eq!(finished.stdout.lines().count(), Lint::ALL.len());
    for (lint, line) in Lint::ALL.iter().zip(finished.stdout.lines()) {
        let (name, word, sentence) = (lint.name(), lint.severity().word(), lint.description());
        assert!(line.starts_with(name) && line.contains(&format!(" {word} ")) && line.ends_with(&sentence), "{line}");
    }
}

#[test]
fn the_documentation_has_every_lint() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lints.md");
    let page = fs::read_to_string(&path).expect("the page of the lints");
    let (before, _) = page.split_once("| lint |").expect("the table of the lints");
    let row = |lint: &Lint| format!("| `{}` | {} | {} |\n", lint.name(), lint.severity().word(), lint.description());
    let rows: String = Lint::ALL.iter().map(row).collect();
    let expected = format!("{before}| lint | severity | finds |\n|---|---|---|\n{rows}");
    snapbox::assert_data_eq!(expected, Data::read_from(&path, Some(DataFormat::Text)).raw());
}

#[test]
fn names_are_told_apart_and_errors_come_first() {
    let names: std::collections::BTreeSet<_> = Lint::ALL.iter().map(|lint| lint.name()).collect();
    assert_eq!(names.len(), Lint::ALL.len());
    assert!(Lint::ALL.is_sorted_by_key(|lint| lint.severity() == Severity::Warning));
}
