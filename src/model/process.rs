//! A process on a player's machine, as messages describe it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::on_one_line;

/// A process on a player's machine that a step left or that could not be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its process ID.
    pub pid: u32,
    /// Its owner: the user name, or the user ID if there is no name.
    pub user: String,
    /// Its command line.
    pub command: String,
}

impl Process {
    /// Returns the command line on one line. Quotes are not escaped.
    pub fn command_shown(&self) -> Cow<'_, str> {
        on_one_line(&self.command)
    }

    /// Returns the number of processes, for use in a sentence.
    pub fn count(processes: &[Self]) -> String {
        if processes.len() == 1 { "a process".to_owned() } else { format!("{} processes", processes.len()) }
    }

    /// Lists the processes, for use in a sentence: at most ten, and the number of the others.
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
        let Self { pid, user, .. } = self;
        write!(formatter, "process {pid} ({user}): `{}`", self.command_shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_as_it_was_written_but_for_what_a_terminal_would_obey() {
        let command = "sh -c echo \"it's\" \\x\n\x1b[2J".to_owned();
        let process = Process { pid: 7, user: "somebody".to_owned(), command };
        assert_eq!(process.to_string(), r#"process 7 (somebody): `sh -c echo "it's" \x\n\x1b[2J`"#);
    }
}
