//! What a player takes from its worker file.

use std::path::Path;

use super::validate::{is_test, is_worker, neither};
use super::worker_file::COMMAND_PORT;
use super::{
    Budget, COORDINATOR, COORDINATOR_KEYS, DEFAULT, Diagnostic, Diagnostics, Document, Files, Lint, Reason, Scope,
    allow, files, nearest, value, worker_file,
};
use crate::model::{Network, RunSettings};

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

/// What a worker file says of where its conductor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConductorHost {
    /// Nothing.
    Unnamed,
    /// A name or an address.
    Named(String),
    /// A value with a variable that only the conductor knows; the file and line where it stands.
    Unknown(String),
}

impl Default for PlayerSettings {
    fn default() -> Self {
        let max_message_size = RunSettings::default().max_message_size;
        Self { port: COMMAND_PORT, max_message_size, allow: None, conductor: ConductorHost::Unnamed }
    }
}

/// Reads the player's part of a worker file; `None` when there is an error among the diagnostics.
///
/// It finds what `validate` finds in the names of the sections and in `[Coordinator]`. The values of all keys that only the
/// conductor reads are not looked at: they may have variables that are not known here.
pub fn load_player(path: &Path) -> (Option<PlayerSettings>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let Some(document) = Files::default().read(path, None, &mut diagnostics) else {
        return (None, diagnostics);
    };
    if let Some(error) = not_a_worker_file(&document) {
        diagnostics.push(error);
        return (None, diagnostics);
    }
    let defines = files::defines(&[]);
    let mut budget = Budget::default();
    let mut of_conductor = Diagnostics::default();
    let mut scope = scope(&document, &defines, &mut of_conductor, &mut budget);
    let conductor = scope.parsed(COORDINATOR, "conductor", value::host);
    let conductor = match (conductor, scope.entry(COORDINATOR, "conductor")) {
        (Some(host), _) => ConductorHost::Named(host),
        (None, None) => ConductorHost::Unnamed,
        (None, Some(entry)) => {
            let place = entry.value.place();
            let line = place.position().line;
            ConductorHost::Unknown(format!("{}:{line}", document.source.path().display()))
        }
    };
    for finding in of_conductor.iter().filter(|finding| finding.lint != Lint::UndefinedVariable) {
        diagnostics.push(finding.clone());
    }
    let mut scope = self::scope(&document, &defines, &mut diagnostics, &mut budget);
    worker_file::check_names(&mut scope);
    let defaults = PlayerSettings::default();
    let settings = PlayerSettings {
        port: scope.parsed(COORDINATOR, "cmdport", value::port).unwrap_or(defaults.port),
        max_message_size: scope
            .parsed(COORDINATOR, "max_message_size", value::mebibytes)
            .unwrap_or(defaults.max_message_size),
        allow: scope.parsed(COORDINATOR, "allow", value::networks),
        conductor,
    };
    allow::silence(&document, &mut diagnostics);
    ((!diagnostics.has_errors()).then_some(settings), diagnostics)
}

fn scope<'a>(
    document: &'a Document,
    defines: &'a Document,
    diagnostics: &'a mut Diagnostics,
    budget: &'a mut Budget,
) -> Scope<'a> {
    Scope { document, defines, predefined: Vec::new(), diagnostics, budget }
}

/// What is wrong with a file in which a player finds nothing for itself.
fn not_a_worker_file(document: &Document) -> Option<Diagnostic> {
    let source = &document.source;
    let default = document.section(DEFAULT);
    let has_default = default.is_some_and(|section| COORDINATOR_KEYS.iter().any(|key| section.entry(key).is_some()));
    if document.section(COORDINATOR).is_some() || (is_worker(document) && has_default) {
        return None;
    }
    let error = |message: &str, hint: String| {
        Some(Reason::new(Lint::NoKnownSection, message, hint).of_file(source.path(), source.order()))
    };
    if is_worker(document) {
        let names = document.sections.iter().map(|section| section.name.trim());
        let hint = match nearest::nearest(COORDINATOR, names) {
            Some(name) => format!("did you write `[{name}]` for it?"),
            None => "this section gives the addresses of the player and its conductor".to_owned(),
        };
        return error("the worker file has no section `[Coordinator]`", hint);
    }
    if is_test(document) {
        let hint = "start the player with the file of its worker, which `[Workers]` of the test file names";
        return error("this is a test file, but a player needs a worker file", hint.to_owned());
    }
    Some(neither(document))
}
