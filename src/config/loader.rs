//! Reads tests with their workers' files, and worker files alone, and has all lints look at them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::scope::Known;
use super::worker_file::WorkerFile;
use super::workers::Worker;
use super::{
    Budget, Commands, Diagnostic, Diagnostics, Document, Files, Lint, Notes, Place, Scope, ShellSyntax, TestSettings,
    allow, bounds, environment, lints, quoted, quoted_path, test_file, worker_file, workers,
};
use crate::model::WorkerPlan;

/// What one look at some files has read and found so far.
pub(super) struct Loader<'a> {
    files: Files,
    defines: Document,
    diagnostics: Diagnostics,
    budget: Budget,
    /// The commands that the shell is to be asked about.
    commands: Commands<'a>,
    /// The files that were looked at as a whole, by their order.
    checked: HashSet<usize>,
    /// Tests, and workers' files that a test brought along.
    in_tests: HashSet<usize>,
    /// Not all workers of a test were read, so that not everything could be found.
    is_partial: bool,
}

/// What a test's files say.
pub(super) struct TestRead {
    pub(super) settings: TestSettings,
    pub(super) workers: Vec<WorkerPlan>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(defines: Document, shell: Option<&'a dyn ShellSyntax>) -> Self {
        Self {
            files: Files::default(),
            defines,
            diagnostics: Diagnostics::default(),
            budget: Budget::default(),
            commands: Commands::new(shell),
            checked: HashSet::new(),
            in_tests: HashSet::new(),
            is_partial: false,
        }
    }

    /// Takes a text that no file has.
    pub(super) fn give(&mut self, path: &Path, bytes: Vec<u8>) {
        self.files.give(path, bytes, &mut self.diagnostics);
    }

    /// Reads a file of the command line.
    pub(super) fn read(&mut self, path: &Path) -> Option<Arc<Document>> {
        self.files.read(path, None, &mut self.diagnostics)
    }

    /// Reports that an input can't be read.
    pub(super) fn refuse(&mut self, path: &Path, why: &str) {
        self.files.refuse(path, why, &mut self.diagnostics);
    }

    /// Takes a finding.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether the file is a test that was read, or belongs to one.
    pub(super) fn is_in_test(&self, document: &Document) -> bool {
        self.in_tests.contains(&document.source.order())
    }

    fn scope<'s>(&'s mut self, document: &'s Document, predefined: Known) -> Scope<'s> {
        let (defines, diagnostics, budget) = (&self.defines, &mut self.diagnostics, &mut self.budget);
        Scope { document, defines, predefined, diagnostics, budget }
    }

    /// Reads a test, with the files of the chosen workers (of all, when none is chosen).
    pub(super) fn test(&mut self, test: &Document, chosen: &[String], has_results: bool) -> TestRead {
        self.in_tests.insert(test.source.order());
        self.is_partial |= !chosen.is_empty();
        let mut scope = self.scope(test, Vec::new());
        test_file::check(&mut scope);
        let settings = test_file::settings(&mut scope);
        let all = workers::list(&mut scope);
        let workers = workers::choose(&mut scope, all, chosen);
        let has_results = has_results || settings.run.results.is_some();
        let mut plans = Vec::new();
        let mut notes = Vec::new();
        for worker in &workers {
            let Some((plan, of_worker)) = self.worker(test, worker) else { continue };
            if !has_results {
                lints::fetches::need_results(&of_worker, &mut self.diagnostics);
            }
            notes.push((worker.name.to_string(), of_worker));
            plans.push(plan);
        }
        if notes.is_empty() {
            self.check_environment(test);
        }
        lints::barriers::check(&notes, chosen.is_empty(), &mut self.diagnostics);
        TestRead { settings, workers: plans }
    }

    /// Looks at the test file's `[Environment]` where no worker's file could be read, which would have shown its
    /// mistakes; the variables that such a file gives are taken for known.
    fn check_environment(&mut self, test: &Document) {
        let predefined = ["worker", "index", "player", "conductor"].map(|name| (name, String::new())).to_vec();
        environment::read(&mut self.scope(test, predefined));
    }

    fn worker(&mut self, test: &Document, worker: &Worker) -> Option<(WorkerPlan, Notes)> {
        let (name, place) = worker.file.as_ref()?;
        let path = self.find(test, name, place)?;
        let document = self.files.read(&path, Some(place), &mut self.diagnostics)?;
        self.in_tests.insert(document.source.order());
        let known = vec![("worker", worker.name.to_string()), ("index", worker.index.to_string())];
        let (mut file, known) = self.worker_file(&document, known, &worker.key)?;
        let mut environment = environment::read(&mut self.scope(test, known));
        environment.append(&mut file.environment);
        let mut scope = self.scope(&document, Vec::new());
        file.steps.size.check_with(&mut scope, &environment);
        bounds::check_environment(&mut scope, environment.len());
        let plan = WorkerPlan {
            name: worker.name.clone(),
            file: path,
            player: file.player,
            player_host: file.player_host,
            conductor: file.conductor,
            results_port: file.results_port,
            shell: file.shell,
            directory: file.directory,
            environment,
            steps: file.steps.by_phase,
        };
        Some((plan, file.steps.notes))
    }

    /// Reads a worker file that no test names. The variables that come from a test file have the values here that they
    /// have for the only worker of a test.
    pub(super) fn worker_alone(&mut self, document: &Document) {
        let stem = document.source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let known = vec![("worker", stem), ("index", "1".to_owned())];
        if let Some((file, _)) = self.worker_file(document, known, &Place::new(&document.source, 0..0)) {
            file.steps.size.check_with(&mut self.scope(document, Vec::new()), &file.environment);
        }
    }

    /// Reads a worker file in which these variables are known. Returns it with all variables that are known then.
    fn worker_file(&mut self, document: &Document, known: Known, place: &Place) -> Option<(WorkerFile, Known)> {
        let is_new = self.checked.insert(document.source.order());
        let (defines, diagnostics, budget) = (&self.defines, &mut self.diagnostics, &mut self.budget);
        let mut scope = Scope { document, defines, predefined: known, diagnostics, budget };
        if is_new {
            worker_file::check(&mut scope);
        }
        if !scope.has_room(document.source.text().len(), || place.clone()) {
            return None;
        }
        let file = worker_file::read(&mut scope, &mut self.commands);
        Some((file, scope.predefined))
    }

    /// The worker file of this name: beside the test file, else in the current folder.
    fn find(&mut self, test: &Document, name: &str, place: &Place) -> Option<PathBuf> {
        let folder = test.source.path().parent().unwrap_or(Path::new(""));
        let (beside, here) = (folder.join(name), PathBuf::from(name));
        if beside == here && self.files.may_be_there(&here) {
            return Some(here);
        }
        let is_beside = self.files.may_be_there(&beside);
        let is_here = self.files.may_be_there(&here);
        if is_beside && is_here && are_different(&beside, &here) {
            let message = format!("{} exists both beside the test file and in the current folder", quoted(name));
            let hint = format!("{} is used", quoted_path(&beside));
            self.diagnostics.push(Diagnostic::new(Lint::AmbiguousFile, place.clone(), message, hint));
        }
        if is_beside || is_here {
            return Some(if is_beside { beside } else { here });
        }
        let message = format!("there is no worker file {}", quoted(name));
        let hint = if beside == here {
            "it is looked for in the current folder".to_owned()
        } else {
            format!("it is looked for as {}, then as {} in the current folder", quoted_path(&beside), quoted(name))
        };
        self.diagnostics.push(Diagnostic::new(Lint::UnreadableFile, place.clone(), message, hint));
        None
    }

    /// Asks the shell about all commands, takes out what the files allow, and returns what was found.
    pub(super) fn finish(mut self) -> Diagnostics {
        let is_shell_asked = self.commands.are_wanted();
        self.commands.check(&mut self.diagnostics);
        for document in self.files.documents() {
            if self.is_partial {
                allow::silence(document, &mut self.diagnostics);
                continue;
            }
            let is_alone = !self.in_tests.contains(&document.source.order());
            let looked_for = |lint| match lint {
                Lint::ShellSyntax => is_shell_asked,
                Lint::LonelyBarrier | Lint::BarrierPhases => !is_alone,
                _ => true,
            };
            allow::apply(document, looked_for, &mut self.diagnostics);
        }
        self.diagnostics
    }
}

fn are_different(left: &Path, right: &Path) -> bool {
    matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left != right)
}
