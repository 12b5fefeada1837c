//! Checks the syntax of commands with the shells of this machine: `sh -n -c COMMAND`, which runs nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::config::{ShellCommand, ShellRefusal, ShellSyntax};
use crate::wait::Wait;

/// The maximum number of shells that run at once.
const TOGETHER: usize = 4;

/// The maximum number of bytes that are read of an error message of a shell.
const MAX_COMPLAINT: u64 = 4096;

/// The shells of this machine.
#[derive(Debug)]
pub(super) struct LocalShells {
    /// The time limit for one command.
    patience: Duration,
}

impl Default for LocalShells {
    fn default() -> Self {
        Self { patience: Wait::ShellSyntax.time() }
    }
}

impl ShellSyntax for LocalShells {
    fn check(&self, commands: &[ShellCommand]) -> Vec<Option<ShellRefusal>> {
        let next = AtomicUsize::new(0);
        let is_over = AtomicBool::new(false);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(TOGETHER).min(commands.len());
        let work = || {
            let mut found = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(command) = commands.get(index) else { break };
                match check(command, self.patience) {
                    Ok(refusal) => found.extend(refusal.map(|refusal| (index, refusal))),
                    // After one shell that hangs, stop: waiting for many would take too long.
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => is_over.store(true, Ordering::Relaxed),
                    // The shell does not exist here, or the command is too long for it: the syntax is unknown.
                    Err(_) => {}
                }
            }
            found
        };
        let mut refusals = vec![None; commands.len()];
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for (index, refusal) in threads.into_iter().filter_map(|thread| thread.join().ok()).flatten() {
                refusals[index] = Some(refusal);
            }
        });
        refusals
    }
}

fn check(command: &ShellCommand, patience: Duration) -> io::Result<Option<ShellRefusal>> {
    let mut complaint = File::from(memfd_create("complaint", MemfdFlags::CLOEXEC)?);
    let mut shell = Command::new(&command.shell);
    shell.args([OsStr::new("-n"), OsStr::new("-c"), OsStr::new(&command.command)]);
    // The messages must be in English, and no start-up file of the user must be read.
    shell.env("LC_ALL", "C").env_remove("ENV").env_remove("BASH_ENV");
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaint.try_clone()?);
    let mut child = shell.spawn()?;
    if Wait::ShellSyntax.end_of(&mut child, patience)?.success() {
        return Ok(None);
    }
    complaint.rewind()?;
    let mut bytes = Vec::new();
    complaint.take(MAX_COMPLAINT).read_to_end(&mut bytes)?;
    Ok(Some(refusal(&String::from_utf8_lossy(&bytes), &command.shell)))
}

/// Parses an error message such as `sh: 1: Syntax error: "fi" unexpected` or `bash: -c: line 1: syntax error near …`.
fn refusal(complaint: &str, shell: &str) -> ShellRefusal {
    let first = complaint.lines().next().unwrap_or_default();
    let name = shell.rsplit('/').next().unwrap_or(shell);
    let rest = [shell, name].iter().find_map(|name| first.strip_prefix(*name)?.strip_prefix(": ")).unwrap_or(first);
    let rest = rest.strip_prefix("-c: ").unwrap_or(rest);
    let numbered = rest.strip_prefix("line ").unwrap_or(rest).split_once(": ");
    let line = numbered.and_then(|(number, _)| number.parse().ok());
    let reason = line.and(numbered).map_or(rest, |(_, reason)| reason);
    let reason =
        ["Syntax error: ", "syntax error: "].iter().find_map(|words| reason.strip_prefix(*words)).unwrap_or(reason);
    let shown = reason.chars().take(200).map(|c| if c.is_control() { ' ' } else { c });
    let mut characters = shown.collect::<String>().trim().to_owned();
    if characters.is_empty() {
        "it gives no reason".clone_into(&mut characters);
    }
    let length = characters.chars().next().map_or(0, char::len_utf8);
    let reason = characters[..length].to_lowercase() + &characters[length..];
    ShellRefusal { reason, line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(shell: &str, command: &str) -> ShellCommand {
        ShellCommand { shell: shell.to_owned(), command: command.to_owned() }
    }

    #[test]
    fn the_complaints_of_shells_are_understood() {
        for (complaint, reason, line) in [
            ("/bin/sh: 1: Syntax error: Unterminated quoted string\n", "unterminated quoted string", Some(1)),
            ("sh: 3: Syntax error: \"fi\" unexpected\n", "\"fi\" unexpected", Some(3)),
            (
                "/bin/sh: -c: line 2: syntax error near `fi'\n/bin/sh: -c: line 2: `fi'\n",
                "syntax error near `fi'",
                Some(2),
            ),
            ("sh: line 1: syntax error: bad \u{1b}[31m\n", "bad  [31m", Some(1)),
            ("what is this", "what is this", None),
            ("", "it gives no reason", None),
        ] {
            assert_eq!(refusal(complaint, "/bin/sh"), ShellRefusal { reason: reason.to_owned(), line }, "{complaint}");
        }
    }

    #[test]
    fn commands_are_looked_at_and_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made");
        let commands = [
            command("/bin/sh", &format!("touch {}", file.display())),
            command("/bin/sh", "if true; then"),
            command("/no/such/shell", "("),
            command("/bin/sh", "read line; echo $line"),
        ];
        let refused: Vec<_> = LocalShells::default().check(&commands).iter().map(Option::is_some).collect();
        assert_eq!(refused, [false, true, false, false]);
        assert!(!file.exists());
    }

    #[test]
    fn a_shell_that_never_ends_is_ended_and_asked_no_more() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let shell = folder.path().join("sh");
        std::fs::write(&shell, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
        let commands: Vec<_> = (0..100).map(|n| command(&shell.display().to_string(), &format!("echo {n}"))).collect();
        let shells = LocalShells { patience: Duration::from_millis(50) };
        assert!(shells.check(&commands).iter().all(Option::is_none));
    }

    #[test]
    fn nothing_to_ask_asks_nobody() {
        assert!(LocalShells::default().check(&[]).is_empty());
    }
}
