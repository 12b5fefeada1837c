//! What a player uses of its worker file.

use std::path::Path;

use super::settings::{COORDINATOR_SETTINGS, Coordinator};
use super::validate::{is_test, is_worker, neither};
use super::{
    COORDINATOR, DEFAULT, Diagnostic, Diagnostics, Document, Input, Lint, Loader, Reason, Scope, files, nearest,
    worker_file,
};
use crate::model::Network;

/// A player's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerSettings {
    /// The port to listen on.
    pub port: u16,
    /// The largest frame of the seed's wire, in bytes.
    pub max_message_size: u64,
    /// What `allow` names, when it is there.
    pub allow: Option<Vec<Network>>,
    /// Where the conductor is.
    pub conductor: ConductorHost,
}

/// What a worker file says about the address of its conductor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConductorHost {
    /// Nothing.
    Unnamed,
    /// A name or an address.
    Named(String),
    /// A value with a variable that only the conductor knows; the file and line where it stands.
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

/// Reads the player's part of a worker file; `None` if there is an error among the diagnostics.
///
/// It finds what `validate` finds in the names of the sections and in `[Coordinator]`. It does not read the values of keys
/// that are only for the conductor: they may have variables that are not known here.
pub fn load_player(path: &Path) -> (Option<PlayerSettings>, Diagnostics) {
    let mut loader = Loader::new(files::defines(&[]), false);
    loader.is_partial = true;
    let Some(document) = loader.read(&Input::File(path.to_owned())) else { return (None, loader.finish(None)) };
    if let Some(error) = not_a_worker_file(&document) {
        loader.context.diagnostics.push(error);
        return (None, loader.finish(None));
    }
    let mut settings = Coordinator::default();
    let so_far = std::mem::take(&mut loader.context.diagnostics);
    let mut scope = loader.scope(&document, Vec::new());
    set(&mut scope, &["conductor"], &mut settings);
    let conductor = match (settings.conductor.take(), scope.entry(COORDINATOR, "conductor")) {
        (Some(host), _) => ConductorHost::Named(host),
        (None, None) => ConductorHost::Unnamed,
        (None, Some(entry)) => {
            let line = entry.value.place().position().line;
            ConductorHost::Unknown(format!("{}:{line}", document.source.path().display()))
        }
    };
    // Only the conductor knows all variables.
    let of_conductor = std::mem::replace(&mut scope.context.diagnostics, so_far);
    let is_known = |finding: &&Diagnostic| finding.lint != Lint::UndefinedVariable;
    scope.context.diagnostics.extend(of_conductor.iter().filter(is_known).cloned());
    worker_file::check_names(&mut scope);
    set(&mut scope, &["cmdport", "max_message_size", "allow"], &mut settings);
    let diagnostics = loader.finish(None);
    let settings = PlayerSettings::new(settings, conductor);
    ((!diagnostics.has_errors()).then_some(settings), diagnostics)
}

/// Reads some settings of `[Coordinator]`.
fn set(scope: &mut Scope<'_>, keys: &[&str], settings: &mut Coordinator) {
    for setting in COORDINATOR_SETTINGS.iter().filter(|setting| keys.contains(&setting.key)) {
        scope.set(COORDINATOR, setting, settings);
    }
}

/// What is wrong with a file in which a player finds nothing for itself.
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
        let hint = "start the player with its worker file; `[Workers]` of the test file lists the worker files";
        return error("this is a test file, but a player needs a worker file", hint.to_owned());
    }
    Some(neither(document))
}
