//! A test file and its worker files become a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::{Diagnostic, Diagnostics, quoted, quoted_path};
use super::file_steps;
use super::files::{self, Files};
use super::reader::Document;
use super::scope::Scope;
use super::source::Place;
use super::test_file::{self, Format, TestSettings};
use super::worker_file;
use super::workers::{self, Worker};
use crate::model::{OnFailure, Phase, Plan, RunId, RunSettings, WorkerPlan};

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
    let mut diagnostics = Diagnostics::default();
    let mut files = Files::default();
    let Some(test) = files.read(path, None, &mut diagnostics) else {
        return Loaded { plan: None, outputs: Outputs::default(), diagnostics };
    };
    let defines = files::defines(&overrides.defines);
    let mut scope = Scope { document: &test, defines: &defines, predefined: Vec::new(), diagnostics: &mut diagnostics };
    let settings = test_file::settings(&mut scope);
    let all = workers::list(&mut scope);
    let chosen = workers::choose(&mut scope, all, &overrides.workers);
    let has_results = overrides.results.is_some() || settings.run.results.is_some();
    let mut loader = WorkerLoader { test: &test, defines: &defines, files, has_results, diagnostics: &mut diagnostics };
    let workers: Vec<_> = chosen.iter().filter_map(|worker| loader.load(worker)).collect();
    if workers.is_empty() {
        loader.check_environment();
    }
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

struct WorkerLoader<'a> {
    test: &'a Document,
    defines: &'a Document,
    files: Files,
    /// Whether there is a folder for what is fetched.
    has_results: bool,
    diagnostics: &'a mut Diagnostics,
}

impl WorkerLoader<'_> {
    /// Looks at the test file's `[Environment]` where no worker's file could be read, which would have shown its
    /// mistakes; the variables that such a file gives are taken for known.
    fn check_environment(&mut self) {
        let predefined = ["worker", "index", "player", "conductor"].map(|name| (name, String::new())).to_vec();
        let diagnostics = &mut *self.diagnostics;
        test_file::environment(&mut Scope { document: self.test, defines: self.defines, predefined, diagnostics });
    }

    fn load(&mut self, worker: &Worker) -> Option<WorkerPlan> {
        let (name, place) = worker.file.as_ref()?;
        let path = self.find(name, place)?;
        let document = self.files.read(&path, Some(place), self.diagnostics)?;
        let predefined = vec![("worker", worker.name.to_string()), ("index", worker.index.to_string())];
        let mut scope =
            Scope { document: &document, defines: self.defines, predefined, diagnostics: &mut *self.diagnostics };
        let file = worker_file::read(&mut scope);
        if !self.has_results {
            file_steps::need_results(&file.fetches, scope.diagnostics);
        }
        let mut scope = Scope { document: self.test, ..scope };
        let mut environment = test_file::environment(&mut scope);
        environment.extend(file.environment);
        Some(WorkerPlan {
            name: worker.name.clone(),
            file: path,
            player: file.player,
            player_host: file.player_host,
            conductor: file.conductor,
            results_port: file.results_port,
            shell: file.shell,
            directory: file.directory,
            environment,
            steps: file.steps,
        })
    }

    /// The worker file of this name: beside the test file, else in the current folder.
    fn find(&mut self, name: &str, place: &Place) -> Option<PathBuf> {
        let folder = self.test.source.path().parent().unwrap_or(Path::new(""));
        let (beside, here) = (folder.join(name), PathBuf::from(name));
        let different = match (beside.canonicalize(), here.canonicalize()) {
            (Ok(beside), Ok(here)) => beside != here,
            _ => false,
        };
        if different {
            let message = format!("{} is beside the test file and in the current folder, too", quoted(name));
            let warning = Diagnostic::warning("ambiguous-file", place.clone(), message);
            self.diagnostics.push(warning.hint(format!("{} is taken", quoted_path(&beside))));
        }
        // What can't even be looked at is left to the reading, which says why.
        let missing = |path: &Path| matches!(path.try_exists(), Ok(false));
        if !missing(&beside) {
            return Some(beside);
        }
        if !missing(&here) {
            return Some(here);
        }
        let message = format!("there is no worker file {}", quoted(name));
        let hint = if beside == here {
            "it is looked for in the current folder".to_owned()
        } else {
            format!("it is looked for as {}, then as {} in the current folder", quoted_path(&beside), quoted(name))
        };
        self.diagnostics.push(Diagnostic::error("unreadable-file", place.clone(), message).hint(hint));
        None
    }
}
