//! The commands whose syntax a shell checks. Equal commands are checked once.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::{Diagnostic, Diagnostics, Entry, Lint, Place, Text};

/// Checks the syntax of commands with shells, without running any.
pub trait ShellSyntax {
    /// Returns the mistake in each command, in the same order; `None` also if that is unknown.
    fn check(&self, commands: &[ShellCommand]) -> Vec<Option<ShellRefusal>>;
}

/// A command for a shell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShellCommand {
    /// The shell, as `shell` in a worker file sets it.
    pub shell: String,
    /// The command.
    pub command: String,
}

/// Why a shell rejects a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellRefusal {
    /// The message of the shell.
    pub reason: String,
    /// The line of the command with the mistake, from 1.
    pub line: Option<usize>,
}

/// Shells that parse a command with `-n` without running it.
const SHELLS: [&str; 7] = ["sh", "ash", "dash", "bash", "ksh", "mksh", "yash"];
/// The folders of these shells.
const FOLDERS: [&str; 3] = ["/bin", "/usr/bin", "/usr/local/bin"];

/// The commands of some steps.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// The steps whose commands were added, by file and place.
    steps: HashSet<(usize, usize)>,
    /// The places of each command: a text, and the byte in the text at which the command begins.
    places: BTreeMap<ShellCommand, Vec<(Text, usize)>>,
}

impl Commands {
    /// Adds the command that begins at byte `at` in the value of a step. Workers that share a file differ in names,
    /// numbers and addresses, which do not affect the syntax, so each step is checked only once.
    pub(super) fn take(&mut self, shell: &str, entry: &Entry, text: &Text, at: usize) {
        if is_known(shell) && self.steps.insert((text.source().order(), entry.key_span.start)) {
            let command = ShellCommand { shell: shell.to_owned(), command: text.as_str()[at..].to_owned() };
            self.places.entry(command).or_default().push((text.clone(), at));
        }
    }

    /// Checks all commands, and reports each mistake at each place of the command.
    pub(super) fn check(self, shell: &dyn ShellSyntax, diagnostics: &mut Diagnostics) {
        let (commands, places): (Vec<_>, Vec<_>) = self.places.into_iter().unzip();
        for ((command, places), refusal) in commands.iter().zip(places).zip(shell.check(&commands)) {
            let Some(refusal) = refusal else { continue };
            let message = format!("`{} -n` rejects the command: {}", command.shell, refusal.reason);
            for (text, at) in places {
                let hint = "correct the command, or set `shell` if it is for another shell";
                let place = place(&text, at, refusal.line);
                diagnostics.push(Diagnostic::new(Lint::ShellSyntax, place, message.as_str(), hint));
            }
        }
    }
}

/// Returns whether it is a shell of the system. Checking a file must not run an arbitrary program that the file names.
fn is_known(shell: &str) -> bool {
    let path = Path::new(shell);
    let is_in = |folder: &str| path.parent() == Some(Path::new(folder));
    FOLDERS.into_iter().any(is_in) && path.file_name().is_some_and(|name| SHELLS.iter().any(|known| name == *known))
}

/// Returns the place of a line of the command, or of the whole command if that line is blank or unknown.
fn place(text: &Text, at: usize, line: Option<usize>) -> Place {
    let command = &text.as_str()[at..];
    let mut lines = command.split_inclusive('\n').scan(at, |end, line| {
        *end += line.len();
        Some((*end - line.len(), line.trim_end()))
    });
    let line = line.and_then(|line| lines.nth(line.checked_sub(1)?)).filter(|(_, line)| !line.is_empty());
    let (start, shown) = line.unwrap_or((at, command));
    text.place_of(start..start + shown.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shells_of_the_system_are_asked() {
        for shell in ["/bin/sh", "/usr/bin/bash", "/usr/local/bin/dash"] {
            assert!(is_known(shell), "{shell}");
        }
        for shell in ["sh", "./sh", "/tmp/sh", "/bin/../tmp/sh", "/usr/bin/python3", "/bin/", ""] {
            assert!(!is_known(shell), "{shell}");
        }
    }
}
