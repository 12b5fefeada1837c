//! What a run needs to be resumed, in `resume.json` of its folder: its secret, how it was called, and what it was to do.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::record;
use crate::conduct::ResultsFolder;
use crate::wire::Secret;

/// The file. Only the user who began the run may read it.
pub(super) const IDENTITY: &str = "resume.json";

/// What a run needs to be resumed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    /// What all secrets of the run are made from.
    pub(super) secret: Secret,
    /// How often it was resumed.
    pub(super) resumed: u32,
    /// In which folder it was begun.
    pub(super) directory: PathBuf,
    /// With which arguments.
    pub(super) arguments: Vec<String>,
    /// The SHA-256 digest of each file that it sends to machines, by worker and path.
    pub(super) files: BTreeMap<String, String>,
}

impl Identity {
    /// That of a run that begins now.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub(super) fn new(arguments: &[std::ffi::OsString]) -> io::Result<Self> {
        Ok(Self {
            secret: Secret::random()?,
            resumed: 0,
            directory: std::env::current_dir().unwrap_or_default(),
            arguments: arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            files: BTreeMap::new(),
        })
    }

    /// Reads it from the folder of a run, if it is there.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub(super) fn read(folder: &ResultsFolder) -> io::Result<Option<Self>> {
        Ok(record::read(folder, IDENTITY)?.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// Writes it, or another one in its place. The disk has it then.
    ///
    /// # Errors
    ///
    /// Says why it cannot be written.
    pub(super) fn write(&self, folder: &ResultsFolder) -> io::Result<()> {
        folder.write(IDENTITY, &serde_json::to_vec_pretty(self)?, 0o600)
    }
}
