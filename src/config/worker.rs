//! A worker of a test file, as its line in `[Workers]` defines it.

use super::Place;
use crate::model::WorkerName;

/// A worker of a test file.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Its name.
    pub(super) name: WorkerName,
    /// Its number in its range, or 1 without a range.
    pub(super) index: u64,
    /// The text before the bracket of the range, or the whole name without a range.
    pub(super) base: String,
    /// The key that defines it.
    pub(super) written_key: String,
    /// The place of the key.
    pub(super) place: Place,
    /// Its file.
    pub(super) file: FileName,
    /// The machine that the line assigns to it.
    pub(super) host: Option<Host>,
}

/// The file of a worker.
#[derive(Debug, Clone)]
pub(super) enum FileName {
    /// The name of a file, with its place.
    Named(String, Place),
    /// The worker has no file: its sections are in the test file.
    Absent,
    /// The file name is invalid, which was reported, or only the command line sets it.
    Unknown,
}

/// A machine after ` @ `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Its name or address; `None` if only the command line sets it.
    pub(super) address: Option<String>,
    /// The port of its player.
    pub(super) port: Option<u16>,
}
