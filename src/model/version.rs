//! The versions of the programs on the machines, as the commands of `versions` print them.

use serde::{Deserialize, Serialize};

/// The maximum number of commands in `versions`.
pub const MOST_VERSIONS: usize = 16;

/// The output of a command that prints the version of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedVersion {
    /// The command, as written in the test file.
    pub command: String,
    /// The first line of its output, or why there is none.
    pub printed: String,
}
