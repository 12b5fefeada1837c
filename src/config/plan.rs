//! Converts a test file and its worker files to a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::loader::Test;
use super::scope::option;
use super::series::{Chosen, schedule};
use super::settings::TestSettings;
use super::{Diagnostics, Input, Limit, Loader, Outputs, ShellSyntax, duration, files, value};
use crate::model::{Action, Metric, OnFailure, Phase, Plan, Point, RunId, RunSettings, Schedule, Source, Step};

/// What the command line says, which overrides the files. The comments are the help of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Overrides {
    /// Number of trials [default: `trials` in CONFIG, or 1]
    #[arg(short, long, value_name = "N", value_parser = value::count)]
    pub trials: Option<u32>,
    /// The phases to run, in any order; all when it is absent.
    #[arg(skip)]
    pub phases: Option<Vec<Phase>>,
    /// Workers to run: names, or ranges such as node[1-3] [default: all]
    #[arg(short = 'c', long, visible_alias = "clients", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub workers: Vec<String>,
    /// Set the variable `%(NAME)s` in all configuration files; can be repeated
    // A later one wins.
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = value::definition)]
    pub defines: Vec<(String, String)>,
    /// Run only points with this value of a parameter; can be repeated
    #[arg(short = 'P', long = "parameter", value_name = "NAME=VALUE", value_parser = value::definition)]
    pub parameters: Vec<(String, String)>,
    /// Run only the points of a series that match NAME=VALUE,NAME=VALUE; can be repeated
    #[arg(long, value_name = "SELECTOR")]
    pub points: Vec<String>,
    /// How to reach workers that do not set `connect`: ssh:HOST, docker:NAME, podman:NAME, kubectl:POD, slurm:NODE,
    /// netns:NAME, machine:NAME, or a command
    #[arg(long, value_name = "FORM")]
    pub connect: Option<String>,
    /// Time limit to reach a player [default: `connect_timeout` in CONFIG, or 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration::duration, help_heading = LIMITS)]
    pub connect_timeout: Option<Duration>,
    /// Time that a player continues without its conductor [default: `lease` in CONFIG, or 1m]
    #[arg(long, value_name = "DURATION", value_parser = duration::lease, help_heading = LIMITS)]
    pub lease: Option<Duration>,
    /// Time limit of a step, or `none` [default: `step_timeout` in CONFIG, or 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::limit, help_heading = LIMITS)]
    pub step_timeout: Option<Limit>,
    /// Largest time between the starts of the first and the last worker, including the uncertainty of the measurement,
    /// or `none` [default: `max_start_skew` in CONFIG, or none]
    #[arg(long, value_name = "DURATION", value_parser = duration::optional_duration, help_heading = LIMITS)]
    pub max_start_skew: Option<Limit>,
    /// What to do when a step has failed [default: `on_failure` in CONFIG, or continue]
    #[arg(long, value_enum, value_name = "ACTION", help_heading = LIMITS)]
    pub on_failure: Option<OnFailure>,
    /// Keep the scratch folders of the workers, and report where they are
    #[arg(long)]
    pub keep_scratch: bool,
    /// Size of the part of each output that the reports keep, and of the largest message of a Python player
    /// [default: `max_message_size` in CONFIG, or 10]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=4095), help_heading = LIMITS)]
    pub max_message_size: Option<u64>,
    /// All workers run on this machine.
    #[arg(skip)]
    pub local: bool,
    /// The folder for the results.
    #[arg(skip)]
    pub results: Option<PathBuf>,
}

const LIMITS: &str = "Limits";

/// A test that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The plan; `None` if there is an error among the diagnostics.
    pub plan: Option<Plan>,
    /// The settings of `[Test]` for outputs, even if there is an error.
    pub outputs: Outputs,
    /// The findings.
    pub diagnostics: Diagnostics,
}

/// Reads a test file and the files of its chosen workers, and reports all mistakes. If there is a shell, it checks the
/// syntax of the commands.
pub fn load_test(path: &Path, overrides: &Overrides, run: RunId, shell: Option<&dyn ShellSyntax>) -> Loaded {
    // The option sets a variable of each worker.
    let connect = overrides.connect.iter().map(|form| (option("connect"), form.clone()));
    let defines: Vec<_> = overrides.defines.iter().cloned().chain(connect).collect();
    let mut loader = Loader::new(files::defines(&defines), shell.is_some());
    loader.context.needs_definitions = true;
    loader.is_local = overrides.local;
    let Some(test) = loader.read(&Input::File(path.to_owned())) else {
        return Loaded { plan: None, outputs: Outputs::default(), diagnostics: loader.finish(shell) };
    };
    loader.trials = overrides.trials;
    loader.chosen = Chosen { values: overrides.parameters.clone(), points: overrides.points.clone() };
    let Test { settings, workers, variables, metrics, series } =
        loader.test(&test, &overrides.workers, overrides.results.is_some());
    let TestSettings { trials, outputs, run: settings, .. } = settings;
    let is_chosen = |phase: &Phase| overrides.phases.as_ref().is_none_or(|chosen| chosen.contains(phase));
    let trials = overrides.trials.or(trials).unwrap_or(1);
    let (points, schedule) = match series {
        None => (vec![Point::default()], Schedule::default()),
        Some((points, series)) => {
            let schedule = schedule(&series, points.len(), trials, &run);
            (points, schedule)
        }
    };
    let mut plan = Plan {
        run,
        file: path.to_owned(),
        trials: schedule.planned(points.len()).unwrap_or(trials),
        phases: Phase::ALL.into_iter().filter(is_chosen).collect(),
        settings: overridden(settings, &outputs, overrides),
        variables,
        metrics,
        workers,
        points,
        schedule,
    };
    keep_measured(&mut plan);
    let diagnostics = loader.finish(shell);
    Loaded { plan: (!diagnostics.has_errors()).then_some(plan), outputs, diagnostics }
}

/// Removes the metrics of phases that are not run.
fn keep_measured(plan: &mut Plan) {
    let (phases, workers) = (&plan.phases, &plan.workers);
    let fetches = |step: &Step| matches!(step.action, Action::Fetch(_));
    let is_run = |source: &Source| match source {
        Source::Output(steps, _) | Source::Duration(steps) => steps.iter().all(|step| phases.contains(&step.phase)),
        Source::StartSkew(phase) => phases.contains(phase),
        Source::File(of, _) => {
            of.iter().all(|worker| phases.iter().any(|phase| workers[worker.0].steps[*phase].iter().any(fetches)))
        }
        Source::Check => true,
    };
    plan.metrics.retain(|metric| metric.source.as_ref().is_some_and(is_run));
}

/// Reads the metrics of a test file again, for a run that has been carried out. Returns `None` if there is an error.
pub fn load_metrics(path: &Path, plan: &Plan) -> (Option<Vec<Metric>>, Diagnostics) {
    let mut loader = Loader::new(files::defines(&[]), false);
    let test = loader.read(&Input::File(path.to_owned()));
    let mut plan = plan.clone();
    plan.metrics = test.map(|test| loader.metrics(&test, &plan)).unwrap_or_default();
    keep_measured(&mut plan);
    let diagnostics = loader.finish(None);
    ((!diagnostics.has_errors()).then_some(plan.metrics), diagnostics)
}

fn overridden(settings: RunSettings, outputs: &Outputs, overrides: &Overrides) -> RunSettings {
    RunSettings {
        step_timeout: overrides.step_timeout.map_or(settings.step_timeout, |limit| limit.0),
        connect_timeout: overrides.connect_timeout.unwrap_or(settings.connect_timeout),
        lease: overrides.lease.unwrap_or(settings.lease),
        on_failure: overrides.on_failure.unwrap_or(settings.on_failure),
        max_start_skew: overrides.max_start_skew.map_or(settings.max_start_skew, |limit| limit.0),
        max_message_size: overrides.max_message_size.map_or(settings.max_message_size, |mebibytes| mebibytes << 20),
        keep_scratch: overrides.keep_scratch,
        results: overrides.results.clone().or_else(|| outputs.results.clone()),
        ..settings
    }
}
