//! What `--check` found as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use super::json_writer;
use crate::model::PlayerEntry;

/// A worker's player, as far as it answered. Times are in seconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CheckEntry {
    /// The worker.
    pub(crate) worker: String,
    /// Where its player is.
    pub(crate) player: String,
    /// Why nothing is known of it.
    pub(crate) error: Option<String>,
    /// What its player said of itself.
    #[serde(flatten)]
    pub(crate) description: PlayerEntry,
    /// How long a message and its answer took.
    pub(crate) round_trip: Option<f64>,
    /// How far its clock is before the conductor's; both count from their machine's start.
    pub(crate) clock_offset: Option<f64>,
    /// By how much that can be wrong.
    pub(crate) clock_error: Option<f64>,
    /// Who holds it.
    pub(crate) busy: Option<String>,
    /// What earlier runs left there.
    pub(crate) left_over: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    workers: &'a [CheckEntry],
}

/// Writes what was found.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn check_json(workers: &[CheckEntry], writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &Document { workers })
}
