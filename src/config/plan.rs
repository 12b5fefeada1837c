//! A test file and its worker files become a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::loader::TestRead;
use super::{Diagnostics, Loader, ShellSyntax, TestSettings, files};
use crate::model::{Format, OnFailure, Phase, Plan, RunId, RunSettings};

/// What the command line says, which wins over the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--trials`.
    pub trials: Option<u32>,
    /// `--phases`, in any order; all when it is absent.
    pub phases: Option<Vec<Phase>>,
    /// `--workers`: names of workers, bases of ranges, or ranges; all workers when it is empty.
    pub workers: Vec<String>,
    /// `-D`: names and values; a later one wins.
    pub defines: Vec<(String, String)>,
    /// `--max-message-size`, in bytes.
    pub max_message_size: Option<u64>,
    /// `--connect-timeout`.
    pub connect_timeout: Option<Duration>,
    /// `--lease`.
    pub lease: Option<Duration>,
    /// `--step-timeout`; `Some(None)` lifts the limit.
    pub step_timeout: Option<Option<Duration>>,
    /// `--on-failure`.
    pub on_failure: Option<OnFailure>,
    /// `--max-start-skew`; `Some(None)` lifts the limit.
    pub max_start_skew: Option<Option<Duration>>,
    /// `--results`.
    pub results: Option<PathBuf>,
}

/// A test that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is to be done; `None` when there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// What `[Test]` says of outputs, which is known even when there is an error.
    pub outputs: Outputs,
    /// What was found.
    pub diagnostics: Diagnostics,
}

/// What a test file says of outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// `format`.
    pub format: Option<Format>,
    /// `output`, as it was written.
    pub output: Option<PathBuf>,
    /// `results`, as it was written.
    pub results: Option<PathBuf>,
}

/// Reads a test file and the files of its chosen workers. All that is wrong with all of them is reported at once.
pub fn load_test(path: &Path, overrides: &Overrides, run: RunId) -> Loaded {
    load_test_with_shell(path, overrides, run, None)
}

/// Reads a test as [`load_test`] does, and has a shell look at the commands, too.
pub fn load_test_with_shell(path: &Path, overrides: &Overrides, run: RunId, shell: Option<&dyn ShellSyntax>) -> Loaded {
    let mut loader = Loader::new(files::defines(&overrides.defines), shell);
    let Some(test) = loader.read(path) else {
        return Loaded { plan: None, outputs: Outputs::default(), diagnostics: loader.finish() };
    };
    let TestRead { settings, workers } = loader.test(&test, &overrides.workers, overrides.results.is_some());
    let TestSettings { trials, format, output, run: settings } = settings;
    let outputs = Outputs { format, output, results: settings.results.clone() };
    let plan = Plan {
        run,
        file: path.to_owned(),
        trials: overrides.trials.unwrap_or(trials),
        phases: phases(overrides.phases.as_deref()),
        settings: overridden(settings, overrides),
        workers,
    };
    let diagnostics = loader.finish();
    Loaded { plan: (!diagnostics.has_errors()).then_some(plan), outputs, diagnostics }
}

fn phases(chosen: Option<&[Phase]>) -> Vec<Phase> {
    Phase::ALL.into_iter().filter(|phase| chosen.is_none_or(|chosen| chosen.contains(phase))).collect()
}

fn overridden(settings: RunSettings, overrides: &Overrides) -> RunSettings {
    RunSettings {
        step_timeout: overrides.step_timeout.unwrap_or(settings.step_timeout),
        connect_timeout: overrides.connect_timeout.unwrap_or(settings.connect_timeout),
        lease: overrides.lease.unwrap_or(settings.lease),
        on_failure: overrides.on_failure.unwrap_or(settings.on_failure),
        max_start_skew: overrides.max_start_skew.unwrap_or(settings.max_start_skew),
        max_message_size: overrides.max_message_size.unwrap_or(settings.max_message_size),
        results: overrides.results.clone().or(settings.results),
        ..settings
    }
}
