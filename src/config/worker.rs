//! One worker of a test file, as its line in `[Workers]` has it.

use super::Place;
use crate::model::WorkerName;

/// One worker of a test file.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Its name.
    pub(super) name: WorkerName,
    /// Its number in its range; 1 outside of ranges.
    pub(super) index: u64,
    /// What comes before the bracket of the range; otherwise its name.
    pub(super) base: String,
    /// The key that defines it.
    pub(super) written_key: String,
    /// Where the key stands.
    pub(super) place: Place,
    /// Its file.
    pub(super) file: FileName,
    /// The machine that it is paired with.
    pub(super) host: Option<Host>,
}

/// The file of a worker.
#[derive(Debug, Clone)]
pub(super) enum FileName {
    /// The name of a file, with its place.
    Named(String, Place),
    /// It has none: its sections are in the test file.
    Absent,
    /// It is wrong, which has been reported, or only the command line sets it.
    Unknown,
}

/// A machine behind ` @ `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Its name or address; `None` if only the command line sets it.
    pub(super) address: Option<String>,
    /// The port of its player.
    pub(super) port: Option<u16>,
}
