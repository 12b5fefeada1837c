//! What `versions` finds out: the versions of the programs on the machines.

use serde::{Deserialize, Serialize};

/// So many commands a test may have for it.
pub const MOST_VERSIONS: usize = 16;

/// What a command printed that shows the version of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedVersion {
    /// The command, as the test file has it.
    pub command: String,
    /// The first line that it printed, or why there is none.
    pub printed: String,
}
