//! What `--check` found as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use super::json_writer;
use crate::model::object;

/// Writes what was found of each worker.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn check_json(workers: &[impl Serialize], writer: &mut dyn Write) -> io::Result<()> {
    json_writer::write(writer, &object! { workers: workers })
}
