//! The commands that a shell is asked about, each distinct one once.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{Diagnostic, Diagnostics, Entry, Lint, Place, Text};

/// Asks shells whether they understand commands, without running any.
pub trait ShellSyntax {
    /// What is wrong with each command, in their order; `None` also where that can't be told.
    fn check(&self, commands: &[ShellCommand]) -> Vec<Option<ShellRefusal>>;
}

/// A command for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ShellCommand {
    /// The shell, as `shell` of a worker file names it.
    pub shell: String,
    /// The command.
    pub command: String,
}

/// Why a shell refuses a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellRefusal {
    /// The shell's words.
    pub reason: String,
    /// The command's line that it is about, from 1.
    pub line: Option<usize>,
}

/// Shells that read a command with `-n` and run nothing.
const SHELLS: [&str; 7] = ["sh", "ash", "dash", "bash", "ksh", "mksh", "yash"];
/// Where they are.
const FOLDERS: [&str; 3] = ["/bin", "/usr/bin", "/usr/local/bin"];

/// The commands of some steps.
pub(super) struct Commands<'a> {
    /// Who is asked; `None` if nobody is.
    shell: Option<&'a dyn ShellSyntax>,
    /// The steps whose commands were taken, by file and place.
    steps: HashSet<(usize, usize)>,
    /// The index of each command in `asked` and `places`.
    known: HashMap<ShellCommand, usize>,
    asked: Vec<ShellCommand>,
    /// Where each command stands, the text's part from there on being the command.
    places: Vec<Vec<(Text, usize)>>,
}

impl<'a> Commands<'a> {
    pub(super) fn new(shell: Option<&'a dyn ShellSyntax>) -> Self {
        Self { shell, steps: HashSet::new(), known: HashMap::new(), asked: Vec::new(), places: Vec::new() }
    }

    /// Whether somebody is asked about them.
    pub(super) fn are_wanted(&self) -> bool {
        self.shell.is_some()
    }

    /// Takes the command that stands at `at` in the value of a step. Workers that share a file differ by names, numbers
    /// and addresses, which mean nothing to a shell's grammar: one of them stands for all.
    pub(super) fn take(&mut self, shell: &str, entry: &Entry, text: &Text, at: usize) {
        if !self.are_wanted() || !is_known(shell) {
            return;
        }
        if !self.steps.insert((text.source().order(), entry.key_span.start)) {
            return;
        }
        let command = ShellCommand { shell: shell.to_owned(), command: text.as_str()[at..].to_owned() };
        let index = *self.known.entry(command).or_insert_with_key(|command| {
            self.asked.push(command.clone());
            self.places.push(Vec::new());
            self.asked.len() - 1
        });
        self.places[index].push((text.clone(), at));
    }

    /// Asks about all of them, and reports what is refused at each place where it stands.
    pub(super) fn check(self, diagnostics: &mut Diagnostics) {
        let Some(shell) = self.shell else { return };
        let refusals = shell.check(&self.asked);
        for ((command, places), refusal) in self.asked.iter().zip(&self.places).zip(refusals) {
            let Some(refusal) = refusal else { continue };
            for (text, at) in places {
                let message = format!("`{} -n` does not understand the command: {}", command.shell, refusal.reason);
                let hint = "correct it, or set `shell` if another shell is to run it";
                let place = place(text, *at, refusal.line);
                diagnostics.push(Diagnostic::new(Lint::ShellSyntax, place, message, hint));
            }
        }
    }
}

/// Whether it is a shell of the system's. A look at a file must not run whatever program the file names.
fn is_known(shell: &str) -> bool {
    let path = Path::new(shell);
    let is_in = |folder: &str| path.parent() == Some(Path::new(folder));
    FOLDERS.into_iter().any(is_in) && path.file_name().is_some_and(|name| SHELLS.iter().any(|known| name == *known))
}

/// The line of the command, or all of it.
fn place(text: &Text, at: usize, line: Option<usize>) -> Place {
    let command = &text.as_str()[at..];
    let mut start = at;
    for (index, content) in command.split_inclusive('\n').enumerate() {
        if Some(index + 1) == line && !content.trim().is_empty() {
            return text.place_of(start..start + content.trim_end().len());
        }
        start += content.len();
    }
    text.place_of(at..at + command.len())
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
