//! The settings of a test file: its `[Test]` section.

use std::path::PathBuf;

use super::diagnostic::Diagnostic;
use super::lint::Lint;
use super::lints::{self, exec_limits};
use super::scope::Scope;
use super::value;
use super::worker_file;
use crate::model::{OnFailure, RunSettings};

/// The form in which results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// The Python seed's lines.
    Classic,
    /// One JSON document.
    Json,
    /// Every event as a line of JSON.
    Jsonl,
    /// For continuous integration.
    Junit,
    /// One page for a browser.
    Html,
}

/// What `[Test]` says.
pub(super) struct TestSettings {
    pub(super) trials: u32,
    pub(super) format: Option<Format>,
    pub(super) output: Option<PathBuf>,
    pub(super) run: RunSettings,
}

pub(super) const TEST: &str = "Test";
pub(super) const ENVIRONMENT: &str = "Environment";
pub(super) const WORKERS: &str = "Workers";
pub(super) const CLIENTS: &str = "Clients";
pub(super) const SECTIONS: [&str; 3] = [TEST, ENVIRONMENT, WORKERS];

/// The keys of `[Test]`.
pub(super) const KEYS: [&str; 12] = [
    "trials",
    "format",
    "output",
    "max_message_size",
    "step_timeout",
    "reset_timeout",
    "connect_timeout",
    "lease",
    "on_failure",
    "max_start_skew",
    "results",
    "check",
];

/// Looks for what is wrong with the file whatever its variables are.
pub(super) fn check(scope: &mut Scope<'_>) {
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS]);
    let elsewhere = [("`[Coordinator]` of a worker file", worker_file::KEYS.as_slice())];
    scope.check_keys(TEST, &KEYS, &[], &elsewhere);
    lints::defaults::check(scope, &KEYS, "workers");
}

/// Reads `[Test]`, with a default for what is missing or wrong.
pub(super) fn settings(scope: &mut Scope<'_>) -> TestSettings {
    let defaults = RunSettings::default();
    let on_failure = [("continue", OnFailure::Continue), ("stop", OnFailure::Stop)];
    let run = RunSettings {
        step_timeout: scope.parsed(TEST, "step_timeout", value::limit).unwrap_or(defaults.step_timeout),
        reset_timeout: scope.parsed(TEST, "reset_timeout", value::positive_duration).unwrap_or(defaults.reset_timeout),
        connect_timeout: scope.parsed(TEST, "connect_timeout", value::duration).unwrap_or(defaults.connect_timeout),
        lease: scope.parsed(TEST, "lease", value::lease).unwrap_or(defaults.lease),
        on_failure: scope
            .parsed(TEST, "on_failure", |text| value::one_of(text, &on_failure))
            .unwrap_or(defaults.on_failure),
        max_start_skew: scope.parsed(TEST, "max_start_skew", value::optional_duration).flatten(),
        max_message_size: scope.parsed(TEST, "max_message_size", value::mebibytes).unwrap_or(defaults.max_message_size),
        results: scope.untouched(TEST, "results", value::text).map(PathBuf::from),
        check: scope.untouched(TEST, "check", value::text),
    };
    TestSettings {
        trials: scope.parsed(TEST, "trials", value::count).unwrap_or(1),
        format: format(scope),
        output: scope.untouched(TEST, "output", value::text).map(PathBuf::from),
        run,
    }
}

fn format(scope: &mut Scope<'_>) -> Option<Format> {
    let words = [
        ("text", Format::Text),
        ("classic", Format::Classic),
        ("json", Format::Json),
        ("jsonl", Format::Jsonl),
        ("junit", Format::Junit),
        ("html", Format::Html),
    ];
    scope.parsed(TEST, "format", |text| value::one_of(text, &words))
}

/// Reads `[Environment]` of a test file or worker file: variables in order, their names' case kept.
pub(super) fn environment(scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for entry in scope.entries(ENVIRONMENT) {
        let Some(text) = scope.value(ENVIRONMENT, &entry.value) else { continue };
        if entry.written_key().contains('\0') || text.as_str().contains('\0') {
            let place = if text.as_str().contains('\0') { text.place() } else { entry.key_place() };
            let message = "an environment variable can't have a NUL character";
            scope.diagnostics.push(Diagnostic::new(Lint::NulCharacter, place, message).hint("leave the character out"));
            continue;
        }
        exec_limits::check_variable(scope, entry, &text);
        variables.push((entry.written_key().to_owned(), text.as_str().to_owned()));
    }
    variables
}
