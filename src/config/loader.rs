//! Reads tests with their workers' files, and worker files alone, and runs all lints on them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lints::{self, Steps, barriers, bounds, steps};
use super::scope::{Context, Known};
use super::settings::{COORDINATOR_SETTINGS, Setting, TEST_SETTINGS, TestSettings};
use super::worker_file::WorkerFile;
use super::workers::Worker;
use super::{
    CLIENTS, Commands, Diagnostic, Diagnostics, Document, ENVIRONMENT, Files, Input, Lint, Place, Scope, ShellSyntax,
    Span, TEST, WORKERS, allow, quoted, quoted_path, worker_file, workers,
};
use crate::model::{Destination, PhaseMap, PlayerAddress, WorkerPlan};

/// What has been read and found so far.
pub(super) struct Loader {
    files: Files,
    defines: Document,
    pub(super) context: Context,
    /// The files that were checked as a whole, by their order.
    checked: HashSet<usize>,
    /// Tests, and the worker files that they name, by their order.
    in_tests: HashSet<usize>,
    /// Only a part was read, so that not everything could be found.
    pub(super) is_partial: bool,
}

impl Loader {
    /// `is_shell_asked` means that the loader will get a shell at the end.
    pub(super) fn new(defines: Document, is_shell_asked: bool) -> Self {
        Self {
            files: Files::default(),
            defines,
            context: Context { commands: is_shell_asked.then(Commands::default), ..Context::default() },
            checked: HashSet::new(),
            in_tests: HashSet::new(),
            is_partial: false,
        }
    }

    /// Reads what the command line names.
    pub(super) fn read(&mut self, input: &Input) -> Option<Arc<Document>> {
        self.files.input(input, &mut self.context.diagnostics)
    }

    /// Whether the file is a test that was read, or belongs to one.
    pub(super) fn is_in_test(&self, document: &Document) -> bool {
        self.in_tests.contains(&document.source.order())
    }

    /// A file with some variables that are known.
    pub(super) fn scope<'s>(&'s mut self, document: &'s Document, predefined: Known) -> Scope<'s> {
        Scope { document, defines: &self.defines, predefined, context: &mut self.context }
    }

    /// Reads a test, with the files of the chosen workers, or of all if none is chosen.
    pub(super) fn test(
        &mut self,
        test: &Document,
        chosen: &[String],
        has_results: bool,
    ) -> (TestSettings, Vec<WorkerPlan>) {
        self.in_tests.insert(test.source.order());
        self.is_partial |= !chosen.is_empty();
        let mut scope = self.scope(test, Vec::new());
        let settings = test_settings(&mut scope);
        let all = workers::list(&mut scope);
        let chosen_workers = workers::choose(&mut scope, all, chosen);
        let workers: Vec<_> = chosen_workers.iter().filter_map(|worker| self.worker(test, worker)).collect();
        if workers.is_empty() {
            // No worker file could be read, which would have shown the mistakes of the test file's `[Environment]`.
            let predefined = ["worker", "index", "player", "conductor"].map(|name| (name, String::new())).to_vec();
            worker_file::environment(&mut self.scope(test, predefined));
        }
        let diagnostics = &mut self.context.diagnostics;
        if !has_results && settings.outputs.results.is_none() {
            diagnostics.extend(workers.iter().flat_map(|(_, steps)| steps::fetch_without_results(steps)));
        }
        barriers::check(&workers, chosen.is_empty(), diagnostics);
        let with_steps = |(plan, mut located): (WorkerPlan, Steps)| {
            let steps = PhaseMap::from_fn(|phase| located[phase].drain(..).map(|located| located.step).collect());
            WorkerPlan { steps, ..plan }
        };
        (settings, workers.into_iter().map(with_steps).collect())
    }

    /// Reads a worker's file. The steps are not in the plan yet.
    fn worker(&mut self, test: &Document, worker: &Worker) -> Option<(WorkerPlan, Steps)> {
        let (name, place) = worker.file.as_ref()?;
        let path = self.find(test, name, place)?;
        let document = self.files.read(&path, Some(place), &mut self.context.diagnostics)?;
        self.in_tests.insert(document.source.order());
        let WorkerFile { settings, environment, steps } = self.worker_file(&document, Some((test, worker)))?;
        let transport = settings.transport.map(|transport| transport.with(settings.transport_settings));
        let host = settings.player;
        let port = || Destination { host: host.clone(), port: settings.port };
        let plan = WorkerPlan {
            name: worker.name.clone(),
            file: path,
            player: transport.map_or_else(|| port().into(), PlayerAddress::Transport),
            player_host: host,
            conductor: settings.conductor,
            results_port: settings.results_port,
            shell: settings.shell,
            directory: settings.directory,
            environment,
            steps: PhaseMap::default(),
        };
        Some((plan, steps))
    }

    /// Reads a worker file: that of a worker of a test, or one that no test names. Then the variables that come from a test
    /// file have the values that they have for the only worker of a test.
    pub(super) fn worker_file(&mut self, document: &Document, of: Option<(&Document, &Worker)>) -> Option<WorkerFile> {
        let source = &document.source;
        let stem = || source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (name, index) = of.map_or_else(|| (stem(), 1), |(_, worker)| (worker.name.to_string(), worker.index));
        let known = vec![("worker", name), ("index", index.to_string())];
        let place = || of.map_or_else(|| Place::new(source, Span::new(0, 0)), |(_, worker)| worker.place.clone());
        let is_new = self.checked.insert(document.source.order());
        let mut scope = self.scope(document, known);
        if is_new {
            worker_file::check(&mut scope);
        }
        if !scope.has_room(document.source.text().len(), place) {
            return None;
        }
        let mut file = worker_file::read(&mut scope, of.and_then(|(_, worker)| worker.host.as_deref()));
        if let Some((test, _)) = of {
            let known = std::mem::take(&mut scope.predefined);
            let environment = worker_file::environment(&mut self.scope(test, known));
            file.environment.splice(0..0, environment);
        }
        bounds::check_environment(&mut self.scope(document, Vec::new()), &file.environment, &file.steps);
        Some(file)
    }

    /// The worker file of this name: beside the test file, else in the current folder.
    fn find(&mut self, test: &Document, name: &str, place: &Place) -> Option<PathBuf> {
        let folder = test.source.path().parent().unwrap_or(Path::new(""));
        let mut paths = vec![folder.join(name), PathBuf::from(name)];
        paths.dedup();
        let there: Vec<_> = paths.iter().filter(|path| self.files.may_be_there(path)).collect();
        if let [beside, here] = there[..]
            && are_different(beside, here)
        {
            let message = format!("{} exists in the folder of the test file and in the current folder", quoted(name));
            let hint = format!("{} is used", quoted_path(beside));
            self.context.diagnostics.push(Diagnostic::new(Lint::AmbiguousFile, place.clone(), message, hint));
        }
        if let Some(found) = there.first() {
            return Some((*found).clone());
        }
        let message = format!("there is no worker file {}", quoted(name));
        let hint = match paths.as_slice() {
            [beside, _] => {
                format!(
                    "create the file, or correct the name; conductor looks for {}, then for {} in the current folder",
                    quoted_path(beside),
                    quoted(name)
                )
            }
            _ => "create the file, or correct the name; it is relative to the current folder".to_owned(),
        };
        self.context.diagnostics.push(Diagnostic::new(Lint::UnreadableFile, place.clone(), message, hint));
        None
    }

    /// Has the shell check all commands, removes what the files allow, and returns what was found.
    pub(super) fn finish(mut self, shell: Option<&dyn ShellSyntax>) -> Diagnostics {
        if let Some((commands, shell)) = self.context.commands.take().zip(shell) {
            commands.check(shell, &mut self.context.diagnostics);
        }
        for document in self.files.documents() {
            let is_alone = !self.in_tests.contains(&document.source.order());
            let was_checked = |lint| match lint {
                _ if self.is_partial => false,
                Some(Lint::ShellSyntax) => shell.is_some(),
                Some(Lint::LonelyBarrier | Lint::BarrierPhases) => !is_alone,
                _ => true,
            };
            allow::apply(document, was_checked, &mut self.context.diagnostics);
        }
        self.context.diagnostics
    }
}

fn are_different(left: &Path, right: &Path) -> bool {
    matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left != right)
}

/// Checks the names of sections and settings, and reads `[Test]`, with a default for what is missing or wrong.
fn test_settings(scope: &mut Scope<'_>) -> TestSettings {
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS]);
    scope.check_keys(TEST, &TEST_SETTINGS, ("`[Coordinator]` of a worker file", &COORDINATOR_SETTINGS));
    lints::defaults::check(scope, &Setting::keys(&TEST_SETTINGS), "workers");
    let mut settings = TestSettings::default();
    for setting in &TEST_SETTINGS {
        scope.set(TEST, setting, &mut settings);
    }
    settings
}
