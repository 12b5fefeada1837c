//! The settings of a test file: its `[Test]` section.

use super::settings::{COORDINATOR_SETTINGS, Setting, TEST_SETTINGS, TestSettings};
use super::{CLIENTS, ENVIRONMENT, Scope, TEST, WORKERS, lints};

/// Checks the names of sections and settings, and reads `[Test]`, with a default for what is missing or wrong.
pub(super) fn read(scope: &mut Scope<'_>) -> TestSettings {
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS]);
    scope.check_keys(TEST, &TEST_SETTINGS, ("`[Coordinator]` of a worker file", &COORDINATOR_SETTINGS));
    lints::defaults::check(scope, &Setting::keys(&TEST_SETTINGS), "workers");
    let mut settings = TestSettings::default();
    for setting in &TEST_SETTINGS {
        scope.set(TEST, setting, &mut settings);
    }
    settings
}
