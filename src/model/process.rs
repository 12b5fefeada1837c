//! A process on a player's machine, as people are told of it.

use std::fmt;

/// A process on a player's machine: one that a step left, or that could not be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Whose it is: a name, or a number that has none.
    pub user: String,
    /// Its command line.
    pub command: String,
}

impl Process {
    /// Several of them in a sentence; of many, the first ten.
    pub fn list(processes: &[Self]) -> String {
        const MOST: usize = 10;
        let mut parts: Vec<String> = processes.iter().take(MOST).map(Self::to_string).collect();
        if let Some(more @ 1..) = processes.len().checked_sub(MOST) {
            parts.push(format!("and {more} more"));
        }
        parts.join("; ")
    }
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, user, command } = self;
        write!(formatter, "process {pid} ({user}): `{}`", command.escape_debug())
    }
}
