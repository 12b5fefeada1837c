//! Reads tests with their workers' files, and worker files alone, and runs all lints on them.

mod points;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assign::assign;
use super::interpolate::{Addresses, PREDEFINED};
use super::lints::{self, Steps, bounds, unknown_variables};
use super::metric_source::Known;
use super::scope::{self, AtPoint, Context, OfTest};
use super::series::{self, Chosen, Parameters, Series};
use super::settings::{COORDINATOR_SETTINGS, Setting, TEST_SETTINGS, TestSettings};
use super::worker::{FileName, Worker};
use super::worker_file::WorkerFile;
use super::worker_sections::WorkerSections;
use super::workers::List;
use super::{
    CLIENTS, Commands, Diagnostic, Diagnostics, Document, ENVIRONMENT, Files, Input, Lint, PARAMETERS, Place, SERIES,
    Scope, ShellSyntax, Span, TEST, WORKER_FILE, WORKERS, allow, definitions, metrics, quoted, quoted_path,
    worker_file, workers,
};
use crate::model::{Definitions, Destination, Metric, Phase, PhaseMap, Plan, PlayerAddress, Point, WorkerPlan};

/// The setting that judges each trial.
const CHECK: &str = "check";

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
    /// All workers run on this machine, as the command line wants it.
    pub(super) is_local: bool,
    /// How many trials the command line wants of each point.
    pub(super) trials: Option<u32>,
    /// What the command line chooses of the points of a series.
    pub(super) chosen: Chosen,
    /// The parameters of the test that is read.
    parameters: Parameters,
    names: Vec<String>,
    /// Their values at the point that is read.
    values: Vec<(String, String)>,
}

/// A test that was read.
pub(super) struct Test {
    pub(super) settings: TestSettings,
    pub(super) workers: Vec<WorkerPlan>,
    /// The variables that are the same for all workers.
    pub(super) variables: Definitions,
    pub(super) metrics: Vec<Metric>,
    /// The points, and what `[Series]` says; none in an ordinary test.
    pub(super) series: Option<(Vec<Point>, Series)>,
}

/// A worker whose file was found and read.
#[derive(Clone)]
pub(super) struct Located<'w> {
    pub(super) worker: &'w Worker,
    /// Its file; if it has none, the test file.
    path: PathBuf,
    /// What its file has.
    pub(super) document: Option<Arc<Document>>,
}

impl Located<'_> {
    /// What is read for the worker.
    fn scope<'s>(
        &'s self,
        test: &'s Document,
        defines: &'s Document,
        sections: &'s WorkerSections,
        addresses: &'s Addresses,
        context: &'s mut Context,
    ) -> Scope<'s> {
        let own = self.document.as_deref();
        let mut scope = Scope::new(own.unwrap_or(test), defines, context);
        scope.of_test = Some(OfTest { test, worker: self.worker, has_file: own.is_some(), sections });
        scope.predefined = workers::of_worker(self.worker.name.as_str(), self.worker.index);
        scope.addresses = Some(addresses);
        if own.is_some() {
            scope.required.extend(scope::required(test));
        }
        scope
    }
}

/// What is needed to read the workers of a test.
struct Reading<'a> {
    test: &'a Document,
    located: &'a [Located<'a>],
    sections: &'a WorkerSections,
    addresses: &'a Addresses,
    /// The names of all workers.
    names: Vec<&'a str>,
    /// No worker was left out by the command line.
    is_whole: bool,
    /// There is a folder for results.
    has_results: bool,
    /// Workers with the same player may run the same commands.
    shares_players: bool,
}

/// Whether there is room for what is read for a worker: many workers can share it.
fn has_room(scope: &mut Scope<'_>, place: impl FnOnce() -> Place) -> bool {
    let own = scope.has_file().then(|| scope.document.source.text().len());
    let of_test = scope
        .of_test
        .into_iter()
        .flat_map(|of| WORKER_FILE.map(|name| of.sections.holding(of.test, of.worker, name, None)));
    let entries = of_test.flatten().flat_map(|section| &section.entries);
    let bytes = own.unwrap_or(0) + entries.map(|entry| entry.value.as_str().len()).sum::<usize>();
    scope.has_room(bytes, place)
}

/// Where a worker file of this name may be: beside the test file, else in the current folder.
fn paths(test: &Document, name: &str) -> Vec<PathBuf> {
    let folder = test.source.path().parent().unwrap_or(Path::new(""));
    let mut paths = vec![folder.join(name), PathBuf::from(name)];
    paths.dedup();
    paths
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
            is_local: false,
            trials: None,
            chosen: Chosen::default(),
            parameters: Parameters::default(),
            names: Vec::new(),
            values: Vec::new(),
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

    /// A file that is read for itself.
    pub(super) fn scope<'s>(&'s mut self, document: &'s Document) -> Scope<'s> {
        let mut scope = Scope::new(document, &self.defines, &mut self.context);
        scope.parameters = AtPoint { names: &self.names, values: &self.values, are_everywhere: false };
        scope
    }

    /// What is read for a worker of a test.
    pub(super) fn scope_of<'s>(
        &'s mut self,
        located: &'s Located<'_>,
        test: &'s Document,
        sections: &'s WorkerSections,
        addresses: &'s Addresses,
    ) -> Scope<'s> {
        let mut scope = located.scope(test, &self.defines, sections, addresses, &mut self.context);
        scope.parameters = AtPoint { names: &self.names, values: &self.values, are_everywhere: false };
        scope
    }

    /// Reads a test, with the files of the chosen workers, or of all if none is chosen.
    pub(super) fn test(&mut self, test: &Document, chosen: &[String], has_results: bool) -> Test {
        self.in_tests.insert(test.source.order());
        self.is_partial |= !chosen.is_empty();
        self.parameters = series::read_parameters(test, &mut self.context.diagnostics);
        let series = series::read_series(&mut self.scope(test));
        (self.names, self.values) = (self.parameters.names(), Vec::new());
        let mut settings = test_settings(&mut self.scope(test));
        let (list, sections) = self.workers(test);
        worker_file::check_sections_of_test(&mut self.scope(test));
        let chosen_workers = workers::choose(&mut self.scope(test), &list.workers, chosen);
        let located: Vec<_> = chosen_workers.iter().filter_map(|worker| self.locate(test, worker)).collect();
        let addresses = self.addresses(test, &list.workers, &chosen_workers, &located, &sections);
        let reading = Reading {
            test,
            located: &located,
            sections: &sections,
            addresses: &addresses,
            names: list.workers.iter().map(|worker| worker.name.as_str()).collect(),
            is_whole: chosen.is_empty(),
            has_results: has_results || settings.outputs.results.is_some(),
            shares_players: settings.shared_player || self.is_local,
        };
        let (workers, series) = self.points(&reading, series, &mut settings);
        if located.is_empty() {
            // No worker could be read, which would have shown the mistakes of the test file's `[Environment]`.
            let mut scope = self.scope(test);
            scope.predefined = PREDEFINED.map(|name| (name, Some(String::new()))).to_vec();
            scope.addresses = Some(&addresses);
            worker_file::environment(&mut scope);
        }
        if located.len() == list.workers.len() {
            let files: Vec<_> = located.iter().filter_map(|located| located.document.as_deref()).collect();
            let keys = Setting::keys(&TEST_SETTINGS);
            lints::defaults::check_use(&mut self.scope(test), files.iter().copied(), &keys);
        }
        let mut variables = definitions::of_test(test, &self.defines, &addresses);
        variables.extend(definitions::of_parameters(self.parameters.iter()));
        let known = Known {
            names: reading.names.into_iter().collect(),
            workers: &workers,
            phases: &Phase::ALL,
            has_check: settings.run.check.is_some(),
        };
        let mut metrics = metrics::read(&mut self.scope(test), &known);
        if let Some(series) = &series {
            for metric in &mut metrics {
                metric.precision = metric.precision.or(series.1.precision);
            }
            self.check_enough(test, series, settings.trials, &metrics);
        }
        Test { settings, workers, variables, metrics, series }
    }

    /// The metrics of a test file, for the workers of a plan that was made before. Nothing else of it is checked.
    pub(super) fn metrics(&mut self, test: &Document, plan: &Plan) -> Vec<Metric> {
        self.is_partial = true;
        self.in_tests.insert(test.source.order());
        let so_far = std::mem::take(&mut self.context.diagnostics);
        let (list, _) = self.workers(test);
        self.context.diagnostics = so_far;
        let listed = list.workers.iter().map(|worker| worker.name.as_str());
        let names = listed.chain(plan.workers.iter().map(|worker| worker.name.as_str())).collect();
        let (workers, phases) = (&plan.workers, &plan.phases);
        let known = Known { names, workers, phases, has_check: plan.settings.check.is_some() };
        metrics::read(&mut self.scope(test), &known)
    }

    /// The workers of a test, and the sections of the test file for them.
    pub(super) fn workers(&mut self, test: &Document) -> (List, WorkerSections) {
        let (files, mut scope) = (&self.files, Scope::new(test, &self.defines, &mut self.context));
        scope.parameters = AtPoint { names: &self.names, ..AtPoint::default() };
        let is_file = |name: &str| !name.contains('\0') && paths(test, name).iter().any(|path| files.is_there(path));
        let list = workers::list(&mut scope, &is_file);
        let sections = assign(&mut scope, &list.workers, list.is_complete);
        (list, sections)
    }

    /// Finds and reads the file of a worker, if it has one. `None` if that failed, which has been reported.
    pub(super) fn locate<'w>(&mut self, test: &Document, worker: &'w Worker) -> Option<Located<'w>> {
        let path = test.source.path().to_owned();
        match &worker.file {
            FileName::Unknown => None,
            FileName::Absent => Some(Located { worker, path, document: None }),
            FileName::Named(name, place) => {
                let path = self.find(test, name, place)?;
                let document = self.files.read(&path, Some(place), &mut self.context.diagnostics)?;
                self.in_tests.insert(document.source.order());
                Some(Located { worker, path, document: Some(document) })
            }
        }
    }

    /// The addresses of all workers. An address can depend on that of another worker, which then has to be known first.
    pub(super) fn addresses(
        &mut self,
        test: &Document,
        workers: &[Worker],
        chosen: &[&Worker],
        located: &[Located<'_>],
        sections: &WorkerSections,
    ) -> Addresses {
        const MOST_ROUNDS: usize = 10;
        // What is wrong is reported when the settings are read again with all addresses.
        let mut context = Context::default();
        let mut open: Vec<(Located<'_>, bool)> = located.iter().map(|located| (located.clone(), true)).collect();
        // The others have addresses, too, if their files can be read.
        if chosen.len() < workers.len() {
            let chosen: HashSet<_> = chosen.iter().map(|worker| worker.name.as_str()).collect();
            let others = workers.iter().filter(|worker| !chosen.contains(worker.name.as_str()));
            open.extend(others.filter_map(|worker| Some((self.glance(test, worker)?, false))));
        }
        // Why a chosen worker could not be located has been reported; its address counts as known.
        let mut addresses = Addresses::new();
        if located.len() < chosen.len() {
            addresses.extend(chosen.iter().map(|worker| (worker.name.as_str().to_lowercase(), None)));
        }
        for _ in 0..MOST_ROUNDS {
            let before = open.len();
            open.retain(|(located, is_chosen)| {
                let mut scope = located.scope(test, &self.defines, sections, &addresses, &mut context);
                if !is_chosen {
                    scope.required.clear();
                }
                let settings = worker_file::coordinator(&mut scope);
                let is_unset = scope.predefined.iter().any(|(name, value)| *name == "player" && value.is_none());
                let name = located.worker.name.as_str().to_lowercase();
                if is_unset {
                    addresses.insert(name, None);
                } else if !settings.player.is_empty() {
                    addresses.insert(name, Some(settings.player));
                } else {
                    return true;
                }
                false
            });
            if open.is_empty() || open.len() == before {
                break;
            }
        }
        addresses
    }

    /// Finds and reads the file of a worker that was not chosen. That it cannot be read does not matter.
    fn glance<'w>(&mut self, test: &Document, worker: &'w Worker) -> Option<Located<'w>> {
        let (path, document) = match &worker.file {
            FileName::Unknown => return None,
            FileName::Absent => (test.source.path().to_owned(), None),
            FileName::Named(name, place) => {
                let path = paths(test, name).into_iter().find(|path| self.files.is_there(path))?;
                let document = self.files.read(&path, Some(place), &mut Diagnostics::default())?;
                (path, Some(document))
            }
        };
        Some(Located { worker, path, document })
    }

    /// Reads a worker. The steps are not in the plan yet.
    fn worker(
        &mut self,
        test: &Document,
        located: &Located<'_>,
        sections: &WorkerSections,
        addresses: &Addresses,
    ) -> Option<(WorkerPlan, Steps)> {
        let worker = located.worker;
        let is_new = located.document.as_ref().is_some_and(|document| self.checked.insert(document.source.order()));
        let mut scope = self.scope_of(located, test, sections, addresses);
        if is_new {
            worker_file::check(&mut scope);
        }
        if !has_room(&mut scope, || worker.place.clone()) {
            return None;
        }
        let WorkerFile { settings, environment, steps } = worker_file::read(&mut scope);
        let variables = definitions::of_worker(&scope);
        let known = std::mem::take(&mut scope.predefined);
        let mut scope = self.scope(test);
        (scope.predefined, scope.addresses) = (known, Some(addresses));
        let environment = [worker_file::environment(&mut scope), environment].concat();
        let mut scope = self.scope_of(located, test, sections, addresses);
        bounds::check_environment(&mut scope, &environment, &steps);
        let transport = settings.transport.map(|transport| transport.with(settings.transport_settings));
        let host = settings.player;
        let port = || Destination { host: host.clone(), port: settings.port };
        let plan = WorkerPlan {
            name: worker.name.clone(),
            file: located.path.clone(),
            player: transport.map_or_else(|| port().into(), PlayerAddress::Transport),
            player_host: host,
            conductor: settings.conductor,
            results_port: settings.results_port,
            shell: settings.shell,
            directory: settings.directory,
            environment,
            variables,
            steps: PhaseMap::default(),
        };
        Some((plan, steps))
    }

    /// Checks a worker file that no test names. The variables that come from a test file have the values that they have for
    /// the only worker of a test.
    pub(super) fn worker_file(&mut self, document: &Document) {
        let source = &document.source;
        let stem = source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_new = self.checked.insert(source.order());
        let mut scope = self.scope(document);
        scope.predefined = workers::of_worker(&stem, 1);
        if is_new {
            worker_file::check(&mut scope);
        }
        if has_room(&mut scope, || Place::new(source, Span::new(0, 0))) {
            let file = worker_file::read(&mut scope);
            bounds::check_environment(&mut scope, &file.environment, &file.steps);
            unknown_variables::check(&file.steps, &file.environment, &[], None, &mut self.context.diagnostics);
        }
    }

    /// The worker file of this name: beside the test file, else in the current folder.
    fn find(&mut self, test: &Document, name: &str, place: &Place) -> Option<PathBuf> {
        let paths = paths(test, name);
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
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS, PARAMETERS, SERIES], true);
    if let Some(section) = scope.document.section(TEST) {
        scope.check_keys(section, &TEST_SETTINGS, ("`[Coordinator]` of a worker file", &COORDINATOR_SETTINGS));
    }
    lints::defaults::check(scope, "workers");
    let mut settings = TestSettings::default();
    // What judges the trials of a series is read at each of its points.
    let is_series = !scope.parameters.names.is_empty() || scope.document.section(SERIES).is_some();
    for setting in TEST_SETTINGS.iter().filter(|setting| !is_series || setting.key != CHECK) {
        scope.set(TEST, setting, &mut settings);
    }
    settings.run.check_origin = scope.entry(TEST, "check").map(|entry| entry.key_place().line());
    settings
}
