//! What a player says in its log when it ends: what it kept for the next conductor, which will not be told now.

use super::listener::Listener;
use super::session_entry::SessionEntry;
use crate::model::Process;

impl Listener {
    /// Says what no conductor was told of sessions that are over.
    pub(super) fn say_what_was_not_told(&mut self) {
        for summary in self.registry.take_untold() {
            tracing::warn!("this player ends, and no conductor was told: {summary}");
        }
    }

    /// Says what earlier runs left running on purpose: it is ended with the player.
    pub(super) fn say_what_ends_along(&mut self) {
        for process in self.registry.leftovers.drain(..) {
            let (Process { pid, user, .. }, command) = (&process, process.command_shown());
            tracing::warn!("process {pid} ({user}), which an earlier run left running, is ended: `{command}`");
        }
    }

    /// Says which sessions are cut off before they are reset.
    pub(super) fn say_what_is_cut_off(&mut self) {
        self.take_notes();
        let what = |entry: &SessionEntry| match (entry.reset_needed, entry.reset_begun) {
            (Some(_), _) => Some("its Reset is not run"),
            (None, true) if entry.orphaned.is_some() => Some("its Reset is not run to its end"),
            _ => None,
        };
        for (entry, what) in self.registry.sessions.iter().filter_map(|entry| Some((entry, what(entry)?))) {
            tracing::error!("{}: it is ended now, and {what}", entry.describe());
        }
    }
}
