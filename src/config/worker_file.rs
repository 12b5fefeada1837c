//! The settings and steps of a worker: `[Coordinator]`, `[Environment]`, and the steps of the four phases, from its
//! file and from the sections of the test file that apply to it.

use std::borrow::Cow;
use std::path::Path;

use super::interpolate::interpolate;
use super::lints::{LocatedStep, Steps, bounds};
use super::scope::Value;
use super::settings::{COORDINATOR_SETTINGS, Coordinator, Setting, TEST_SETTINGS};
use super::worker::Host;
use super::{
    COORDINATOR, Diagnostic, ENVIRONMENT, Entry, Lint, Scope, Section, Severity, WORKER_FILE, lints, quoted_path,
    quoted_section, step, worker_sections,
};
use crate::model::{Action, Phase, Transport, is_loopback_host};

/// The settings and steps of a worker.
pub(super) struct WorkerFile {
    pub(super) settings: Coordinator,
    pub(super) environment: Vec<(String, String)>,
    /// The steps without errors.
    pub(super) steps: Steps,
}

/// Warns about unknown sections of a worker file, and about unknown settings of `[Coordinator]`.
pub(super) fn check_names(scope: &mut Scope<'_>) {
    if scope.has_file() {
        scope.check_sections(&WORKER_FILE, false);
    }
    for section in scope.sections(COORDINATOR) {
        check_settings(scope, section);
    }
}

fn check_settings(scope: &mut Scope<'_>, section: &Section) {
    scope.check_keys(section, &COORDINATOR_SETTINGS, ("`[Test]` of the test file", &TEST_SETTINGS));
}

/// Finds mistakes in a worker file that do not depend on variables.
pub(super) fn check(scope: &mut Scope<'_>) {
    check_names(scope);
    lints::defaults::check(scope, "steps of every phase");
    let test = scope.of_test.map(|of| of.test);
    lints::defaults::check_use(scope, test, &Setting::keys_of_defaults(&COORDINATOR_SETTINGS));
    for phase in Phase::ALL {
        if let Some(section) = scope.document.section(phase.section()) {
            check_phase(scope, section);
        }
    }
}

/// Finds such mistakes in the sections of a test file that are for workers.
pub(super) fn check_sections_of_test(scope: &mut Scope<'_>) {
    for (section, name) in worker_sections::all(scope.document) {
        match name {
            COORDINATOR => check_settings(scope, section),
            ENVIRONMENT => {}
            _ => check_phase(scope, section),
        }
    }
}

fn check_phase(scope: &mut Scope<'_>, section: &Section) {
    // If the file has errors, the section may have been meant to contain steps.
    if section.entries.is_empty() && !scope.context.diagnostics.has_errors_in(scope.document.source.order()) {
        let hint = "add a line `label = command`, or remove the section";
        let message = format!("{} has no step", quoted_section(&section.name));
        scope.report(Lint::EmptyPhase, section.name_place(), message, hint);
    }
    for entry in &section.entries {
        lints::commands::check_label(scope, entry);
        lints::several_lines::check(scope, entry);
    }
}

/// Reads the settings and steps of a worker. Sets the variables `player` and `conductor` of the scope.
pub(super) fn read(scope: &mut Scope<'_>) -> WorkerFile {
    let settings = coordinator(scope);
    let environment = environment(scope);
    let mut steps = Steps::default();
    let spaced = spaced_labels(scope);
    for phase in Phase::ALL {
        report_replaced(scope, phase.section());
        bounds::check_phase(scope, phase);
        // Many workers can share a file, and each has a copy of its steps.
        steps[phase].reserve_exact(scope.entries(phase.section()).count());
        for (section, entry) in scope.entries(phase.section()) {
            let step = step(scope, section, entry, &settings.shell, &spaced);
            if step.is_none() {
                scope.context.unread.insert(entry.key().to_owned());
            }
            steps[phase].extend(step);
        }
    }
    bounds::check_steps(scope, &steps);
    lints::steps::check(scope, &steps);
    WorkerFile { settings, environment, steps }
}

/// Reports a section of the test file that replaces one of the worker file.
fn report_replaced(scope: &mut Scope<'_>, name: &str) {
    let Some(own) = scope.document.section(name).filter(|_| scope.has_file()) else { return };
    if let Some(holds) = scope.sections(name).first().filter(|holds| !std::ptr::eq(**holds, own)) {
        let path = quoted_path(scope.document.source.path());
        let message = format!("{} replaces `[{name}]` of {path}", quoted_section(&holds.name));
        let hint = "remove one of the two sections; steps from several sections are never combined";
        let warning = Diagnostic::new(Lint::ReplacedSection, holds.name_place(), message, hint);
        scope.context.diagnostics.push(warning.other(own.name_place(), "this section is not used"));
    }
}

/// Reads `[Coordinator]`.
pub(super) fn coordinator(scope: &mut Scope<'_>) -> Coordinator {
    let host = scope.of_test.and_then(|of| of.worker.host.as_ref());
    let mut settings = Coordinator::default();
    for setting in &COORDINATOR_SETTINGS {
        let is_unset = scope.set(COORDINATOR, setting, &mut settings);
        match setting.key {
            "player" => {
                if let Some(Host { address: Some(address), .. }) = host {
                    refuse_other_player(scope, &settings.player, address);
                    address.clone_into(&mut settings.player);
                }
                let is_unset = is_unset || host.is_some_and(|host| host.address.is_none());
                // If it is invalid, that was reported; an unknown variable would be a second report.
                if host.is_some() || scope.entry(COORDINATOR, "player").is_some() {
                    scope.predefined.push(("player", (!is_unset).then(|| settings.player.clone())));
                }
            }
            "conductor" if scope.entry(COORDINATOR, "conductor").is_some() => {
                let conductor = settings.conductor.clone().unwrap_or_default();
                scope.predefined.push(("conductor", (!is_unset).then_some(conductor)));
            }
            "connect" => settings.has_unset_transport = is_unset,
            _ => {}
        }
    }
    if !scope.predefined.iter().any(|(name, _)| *name == "player") {
        use_host_of_transport(scope, &mut settings);
    }
    use_port(scope, &mut settings);
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

/// Uses the port after the host in the test file, if there is one.
pub(super) fn use_port(scope: &mut Scope<'_>, settings: &mut Coordinator) {
    let host = scope.of_test.and_then(|of| of.worker.host.as_ref());
    let Some(port) = host.and_then(|host| host.port) else { return };
    if let Some(entry) = scope.entry(COORDINATOR, "cmdport").filter(|_| settings.port != port) {
        let message = format!("the port is `{}` here, but `{port}` in `[Workers]`", settings.port);
        scope.report(Lint::InvalidValue, entry.value.place(), message, "remove one of them");
    }
    if settings.transport.is_some()
        && let Some(of) = scope.of_test
    {
        let message = format!("the port `{port}` has no effect on a worker with `connect`");
        let hint = "leave the port out; for ssh, write it as `connect_options = -p PORT`";
        scope.report(Lint::InvalidValue, of.worker.place.clone(), message, hint);
    }
    settings.port = port;
}

/// Without `player`, the address is the host in `connect`. Other forms have no address, so steps that need it are
/// invalid.
fn use_host_of_transport(scope: &mut Scope<'_>, settings: &mut Coordinator) {
    match &settings.transport {
        Some(transport) => {
            if let Some(host) = transport.host() {
                host.clone_into(&mut settings.player);
                scope.predefined.push(("player", Some(host.to_owned())));
            }
            return;
        }
        // An invalid `connect` has been reported.
        None if !scope.entries(COORDINATOR).any(|(_, entry)| entry.key() == "connect") => match scope.of_test {
            Some(of) if !scope.has_file() => {
                let name = &of.worker.name;
                let hint = format!(
                    "write `{name} = @ ADDRESS`, or `player = ADDRESS` or `connect = FORM` in `[{name}:Coordinator]`"
                );
                let message = format!("the worker `{name}` has no `player`");
                scope.report(Lint::MissingSetting, of.worker.place.clone(), message, hint);
            }
            _ => {
                let hint = "add the player's address, `player = ADDRESS`, or how to reach the machine, `connect = FORM`, to `[Coordinator]`";
                let message = "the worker file has no `player`";
                scope.report(Lint::MissingSetting, scope.section_place(COORDINATOR), message, hint);
            }
        },
        None => {}
    }
    // The variable of a missing address is not reported again.
    let player = (!settings.has_unset_transport).then(String::new);
    scope.predefined.push(("player", player));
}

/// Reports settings that have no effect on this machine, where the conductor's own program is the player.
fn check_local(scope: &mut Scope<'_>, settings: &Coordinator) {
    if !settings.transport.as_ref().is_some_and(Transport::is_local) {
        return;
    }
    for key in ["connect_options", "become", "program", "scratch"] {
        let entry = scope.entries(COORDINATOR).find(|(_, entry)| entry.key() == key);
        if let Some(place) = entry.map(|(_, entry)| entry.key_place()) {
            let message = format!("`{key}` has no effect with `connect = local`");
            scope.report(Lint::InvalidValue, place, message, "leave the line out, or use another form of `connect`");
        }
    }
}

/// Reads `[Environment]` of a worker or of a test file: variables in order, with their names as written. Of two
/// sections, the more specific one comes later and takes precedence.
pub(super) fn environment(scope: &mut Scope<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for section in scope.sections(ENVIRONMENT).into_iter().rev() {
        for entry in &section.entries {
            let Some(Value { text, .. }) = scope.value(Some(section), Cow::Borrowed(&entry.value)) else { continue };
            let in_key = || entry.written_key().contains('\0').then(|| entry.key_place());
            if let Some(place) = text.as_str().contains('\0').then(|| text.place()).or_else(in_key) {
                let message = "an environment variable cannot have a NUL character";
                scope.report(Lint::NulCharacter, place, message, "leave the character out");
                continue;
            }
            bounds::check_variable(scope, entry, &text);
            variables.push((entry.written_key().to_owned(), text.as_str().to_owned()));
        }
    }
    variables
}

/// Reports a `player` in the file that differs from the machine that the test file assigns to the worker.
fn refuse_other_player(scope: &mut Scope<'_>, player: &str, host: &str) {
    if let Some(entry) = scope.entry(COORDINATOR, "player").filter(|_| !player.is_empty() && player != host) {
        let message = format!("the player is `{player}` here, but `{host}` in the test file");
        scope.report(Lint::InvalidValue, entry.value.place(), message, "remove one of them");
    }
}

/// Warns about a conductor address that a player on another machine cannot reach.
fn check_loopback(scope: &mut Scope<'_>, player: &str, conductor: &str) {
    let Some(entry) = scope.entry(COORDINATOR, "conductor") else { return };
    if !player.is_empty() && is_loopback_host(conductor) && !is_loopback_host(player) {
        let message =
            format!("the player `{player}` is on another machine, and cannot reach the conductor at `{conductor}`");
        let hint = "use an address of the conductor that the player can reach";
        scope.report(Lint::LoopbackConductor, entry.value.place(), message, hint);
    }
}

/// Returns the labels of the spawned steps that consist of several words.
fn spaced_labels<'a>(scope: &Scope<'a>) -> Vec<&'a str> {
    let entries = Phase::ALL.into_iter().flat_map(|phase| scope.entries(phase.section()));
    let spaced = entries.filter(|(_, entry)| entry.written_key().contains(char::is_whitespace));
    let is_spawned = |(section, entry): &(&Section, &Entry)| {
        // Mistakes in it are reported when the step itself is read.
        let text = interpolate(&entry.value, Some(*section), &scope.variables(Some(*section))).text;
        text.is_some_and(|text| step::is_spawned(entry.written_key(), text.as_str()))
    };
    spaced.filter(is_spawned).map(|(_, entry)| entry.written_key()).collect()
}

/// Reads a step. Returns `None` if it has an error.
fn step(scope: &mut Scope<'_>, section: &Section, entry: &Entry, shell: &str, spaced: &[&str]) -> Option<LocatedStep> {
    let Value { text, has_placeholder } = scope.value(Some(section), Cow::Borrowed(&entry.value))?;
    let mut parsed = step::parse(entry.written_key(), text.as_str(), spaced);
    let from = |start: usize| text.place_of(start..text.as_str().len());
    parsed.step.origin = Some(entry.key_place().line());
    let (key, action) = (entry.key_place(), from(parsed.form_at.unwrap_or(parsed.at)));
    let mut variables = Vec::new();
    let is_wrong = parsed.problems.iter().any(|(reason, _)| reason.lint.severity() == Severity::Error);
    match &mut parsed.step.action {
        Action::Command(_) if parsed.form_at.is_none() && parsed.problems.is_empty() => {
            if let Some(commands) = &mut scope.context.commands {
                commands.take(shell, entry, &text, parsed.at);
            }
            variables = lints::commands::variables(&text, parsed.at);
            lints::commands::check(scope, entry, &parsed.step, &text, parsed.at);
        }
        Action::Put { local, remote } => {
            let folder = entry.value.source().path().parent().unwrap_or(Path::new(""));
            if !has_placeholder {
                lints::puts::check(scope, folder, local, action.clone());
            }
            bounds::check_path(scope, remote, from(parsed.at));
            // The conductor looks for the file in the folder of the worker's file.
            if entry.value.source().order() != scope.document.source.order() {
                let path = folder.join(&*local);
                *local = std::path::absolute(&path).unwrap_or(path);
            }
        }
        Action::Fetch(pattern) => bounds::check_path(scope, pattern, from(parsed.at)),
        Action::Command(_) | Action::Barrier(_) | Action::Stop(_) | Action::Await { .. } => {}
    }
    for (reason, range) in parsed.problems {
        let place = range.map_or_else(|| key.clone(), |range| text.place_of(range));
        scope.context.diagnostics.push(reason.at(place));
    }
    (!is_wrong).then_some(LocatedStep { step: parsed.step, key, action, variables })
}
