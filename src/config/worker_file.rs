//! A worker file: `[Coordinator]`, `[Environment]`, and the steps of the four phases.

use super::diagnostic::Diagnostic;
use super::environment;
use super::lint::Lint;
use super::lints::{self, Notes, exec_limits, plan_bounds};
use super::not_yet;
use super::reader::Entry;
use super::scope::Scope;
use super::sections::{COORDINATOR, COORDINATOR_KEYS, TEST_KEYS, WORKER_FILE};
use super::severity::Severity;
use super::shell::Commands;
use super::step::{self, ParsedStep, Task};
use super::text::Text;
use super::value;
use crate::model::{Destination, Phase, PhaseMap, Step, is_loopback_host};

/// The port on which a player listens when nothing else is said.
pub(super) const COMMAND_PORT: u16 = 6970;
const RESULTS_PORT: u16 = 6971;
const SHELL: &str = "/bin/sh";

/// What a worker file says to the conductor.
pub(super) struct WorkerFile {
    pub(super) player: Destination,
    pub(super) player_host: String,
    pub(super) conductor: Option<String>,
    pub(super) results_port: u16,
    pub(super) shell: String,
    pub(super) directory: Option<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) steps: StepTaker,
}

/// What is kept of a worker's steps.
#[derive(Default)]
pub(super) struct StepTaker {
    /// The steps themselves, when there is to be a plan.
    pub(super) plan: Option<PhaseMap<Vec<Step>>>,
    /// What refers to other steps or workers.
    pub(super) notes: Notes,
    /// The commands, when the shell is to be asked about them.
    pub(super) commands: Option<Commands>,
    /// How many bytes the longest command has.
    pub(super) longest_command: usize,
    /// How much of a plan they take.
    pub(super) size: plan_bounds::Size,
}

/// Looks for sections, and settings of `[Coordinator]`, that nothing reads.
pub(super) fn check_names(scope: &mut Scope<'_>) {
    scope.check_sections(&WORKER_FILE);
    let elsewhere = [("`[Test]` of the test file", TEST_KEYS.as_slice())];
    scope.check_keys(COORDINATOR, &COORDINATOR_KEYS, &not_yet::COORDINATOR_KEYS, &elsewhere);
}

/// Looks for what is wrong with the file whatever its variables are.
pub(super) fn check(scope: &mut Scope<'_>) {
    check_names(scope);
    lints::defaults::check(scope, &COORDINATOR_KEYS, "steps of every phase");
    for phase in Phase::ALL {
        let name = phase.section();
        let is_empty = scope.document.section(name).is_some_and(|section| section.entries.is_empty());
        // Where lines are wrong, the section may have been meant to have some.
        if is_empty && !scope.diagnostics.has_errors_in(scope.document.source.order()) {
            let warning =
                Diagnostic::new(Lint::EmptyPhase, scope.section_place(name), format!("`[{name}]` has no step"));
            scope.diagnostics.push(warning.hint("add a line `label = command`, or remove the section"));
        }
        let section = scope.document.section(name);
        let continued =
            section.into_iter().flat_map(|section| section.continued.iter().map(|at| &section.entries[*at]));
        for entry in continued {
            lints::several_lines::check(scope, entry);
        }
    }
}

/// Reads a worker file. Afterwards the scope knows `player` and `conductor`.
pub(super) fn read(scope: &mut Scope<'_>, mut steps: StepTaker) -> WorkerFile {
    let host = scope.parsed(COORDINATOR, "player", value::host);
    if scope.entry(COORDINATOR, "player").is_none() {
        let place = scope.section_place(COORDINATOR);
        let error = Diagnostic::new(Lint::MissingSetting, place, "the worker file does not say where its player is");
        scope.diagnostics.push(error.hint("add `player = ADDRESS` to `[Coordinator]`"));
    }
    let host = host.unwrap_or_default();
    scope.predefined.push(("player", host.clone()));
    let conductor = scope.parsed(COORDINATOR, "conductor", value::host);
    if let Some(entry) = scope.entry(COORDINATOR, "conductor") {
        // A wrong one was reported; that the variable is unknown then would be no news.
        scope.predefined.push(("conductor", conductor.clone().unwrap_or_default()));
        check_loopback(scope, entry, &host, conductor.as_deref().unwrap_or_default());
    }
    let port = scope.parsed(COORDINATOR, "cmdport", value::port).unwrap_or(COMMAND_PORT);
    // These two are the player's, and are looked at here so that all mistakes are found at once.
    scope.parsed(COORDINATOR, "max_message_size", value::mebibytes);
    scope.parsed(COORDINATOR, "allow", value::networks);
    let results_port = scope.parsed(COORDINATOR, "resultsport", value::port).unwrap_or(RESULTS_PORT);
    let shell = scope.untouched(COORDINATOR, "shell", value::text).unwrap_or_else(|| SHELL.to_owned());
    let directory = scope.untouched(COORDINATOR, "directory", value::text);
    for (key, path) in [("shell", Some(&shell)), ("directory", directory.as_ref())] {
        if let (Some(path), Some(place)) = (path, scope.entry(COORDINATOR, key).map(|entry| entry.value.place())) {
            plan_bounds::check_path(scope, path, || place);
        }
    }
    let environment = environment::read(scope);
    for phase in Phase::ALL {
        plan_bounds::check_phase(scope, phase);
        for entry in scope.entries(phase.section()).iter().enumerate() {
            steps.take(scope, phase, entry, &shell);
        }
        steps.notes.end_phase();
    }
    steps.size.check(scope);
    lints::stops::check(scope, &steps.notes);
    lints::spawns::check(scope, &steps.notes);
    lints::barriers::check_worker(&steps.notes, scope.diagnostics);
    lints::fetches::check(&steps.notes, scope.diagnostics);
    let player = Destination::Tcp { host: host.clone(), port };
    WorkerFile { player, player_host: host, conductor, results_port, shell, directory, environment, steps }
}

/// A player elsewhere that sends its results to its own machine sends them to nobody.
fn check_loopback(scope: &mut Scope<'_>, entry: &Entry, player: &str, conductor: &str) {
    if !player.is_empty() && is_loopback_host(conductor) && !is_loopback_host(player) {
        let message =
            format!("the player `{player}` is not on this machine, and can't reach the conductor at `{conductor}`");
        let warning = Diagnostic::new(Lint::LoopbackConductor, entry.value.place(), message);
        scope.diagnostics.push(warning.hint("write the address by which that machine reaches this one"));
    }
}

impl StepTaker {
    fn take(&mut self, scope: &mut Scope<'_>, phase: Phase, (index, entry): (usize, &Entry), shell: &str) {
        let Some(text) = scope.value(phase.section(), &entry.value) else { return };
        let parsed = step::parse(entry.written_key(), text.as_str());
        let place = || text.place_of(parsed.at..text.as_str().len());
        for problem in &parsed.problems {
            report(scope, problem, entry, &text);
        }
        if let Task::Put { local, remote } = parsed.task {
            lints::puts::check(scope, local, &task_place(entry, &text, &parsed));
            plan_bounds::check_path(scope, remote, place);
        }
        if let Task::Fetch(pattern) = parsed.task {
            plan_bounds::check_path(scope, pattern, place);
        }
        let is_error = |problem: &step::StepProblem| problem.lint.severity() == Severity::Error;
        if !parsed.problems.iter().any(is_error) {
            self.notes.take(phase, index, &parsed, || task_place(entry, &text, &parsed));
        }
        if let Task::Command(command) = parsed.task {
            self.longest_command = self.longest_command.max(command.len());
            self.size.add(entry.written_key(), command, place);
            exec_limits::check_command(scope, command, place);
            if let Some(commands) = &mut self.commands
                && parsed.problems.is_empty()
            {
                commands.take(shell, entry, &text, parsed.at);
            }
        }
        if let Some(steps) = &mut self.plan {
            steps[phase].push(parsed.step(entry.written_key()));
        }
    }
}

/// Where a step's task stands, with its own prefix.
fn task_place(entry: &Entry, text: &Text, parsed: &ParsedStep<'_>) -> super::source::Place {
    match &parsed.form {
        Some((_, range)) => text.place_of(range.start..text.as_str().len()),
        None => entry.key_place(),
    }
}

fn report(scope: &mut Scope<'_>, problem: &step::StepProblem, entry: &Entry, text: &Text) {
    let place = match &problem.range {
        Some(range) => text.place_of(range.clone()),
        None => entry.key_place(),
    };
    scope.diagnostics.push(Diagnostic::new(problem.lint, place, problem.message.clone()).hint(problem.hint.clone()));
}
