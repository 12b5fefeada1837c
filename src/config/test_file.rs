//! The settings of a test file: its `[Test]` section.

use std::path::PathBuf;

use super::{CLIENTS, COORDINATOR_KEYS, ENVIRONMENT, Refusal, Scope, TEST, TEST_KEYS, WORKERS, duration, lints, value};
use crate::model::{Format, OnFailure, RunSettings};

/// What `[Test]` says.
pub(super) struct TestSettings {
    pub(super) trials: u32,
    pub(super) format: Option<Format>,
    pub(super) output: Option<PathBuf>,
    pub(super) run: RunSettings,
}

/// Looks for what is wrong with the file whatever its variables are.
pub(super) fn check(scope: &mut Scope<'_>) {
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS]);
    let elsewhere = [("`[Coordinator]` of a worker file", COORDINATOR_KEYS.as_slice())];
    scope.check_keys(TEST, &TEST_KEYS, &[], &elsewhere);
    lints::defaults::check(scope, &TEST_KEYS, "workers");
}

/// Reads `[Test]`, with a default for what is missing or wrong.
pub(super) fn settings(scope: &mut Scope<'_>) -> TestSettings {
    let defaults = RunSettings::default();
    let run = RunSettings {
        step_timeout: scope.parsed(TEST, "step_timeout", duration::limit).unwrap_or(defaults.step_timeout),
        reset_timeout: scope
            .parsed(TEST, "reset_timeout", duration::positive_duration)
            .unwrap_or(defaults.reset_timeout),
        connect_timeout: scope.parsed(TEST, "connect_timeout", duration::duration).unwrap_or(defaults.connect_timeout),
        lease: scope.parsed(TEST, "lease", duration::lease).unwrap_or(defaults.lease),
        on_failure: scope.parsed(TEST, "on_failure", on_failure).unwrap_or(defaults.on_failure),
        max_start_skew: scope.parsed(TEST, "max_start_skew", duration::optional_duration).flatten(),
        max_message_size: scope.parsed(TEST, "max_message_size", value::mebibytes).unwrap_or(defaults.max_message_size),
        results: scope.untouched(TEST, "results", value::text).map(PathBuf::from),
        check: scope.untouched(TEST, "check", value::text),
    };
    TestSettings {
        trials: scope.parsed(TEST, "trials", value::count).unwrap_or(1),
        format: scope.parsed(TEST, "format", format),
        output: scope.untouched(TEST, "output", value::text).map(PathBuf::from),
        run,
    }
}

fn on_failure(text: &str) -> Result<OnFailure, Refusal> {
    value::one_of(text, &OnFailure::ALL.map(|choice| (choice.word(), choice)))
}

fn format(text: &str) -> Result<Format, Refusal> {
    value::one_of(text, &Format::ALL.map(|format| (format.word(), format)))
}
