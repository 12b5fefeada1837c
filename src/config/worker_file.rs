//! A worker file: `[Coordinator]`, `[Environment]`, and the steps of the four phases.

use super::{
    COORDINATOR, COORDINATOR_KEYS, Commands, Diagnostic, Entry, Lint, Notes, Scope, Severity, TEST_KEYS, WORKER_FILE,
    bounds, environment, lints, not_yet, step, value,
};
use crate::model::{Action, Destination, Phase, PhaseMap, Step, is_loopback_host};

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
    pub(super) steps: Steps,
}

/// The steps of a worker file.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) by_phase: PhaseMap<Vec<Step>>,
    /// Those that refer to other steps or workers.
    pub(super) notes: Notes,
    /// How large they are.
    pub(super) size: bounds::Size,
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
            let (place, message) = (scope.section_place(name), format!("`[{name}]` has no step"));
            let hint = "add a line `label = command`, or remove the section";
            scope.diagnostics.push(Diagnostic::new(Lint::EmptyPhase, place, message, hint));
        }
        for entry in scope.entries(name) {
            lints::several_lines::check(scope, entry);
        }
    }
}

/// Reads a worker file. Afterwards the scope knows `player` and `conductor`.
pub(super) fn read(scope: &mut Scope<'_>, commands: &mut Commands<'_>) -> WorkerFile {
    let host = scope.parsed(COORDINATOR, "player", value::host);
    if scope.entry(COORDINATOR, "player").is_none() {
        let place = scope.section_place(COORDINATOR);
        let message = "the worker file has no `player`";
        let hint = "add the player's address, `player = ADDRESS`, to `[Coordinator]`";
        scope.diagnostics.push(Diagnostic::new(Lint::MissingSetting, place, message, hint));
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
            bounds::check_path(scope, path, place);
        }
    }
    let environment = environment::read(scope);
    let mut steps = Steps::default();
    for phase in Phase::ALL {
        bounds::check_phase(scope, phase);
        for entry in scope.entries(phase.section()) {
            steps.read(scope, phase, entry, &shell, commands);
        }
        steps.notes.end_phase();
    }
    steps.size.check(scope);
    lints::stops::check(scope, &steps.notes);
    lints::spawns::check(&steps.notes, scope.diagnostics);
    lints::barriers::check_worker(&steps.notes, scope.diagnostics);
    lints::fetches::check(&steps.notes, scope.diagnostics);
    let player = Destination { host: host.clone(), port };
    WorkerFile { player, player_host: host, conductor, results_port, shell, directory, environment, steps }
}

/// A player elsewhere that sends its results to its own machine sends them to nobody.
fn check_loopback(scope: &mut Scope<'_>, entry: &Entry, player: &str, conductor: &str) {
    if !player.is_empty() && is_loopback_host(conductor) && !is_loopback_host(player) {
        let message =
            format!("the player `{player}` is not on this machine, and cannot reach the conductor at `{conductor}`");
        let hint = "write the address by which that machine reaches this one";
        scope.diagnostics.push(Diagnostic::new(Lint::LoopbackConductor, entry.value.place(), message, hint));
    }
}

impl Steps {
    fn read(&mut self, scope: &mut Scope<'_>, phase: Phase, entry: &Entry, shell: &str, commands: &mut Commands<'_>) {
        let Some(text) = scope.value(phase.section(), &entry.value) else { return };
        let parsed = step::parse(entry.written_key(), text.as_str());
        let from = |start: usize| text.place_of(start..text.as_str().len());
        let task_place = || parsed.form_at.map_or_else(|| entry.key_place(), from);
        for (reason, range) in &parsed.problems {
            let place = range.clone().map_or_else(|| entry.key_place(), |range| text.place_of(range));
            scope.diagnostics.push(reason.clone().at(place));
        }
        match &parsed.step.action {
            Action::Command(command) if parsed.form_at.is_none() => {
                self.size.add(scope, entry.written_key(), command, || from(parsed.at));
                if parsed.problems.is_empty() {
                    commands.take(shell, entry, &text, parsed.at);
                }
            }
            Action::Put { local, remote } => {
                lints::puts::check(scope, local, task_place());
                bounds::check_path(scope, remote, from(parsed.at));
            }
            Action::Fetch(pattern) => bounds::check_path(scope, pattern, from(parsed.at)),
            Action::Command(_) | Action::Barrier(_) | Action::Stop(_) => {}
        }
        if parsed.problems.iter().all(|(reason, _)| reason.lint.severity() == Severity::Warning) {
            self.notes.take(phase, &parsed.step, task_place);
        }
        self.by_phase[phase].push(parsed.step);
    }
}
