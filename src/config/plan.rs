//! A test file and its worker files become a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::TestSettings;
use super::{Diagnostics, Input, Loader, Outputs, ShellSyntax, files};
use crate::model::{OnFailure, Phase, Plan, RunId, RunSettings};

/// What the command line says, which overrides the files.
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
    /// What is to be done; `None` if there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// What `[Test]` says about outputs, also if there is an error.
    pub outputs: Outputs,
    /// What was found.
    pub diagnostics: Diagnostics,
}

/// Reads a test file and the files of its chosen workers, and reports all their mistakes.
pub fn load_test(path: &Path, overrides: &Overrides, run: RunId) -> Loaded {
    load_test_with_shell(path, overrides, run, None)
}

/// Reads a test as [`load_test`] does, and has a shell check the syntax of the commands.
pub fn load_test_with_shell(path: &Path, overrides: &Overrides, run: RunId, shell: Option<&dyn ShellSyntax>) -> Loaded {
    let mut loader = Loader::new(files::defines(&overrides.defines), shell.is_some());
    let Some(test) = loader.read(&Input::File(path.to_owned())) else {
        return Loaded { plan: None, outputs: Outputs::default(), diagnostics: loader.finish(shell) };
    };
    let (settings, workers) = loader.test(&test, &overrides.workers, overrides.results.is_some());
    let TestSettings { trials, outputs, run: settings } = settings;
    let is_chosen = |phase: &Phase| overrides.phases.as_ref().is_none_or(|chosen| chosen.contains(phase));
    let plan = Plan {
        run,
        file: path.to_owned(),
        trials: overrides.trials.or(trials).unwrap_or(1),
        phases: Phase::ALL.into_iter().filter(is_chosen).collect(),
        settings: overridden(settings, &outputs, overrides),
        workers,
    };
    let diagnostics = loader.finish(shell);
    Loaded { plan: (!diagnostics.has_errors()).then_some(plan), outputs, diagnostics }
}

fn overridden(settings: RunSettings, outputs: &Outputs, overrides: &Overrides) -> RunSettings {
    RunSettings {
        step_timeout: overrides.step_timeout.unwrap_or(settings.step_timeout),
        connect_timeout: overrides.connect_timeout.unwrap_or(settings.connect_timeout),
        lease: overrides.lease.unwrap_or(settings.lease),
        on_failure: overrides.on_failure.unwrap_or(settings.on_failure),
        max_start_skew: overrides.max_start_skew.unwrap_or(settings.max_start_skew),
        max_message_size: overrides.max_message_size.unwrap_or(settings.max_message_size),
        results: overrides.results.clone().or_else(|| outputs.results.clone()),
        ..settings
    }
}
