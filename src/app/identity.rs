//! `resume.json` in the folder of a run: what resuming the run requires, such as its secret, arguments and files.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::record;
use crate::conduct::ResultsFolder;
use crate::wire::Secret;

/// The name of the file. Only the user who started the run may read it.
pub(super) const IDENTITY: &str = "resume.json";

/// What resuming a run requires.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The secret from which all secrets of the run are derived.
    pub(super) secret: Secret,
    /// How often the run was resumed.
    pub(super) resumed: u32,
    /// The folder in which the run was started.
    pub(super) directory: PathBuf,
    /// The arguments with which the run was started.
    pub(super) arguments: Vec<String>,
    /// The SHA-256 digest of each file that the run sends to machines, by worker and path.
    pub(super) files: BTreeMap<String, String>,
}

impl Identity {
    /// Creates the identity of a new run.
    ///
    /// # Errors
    ///
    /// Returns an error if the system provides no random numbers.
    pub(super) fn new(arguments: &[std::ffi::OsString]) -> io::Result<Self> {
        Ok(Self {
            secret: Secret::random()?,
            resumed: 0,
            directory: std::env::current_dir().unwrap_or_default(),
            arguments: arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            files: BTreeMap::new(),
        })
    }

    /// Reads the identity from the folder of a run. Returns `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
    pub(super) fn read(folder: &ResultsFolder) -> io::Result<Option<Self>> {
        Ok(record::read(folder, IDENTITY)?.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// Writes or replaces the identity, and syncs it to the disk.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub(super) fn write(&self, folder: &ResultsFolder) -> io::Result<()> {
        folder.write(IDENTITY, &serde_json::to_vec_pretty(self)?, 0o600)
    }
}
