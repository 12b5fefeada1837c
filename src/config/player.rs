//! The settings of a player in its worker file.

use std::path::Path;

use super::scope::OfTest;
use super::settings::{COORDINATOR_SETTINGS, Coordinator};
use super::validate::{is_test, is_worker, neither};
use super::{
    COORDINATOR, DEFAULT, Diagnostic, Diagnostics, Document, Input, Lint, Loader, Reason, Scope, files, nearest,
    worker_file, workers,
};
use crate::model::Network;

/// A player's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerSettings {
    /// The port to listen on.
    pub port: u16,
    /// The largest frame of the Python program's protocol, in bytes.
    pub max_message_size: u64,
    /// The networks in `allow`, if it is set.
    pub allow: Option<Vec<Network>>,
    /// The address of the conductor.
    pub conductor: ConductorHost,
}

/// The address of the conductor in a worker file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConductorHost {
    /// It is not set.
    Unnamed,
    /// A name or an address.
    Named(String),
    /// It contains a variable that only the conductor knows. Holds the file and line of the value.
    Unknown(String),
}

impl PlayerSettings {
    fn new(settings: Coordinator, conductor: ConductorHost) -> Self {
        let Coordinator { port, max_message_size, allow, .. } = settings;
        Self { port, max_message_size, allow, conductor }
    }
}

impl Default for PlayerSettings {
    fn default() -> Self {
        Self::new(Coordinator::default(), ConductorHost::Unnamed)
    }
}

/// Reads the player's part of a worker file, or the settings for `worker` in a test file, with these variables of the
/// command line. Returns `None` if there is an error among the diagnostics.
///
/// It reports what `validate` reports about the names of the sections and about `[Coordinator]`. It does not read the
/// values of keys that are only for the conductor: they may contain variables that are not known here.
pub fn load_player(
    path: &Path,
    worker: Option<&str>,
    defines: &[(String, String)],
) -> (Option<PlayerSettings>, Diagnostics) {
    let mut loader = Loader::new(files::defines(defines), false);
    loader.is_partial = true;
    let document = loader.read(&Input::File(path.to_owned()));
    let settings = document.and_then(|document| match worker {
        Some(worker) => of_test(&mut loader, &document, worker),
        None => match not_a_worker_file(&document) {
            Some(error) => {
                loader.context.diagnostics.push(error);
                None
            }
            None => Some(settings(&mut loader.scope(&document))),
        },
    });
    let diagnostics = loader.finish(None);
    (settings.filter(|_| !diagnostics.has_errors()), diagnostics)
}

/// Reads the settings of a worker of a test.
fn of_test(loader: &mut Loader, test: &Document, name: &str) -> Option<PlayerSettings> {
    if !is_test(test) {
        let message = "this is not a test file, so it has no workers";
        let hint = "leave `--worker` out, or start the player with the test file";
        let reason = Reason::new(Lint::NoKnownSection, message, hint);
        loader.context.diagnostics.push(reason.of_file(test.source.path(), test.source.order()));
        return None;
    }
    let so_far = std::mem::take(&mut loader.context.diagnostics);
    let (list, sections) = loader.workers(test);
    keep_known(&mut loader.context.diagnostics, so_far);
    // Names can be those that the command line of `conduct` accepts. If several workers match, the first one is used.
    let chosen = workers::choose(&mut loader.scope(test), &list.workers, &[name.to_owned()]);
    let of_test = |worker| OfTest { test, worker, sections: &sections };
    let located = loader.locate(of_test(chosen.first()?))?;
    // A setting can refer to the address of another worker.
    let all: Vec<_> = list.workers.iter().map(of_test).collect();
    let addresses = loader.addresses(&all, &chosen[..1], std::slice::from_ref(&located));
    let mut scope = loader.scope_of(&located, &addresses);
    Some(settings(&mut scope))
}

/// Reads a player's settings.
fn settings(scope: &mut Scope<'_>) -> PlayerSettings {
    let mut settings = Coordinator::default();
    let so_far = std::mem::take(&mut scope.context.diagnostics);
    set(scope, &["conductor"], &mut settings);
    let conductor = match (settings.conductor.take(), scope.entry(COORDINATOR, "conductor")) {
        (Some(host), _) => ConductorHost::Named(host),
        (None, None) => ConductorHost::Unnamed,
        (None, Some(entry)) => ConductorHost::Unknown(entry.value.place().line().to_string()),
    };
    keep_known(&mut scope.context.diagnostics, so_far);
    worker_file::check_names(scope);
    set(scope, &["cmdport", "max_message_size", "allow"], &mut settings);
    worker_file::use_port(scope, &mut settings);
    PlayerSettings::new(settings, conductor)
}

/// Adds the findings since `before` to it, except those about undefined variables: only the conductor knows all
/// variables.
fn keep_known(diagnostics: &mut Diagnostics, before: Diagnostics) {
    let since = std::mem::replace(diagnostics, before);
    let is_known = |finding: &&Diagnostic| finding.lint != Lint::UndefinedVariable;
    diagnostics.extend(since.iter().filter(is_known).cloned());
}

/// Reads some settings of `[Coordinator]`.
fn set(scope: &mut Scope<'_>, keys: &[&str], settings: &mut Coordinator) {
    for setting in COORDINATOR_SETTINGS.iter().filter(|setting| keys.contains(&setting.key)) {
        scope.set(COORDINATOR, setting, settings);
    }
}

/// Returns an error if a file contains no settings for a player.
fn not_a_worker_file(document: &Document) -> Option<Diagnostic> {
    let source = &document.source;
    let default = document.section(DEFAULT);
    let has_default =
        default.is_some_and(|section| COORDINATOR_SETTINGS.iter().any(|known| section.entry(known.key).is_some()));
    if document.section(COORDINATOR).is_some() || (is_worker(document) && has_default) {
        return None;
    }
    let error = |message: &str, hint: String| {
        Some(Reason::new(Lint::NoKnownSection, message, hint).of_file(source.path(), source.order()))
    };
    if is_worker(document) {
        let names = document.sections.iter().map(|section| section.name.trim());
        let hint = match nearest::nearest(COORDINATOR, names) {
            Some(name) => format!("did you mean `[Coordinator]` by `[{name}]`?"),
            None => "add the section, with the address of the player: `player = ADDRESS`".to_owned(),
        };
        return error("the worker file has no section `[Coordinator]`", hint);
    }
    if is_test(document) {
        let hint = "name the worker with `--worker NAME`, or start the player with its worker file";
        return error("this is a test file, but a player needs a worker file", hint.to_owned());
    }
    Some(neither(document))
}
