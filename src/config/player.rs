//! What a player takes from its worker file.

use std::path::Path;

use super::allow;
use super::diagnostics::Diagnostics;
use super::files::{self, Files};
use super::network::Network;
use super::scope::{Budget, Scope};
use super::value;
use super::worker_file::{COMMAND_PORT, COORDINATOR};
use crate::model::RunSettings;

/// A player's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerSettings {
    /// The port to listen on.
    pub port: u16,
    /// The largest frame of the seed's wire, in bytes.
    pub max_message_size: u64,
    /// Who may connect; everybody when it is empty.
    pub allow: Vec<Network>,
}

impl Default for PlayerSettings {
    fn default() -> Self {
        let max_message_size = RunSettings::default().max_message_size;
        Self { port: COMMAND_PORT, max_message_size, allow: Vec::new() }
    }
}

/// Reads the player's part of a worker file; `None` when there is an error among the diagnostics.
///
/// The values of all other keys are the conductor's: they may have variables that are not known here.
pub fn load_player(path: &Path) -> (Option<PlayerSettings>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let Some(document) = Files::default().read(path, None, &mut diagnostics) else {
        return (None, diagnostics);
    };
    let defines = files::defines(&[]);
    let mut budget = Budget::default();
    let predefined = Vec::new();
    let diagnostics_of = &mut diagnostics;
    let mut scope =
        Scope { document: &document, defines: &defines, predefined, diagnostics: diagnostics_of, budget: &mut budget };
    let defaults = PlayerSettings::default();
    let settings = PlayerSettings {
        port: scope.parsed(COORDINATOR, "cmdport", value::port).unwrap_or(defaults.port),
        max_message_size: scope
            .parsed(COORDINATOR, "max_message_size", value::mebibytes)
            .unwrap_or(defaults.max_message_size),
        allow: scope.parsed(COORDINATOR, "allow", value::networks).unwrap_or(defaults.allow),
    };
    allow::silence(&document, &mut diagnostics);
    ((!diagnostics.has_errors()).then_some(settings), diagnostics)
}
