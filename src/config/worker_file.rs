//! A worker file: `[Coordinator]`, `[Environment]`, and the steps of the four phases.

use std::borrow::Cow;

use super::lints::{LocatedStep, Steps, bounds};
use super::settings::{COORDINATOR_SETTINGS, Coordinator, Setting, TEST_SETTINGS};
use super::{COORDINATOR, ENVIRONMENT, Entry, Lint, Scope, Severity, WORKER_FILE, lints, step};
use crate::model::{Action, Phase, Transport, is_loopback_host};

/// What a worker file says to the conductor.
pub(super) struct WorkerFile {
    pub(super) settings: Coordinator,
    pub(super) environment: Vec<(String, String)>,
    /// The steps without errors.
    pub(super) steps: Steps,
}

/// Warns of unknown sections and unknown settings of `[Coordinator]`.
pub(super) fn check_names(scope: &mut Scope<'_>) {
    scope.check_sections(&WORKER_FILE);
    scope.check_keys(COORDINATOR, &COORDINATOR_SETTINGS, ("`[Test]` of the test file", &TEST_SETTINGS));
}

/// Finds mistakes that do not depend on variables.
pub(super) fn check(scope: &mut Scope<'_>) {
    check_names(scope);
    lints::defaults::check(scope, &Setting::keys_of_defaults(&COORDINATOR_SETTINGS), "steps of every phase");
    for phase in Phase::ALL {
        let name = phase.section();
        let is_empty = scope.document.section(name).is_some_and(|section| section.entries.is_empty());
        // Where lines are wrong, the section may have been meant to have some.
        if is_empty && !scope.context.diagnostics.has_errors_in(scope.document.source.order()) {
            let hint = "add a line `label = command`, or remove the section";
            scope.report(Lint::EmptyPhase, scope.section_place(name), format!("`[{name}]` has no step"), hint);
        }
        for entry in scope.entries(name) {
            lints::several_lines::check(scope, entry);
        }
    }
}

/// Reads a worker file. Afterwards the scope knows `player` and `conductor`.
pub(super) fn read(scope: &mut Scope<'_>, host: Option<&str>) -> WorkerFile {
    let settings = coordinator(scope, host);
    let environment = environment(scope);
    let mut steps = Steps::default();
    for phase in Phase::ALL {
        bounds::check_phase(scope, phase);
        // Many workers can share a file, and each has its steps.
        steps[phase].reserve_exact(scope.entries(phase.section()).len());
        for entry in scope.entries(phase.section()) {
            steps[phase].extend(step(scope, phase, entry, &settings.shell));
        }
    }
    bounds::check_steps(scope, &steps);
    lints::steps::check(scope, &steps);
    WorkerFile { settings, environment, steps }
}

/// Reads `[Coordinator]`. `host` is the machine with which the test file pairs the worker.
fn coordinator(scope: &mut Scope<'_>, host: Option<&str>) -> Coordinator {
    let mut settings = Coordinator::default();
    for setting in &COORDINATOR_SETTINGS {
        scope.set(COORDINATOR, setting, &mut settings);
        match setting.key {
            "player" => {
                if let Some(host) = host {
                    refuse_other_player(scope, &settings.player, host);
                    host.clone_into(&mut settings.player);
                }
                // If it is wrong, that has been reported; that the variable is unknown would be a second report.
                if host.is_some() || scope.entry(COORDINATOR, "player").is_some() {
                    scope.predefined.push(("player", settings.player.clone()));
                }
            }
            "conductor" if scope.entry(COORDINATOR, "conductor").is_some() => {
                scope.predefined.push(("conductor", settings.conductor.clone().unwrap_or_default()));
            }
            _ => {}
        }
    }
    if !scope.predefined.iter().any(|(name, _)| *name == "player") {
        use_host_of_transport(scope, &mut settings);
    }
    check_local(scope, &settings);
    if settings.transport.is_none() {
        check_loopback(scope, &settings.player, settings.conductor.as_deref().unwrap_or_default());
    }
    for (key, path) in [("shell", Some(&settings.shell)), ("directory", settings.directory.as_ref())] {
        if let (Some(path), Some(entry)) = (path, scope.entry(COORDINATOR, key)) {
            bounds::check_path(scope, path, entry.value.place());
        }
    }
    settings
}

/// Without `player`, the address is the host that `connect` names. Other forms have none, and then steps that need it are
/// wrong.
fn use_host_of_transport(scope: &mut Scope<'_>, settings: &mut Coordinator) {
    match &settings.transport {
        Some(transport) => {
            if let Some(host) = transport.host() {
                host.clone_into(&mut settings.player);
                scope.predefined.push(("player", host.to_owned()));
            }
            return;
        }
        // A wrong `connect` has been reported.
        None if scope.entries(COORDINATOR).iter().all(|entry| entry.key() != "connect") => {
            let hint = "add the player's address, `player = ADDRESS`, or how to reach the machine, `connect = FORM`, to `[Coordinator]`";
            let message = "the worker file has no `player`";
            scope.report(Lint::MissingSetting, scope.section_place(COORDINATOR), message, hint);
        }
        None => {}
    }
    // The variable of a missing address is not reported again.
    scope.predefined.push(("player", String::new()));
}

/// Refuses what has no effect on this machine: the conductor's own program is the player there.
fn check_local(scope: &mut Scope<'_>, settings: &Coordinator) {
    if !settings.transport.as_ref().is_some_and(Transport::is_local) {
        return;
    }
    for key in ["connect_options", "become", "program", "scratch"] {
        let entry = scope.entries(COORDINATOR).iter().find(|entry| entry.key() == key);
        if let Some(place) = entry.map(Entry::key_place) {
            let message = format!("`{key}` has no effect with `connect = local`");
            scope.report(Lint::InvalidValue, place, message, "leave the line out, or use another form of `connect`");
        }
    }
}

/// Reads `[Environment]` of a worker file or test file: variables in order, their names as written.
pub(super) fn environment(scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for entry in scope.entries(ENVIRONMENT) {
        let Some(text) = scope.value(ENVIRONMENT, Cow::Borrowed(&entry.value)) else { continue };
        let in_key = || entry.written_key().contains('\0').then(|| entry.key_place());
        if let Some(place) = text.as_str().contains('\0').then(|| text.place()).or_else(in_key) {
            let message = "an environment variable cannot have a NUL character";
            scope.report(Lint::NulCharacter, place, message, "leave the character out");
            continue;
        }
        bounds::check_variable(scope, entry, &text);
        variables.push((entry.written_key().to_owned(), text.as_str().to_owned()));
    }
    variables
}

/// Refuses a player of the file that is not the machine with which the test file pairs the worker.
fn refuse_other_player(scope: &mut Scope<'_>, player: &str, host: &str) {
    if let Some(entry) = scope.entry(COORDINATOR, "player").filter(|_| !player.is_empty() && player != host) {
        let message = format!("the player is `{player}` here, and `{host}` in the test file");
        scope.report(Lint::InvalidValue, entry.value.place(), message, "remove one of them");
    }
}

/// Warns of a conductor that a player on another machine cannot reach.
fn check_loopback(scope: &mut Scope<'_>, player: &str, conductor: &str) {
    let Some(entry) = scope.entry(COORDINATOR, "conductor") else { return };
    if !player.is_empty() && is_loopback_host(conductor) && !is_loopback_host(player) {
        let message =
            format!("the player `{player}` is on another machine, and cannot reach the conductor at `{conductor}`");
        let hint = "use an address of the conductor that the player can reach";
        scope.report(Lint::LoopbackConductor, entry.value.place(), message, hint);
    }
}

/// Reads a step; `None` if it has an error.
fn step(scope: &mut Scope<'_>, phase: Phase, entry: &Entry, shell: &str) -> Option<LocatedStep> {
    let text = scope.value(phase.section(), Cow::Borrowed(&entry.value))?;
    let parsed = step::parse(entry.written_key(), text.as_str());
    let from = |start: usize| text.place_of(start..text.as_str().len());
    let (key, action) = (entry.key_place(), from(parsed.form_at.unwrap_or(parsed.at)));
    let is_wrong = parsed.problems.iter().any(|(reason, _)| reason.lint.severity() == Severity::Error);
    match &parsed.step.action {
        Action::Command(_) if parsed.form_at.is_none() && parsed.problems.is_empty() => {
            if let Some(commands) = &mut scope.context.commands {
                commands.take(shell, entry, &text, parsed.at);
            }
        }
        Action::Put { local, remote } => {
            lints::puts::check(scope, local, action.clone());
            bounds::check_path(scope, remote, from(parsed.at));
        }
        Action::Fetch(pattern) => bounds::check_path(scope, pattern, from(parsed.at)),
        Action::Command(_) | Action::Barrier(_) | Action::Stop(_) | Action::Await { .. } => {}
    }
    for (reason, range) in parsed.problems {
        let place = range.map_or_else(|| key.clone(), |range| text.place_of(range));
        scope.context.diagnostics.push(reason.at(place));
    }
    (!is_wrong).then_some(LocatedStep { step: parsed.step, key, action })
}
