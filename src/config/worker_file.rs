//! A worker file: `[Coordinator]`, `[Environment]`, and the steps of the four phases.

use super::diagnostic::Diagnostic;
use super::file_steps;
use super::not_yet;
use super::scope::Scope;
use super::source::Place;
use super::step;
use super::test_file::{ENVIRONMENT, environment};
use super::value;
use crate::model::{Action, Destination, Phase, PhaseMap, Step};

pub(super) const COORDINATOR: &str = "Coordinator";
/// The sections that tell a worker file from a test file.
pub(super) const OWN_SECTIONS: [&str; 5] = [COORDINATOR, "Startup", "Run", "Collect", "Reset"];
/// All its sections.
pub(super) const SECTIONS: [&str; 6] = [COORDINATOR, ENVIRONMENT, "Startup", "Run", "Collect", "Reset"];

const KEYS: [&str; 8] =
    ["player", "conductor", "cmdport", "resultsport", "max_message_size", "allow", "shell", "directory"];

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
    pub(super) steps: PhaseMap<Vec<Step>>,
    /// Where it says `fetch:`.
    pub(super) fetches: Vec<Place>,
}

/// Reads a worker file. Afterwards the scope knows `player` and `conductor`.
pub(super) fn read(scope: &mut Scope<'_>) -> WorkerFile {
    scope.check_sections(&SECTIONS);
    scope.check_keys(COORDINATOR, &KEYS, &not_yet::COORDINATOR_KEYS);
    let host = scope.parsed(COORDINATOR, "player", value::host);
    if scope.entry(COORDINATOR, "player").is_none() {
        let place = scope.section_place(COORDINATOR);
        let error = Diagnostic::error("missing-setting", place, "the worker file does not say where its player is");
        scope.diagnostics.push(error.hint("add `player = ADDRESS` to `[Coordinator]`"));
    }
    let host = host.unwrap_or_default();
    scope.predefined.push(("player", host.clone()));
    let conductor = scope.parsed(COORDINATOR, "conductor", value::host);
    if scope.entry(COORDINATOR, "conductor").is_some() {
        // A wrong one was reported; that the variable is unknown then would be no news.
        scope.predefined.push(("conductor", conductor.clone().unwrap_or_default()));
    }
    let port = scope.parsed(COORDINATOR, "cmdport", value::port).unwrap_or(COMMAND_PORT);
    // These two are the player's, and are looked at here so that all mistakes are found at once.
    scope.parsed(COORDINATOR, "max_message_size", value::mebibytes);
    scope.parsed(COORDINATOR, "allow", value::networks);
    let mut fetches = Vec::new();
    WorkerFile {
        player: Destination::Tcp { host: host.clone(), port },
        player_host: host,
        conductor,
        results_port: scope.parsed(COORDINATOR, "resultsport", value::port).unwrap_or(RESULTS_PORT),
        shell: scope.untouched(COORDINATOR, "shell", value::text).unwrap_or_else(|| SHELL.to_owned()),
        directory: scope.untouched(COORDINATOR, "directory", value::text),
        environment: environment(scope),
        steps: PhaseMap::from_fn(|phase| steps(scope, phase, &mut fetches)),
        fetches,
    }
}

fn steps(scope: &mut Scope<'_>, phase: Phase, fetches: &mut Vec<Place>) -> Vec<Step> {
    let mut steps = Vec::new();
    for entry in scope.entries(phase.section()) {
        let Some(text) = scope.value(phase.section(), &entry.value) else { continue };
        let parsed = step::parse(&entry.written_key, text.as_str());
        for problem in parsed.problems {
            let place = match problem.range {
                Some(range) => text.place_of(range),
                None => entry.key_place(),
            };
            scope.diagnostics.push(Diagnostic::error(problem.name, place, problem.message).hint(problem.hint));
        }
        if let Some((_, range)) = parsed.forms.last() {
            let place = text.place_of(range.start..text.as_str().len());
            file_steps::check(scope, &parsed.step.action, &place);
            if let Action::Fetch(_) = parsed.step.action {
                fetches.push(place);
            }
        }
        steps.push(parsed.step);
    }
    steps
}
