//! Reads tests with their workers' files, or single worker files, and runs all lints on them.

mod locate;
mod points;

use std::collections::HashSet;
use std::sync::Arc;

use super::assign::assign;
use super::interpolate::{Addresses, PREDEFINED};
use super::lints::{self, Steps, bounds, unknown_variables};
use super::located::{Located, paths};
use super::metric_source::Known;
use super::scope::{AtPoint, Context, OfTest};
use super::series::{self, Chosen, Parameters, Series};
use super::settings::{COORDINATOR_SETTINGS, Setting, TEST_SETTINGS, TestSettings};
use super::worker_file::WorkerFile;
use super::worker_sections::WorkerSections;
use super::workers::List;
use super::{
    CLIENTS, Commands, Diagnostics, Document, ENVIRONMENT, Files, Input, Lint, PARAMETERS, Place, SERIES, Scope,
    ShellSyntax, Span, TEST, WORKER_FILE, WORKERS, allow, definitions, metrics, worker_file, workers,
};
use crate::model::{Definitions, Destination, Metric, Phase, PhaseMap, Plan, PlayerAddress, Point, WorkerPlan};

/// The setting that judges each trial.
const CHECK: &str = "check";

/// The state of reading a configuration, and the findings so far.
pub(super) struct Loader {
    files: Files,
    defines: Document,
    pub(super) context: Context,
    /// The files that were checked as a whole, by their order.
    checked: HashSet<usize>,
    /// Test files, and the worker files that they name, by their order.
    in_tests: HashSet<usize>,
    /// Whether only a part was read, so that some findings may be missing.
    pub(super) is_partial: bool,
    /// Whether all workers run on this machine, as the command line requests.
    pub(super) is_local: bool,
    /// The number of trials of each point that the command line sets.
    pub(super) trials: Option<u32>,
    /// The points of a series that the command line chooses.
    pub(super) chosen: Chosen,
    /// The parameters of the test that is being read.
    parameters: Parameters,
    /// Their values at the point that is being read.
    at: AtPoint,
}

/// A test that was read.
pub(super) struct Test {
    pub(super) settings: TestSettings,
    pub(super) workers: Vec<WorkerPlan>,
    /// The variables that are the same for all workers.
    pub(super) variables: Definitions,
    pub(super) metrics: Vec<Metric>,
    /// The points and the settings of `[Series]`; `None` in an ordinary test.
    pub(super) series: Option<(Vec<Point>, Series)>,
}

/// The inputs for reading the workers of a test.
struct Reading<'a> {
    test: &'a Document,
    located: &'a [Located<'a>],
    addresses: &'a Addresses,
    /// The names of all workers.
    names: Vec<&'a str>,
    /// Whether the command line left out no worker.
    is_whole: bool,
    /// Whether there is a folder for results.
    has_results: bool,
    /// Whether workers with the same player may run the same commands.
    shares_players: bool,
}

/// Returns whether the text of a worker fits in the size limit: many workers can share the same text.
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

impl Loader {
    /// Creates a loader. `is_shell_asked` means that [`Self::finish`] will get a shell.
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
            at: AtPoint::default(),
        }
    }

    /// Reads an input of the command line.
    pub(super) fn read(&mut self, input: &Input) -> Option<Arc<Document>> {
        self.files.input(input, &mut self.context.diagnostics)
    }

    /// Returns whether the file is a test that was read, or belongs to one.
    pub(super) fn is_in_test(&self, document: &Document) -> bool {
        self.in_tests.contains(&document.source.order())
    }

    /// Creates the scope of a file that is read on its own.
    pub(super) fn scope<'s>(&'s mut self, document: &'s Document) -> Scope<'s> {
        Scope { at: &self.at, ..Scope::new(document, &self.defines, &mut self.context) }
    }

    /// Creates the scope of a worker of a test.
    pub(super) fn scope_of<'s>(&'s mut self, located: &'s Located<'_>, addresses: &'s Addresses) -> Scope<'s> {
        Scope { at: &self.at, ..located.scope(&self.defines, addresses, &mut self.context) }
    }

    /// Reads a test with the files of the chosen workers, or of all workers if none is chosen.
    pub(super) fn test(&mut self, test: &Document, chosen: &[String], has_results: bool) -> Test {
        self.in_tests.insert(test.source.order());
        self.is_partial |= !chosen.is_empty();
        self.parameters = series::read_parameters(test, &mut self.context.diagnostics);
        let series = series::read_series(&mut self.scope(test));
        self.at = AtPoint { names: self.parameters.names(), values: Vec::new() };
        let mut settings = test_settings(&mut self.scope(test));
        let (list, sections) = self.workers(test);
        let of_test = |worker| OfTest { test, worker, sections: &sections };
        worker_file::check_sections_of_test(&mut self.scope(test));
        let chosen_workers = workers::choose(&mut self.scope(test), &list.workers, chosen);
        let located: Vec<_> = chosen_workers.iter().filter_map(|worker| self.locate(of_test(worker))).collect();
        let all: Vec<_> = list.workers.iter().map(of_test).collect();
        let addresses = self.addresses(&all, &chosen_workers, &located);
        let reading = Reading {
            test,
            located: &located,
            addresses: &addresses,
            names: list.workers.iter().map(|worker| worker.name.as_str()).collect(),
            is_whole: chosen.is_empty(),
            has_results: has_results || settings.outputs.results.is_some(),
            shares_players: settings.shared_player || self.is_local,
        };
        let (workers, series) = self.points(&reading, series, &mut settings);
        if located.is_empty() {
            // Without a worker, mistakes in `[Environment]` of the test file would not be found.
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
        if let Some((points, series)) = &series {
            for metric in &mut metrics {
                metric.precision = metric.precision.or(series.precision);
            }
            let (trials, place) = (self.trials.or(settings.trials).unwrap_or(1), series::place(test));
            series::check_enough(series, points, trials, &metrics, &place, &mut self.context.diagnostics);
        }
        Test { settings, workers, variables, metrics, series }
    }

    /// Reads the metrics of a test file, for the workers of an existing plan. Nothing else of the file is checked.
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

    /// Reads the workers of a test, and the sections of the test file that apply to them.
    pub(super) fn workers(&mut self, test: &Document) -> (List, WorkerSections) {
        let (files, at) = (&self.files, &self.at);
        let mut scope = Scope { at, ..Scope::new(test, &self.defines, &mut self.context) };
        let is_file = |name: &str| !name.contains('\0') && paths(test, name).iter().any(|path| files.is_there(path));
        let list = workers::list(&mut scope, &is_file);
        let sections = assign(&mut scope, &list.workers, list.is_complete);
        (list, sections)
    }

    /// Reads a worker. The plan does not contain the steps yet.
    fn worker(&mut self, located: &Located<'_>, addresses: &Addresses) -> Option<(WorkerPlan, Steps)> {
        let OfTest { test, worker, .. } = located.of;
        let is_new = located.document.as_ref().is_some_and(|document| self.checked.insert(document.source.order()));
        let mut scope = self.scope_of(located, addresses);
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
        let mut scope = self.scope_of(located, addresses);
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

    /// Checks a worker file that is not part of a test. Variables that come from a test file have the values of a test
    /// with this single worker.
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
            unknown_variables::check(&file.steps, &file.environment, &[], None, &[], &mut self.context.diagnostics);
        }
    }

    /// Lets the shell check all commands, removes the findings that the files allow, and returns the others.
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

/// Checks the names of sections and settings, and reads `[Test]`. Missing or invalid settings get their defaults.
fn test_settings(scope: &mut Scope<'_>) -> TestSettings {
    scope.check_sections(&[TEST, ENVIRONMENT, WORKERS, CLIENTS, PARAMETERS, SERIES], true);
    if let Some(section) = scope.document.section(TEST) {
        scope.check_keys(section, &TEST_SETTINGS, ("`[Coordinator]` of a worker file", &COORDINATOR_SETTINGS));
    }
    lints::defaults::check(scope, "workers");
    let mut settings = TestSettings::default();
    // The `check` of a series is read at each of its points.
    let is_series = !scope.at.names.is_empty() || scope.document.section(SERIES).is_some();
    for setting in TEST_SETTINGS.iter().filter(|setting| !is_series || setting.key != CHECK) {
        scope.set(TEST, setting, &mut settings);
    }
    settings.run.check_origin = scope.entry(TEST, "check").map(|entry| entry.key_place().line());
    settings
}
