//! A line of a configuration file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A line of a file, displayed as `FILE:LINE`. Many steps are in the same file, so they share its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// The path, as the user gave it.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for FileLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file.display(), self.line)
    }
}

impl FromStr for FileLine {
    type Err = ();

    /// Parses the displayed form.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (file, line) = text.rsplit_once(':').ok_or(())?;
        Ok(Self { file: PathBuf::from(file).into(), line: line.parse().map_err(|_| ())? })
    }
}
