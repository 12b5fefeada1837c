//! Why a machine could not be reached, as messages. The reason follows from what the script and the transport printed,
//! never from an exit status: the status 255 of `ssh` can mean three things.

use std::io::{self, ErrorKind};

use super::process::{Streams, TransportProcess};
use crate::conduct::event::End;
use crate::model::{Hint, on_one_line, signal_name, words};

/// Why a machine could not be reached.
#[derive(Debug)]
pub(in crate::conduct) enum ReachError {
    /// The connection ends, whatever the machine does: it is no longer needed, or the session's player has ended.
    Over(End),
    /// This reason, with a hint for the user. The output of the transport adds nothing to it.
    Known(String, Hint),
    /// This answer of the script, with a hint for the user.
    Answer(String, Hint),
    /// The time limit has passed.
    TimedOut,
    /// The transport ended before a player had started.
    Ended,
    /// The transport's own process was ended by this signal.
    Killed(i32),
    /// Something other than the script is running, and keeps printing output.
    Greeting,
    /// The program did not arrive completely.
    CutShort,
    /// One of the above, with what the transport printed.
    Said(Box<Self>, Vec<String>),
}

/// Texts that a transport or the script's commands print, and what the user can do about each.
const HINTS: [(&str, Hint); 32] = [
    ("Permission denied (", Hint::AllowKey),
    ("Too many authentication failures", Hint::AllowKey),
    ("permission denied while trying to connect to the", Hint::RunCommand),
    ("Host key verification failed", Hint::AddHostKey),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Hint::CheckHostKey),
    ("has changed and you have requested strict checking", Hint::CheckHostKey),
    ("Could not resolve hostname", Hint::CorrectName),
    ("No route to host", Hint::CheckNetwork),
    ("Network is unreachable", Hint::CheckNetwork),
    ("Connection timed out", Hint::CheckNetwork),
    ("Connection refused", Hint::StartSshd),
    ("Connection closed by", Hint::RaiseMaxStartups),
    ("Connection reset by", Hint::RaiseMaxStartups),
    ("No such container", Hint::StartContainer),
    ("no such container", Hint::StartContainer),
    ("no container with name or ID", Hint::StartContainer),
    ("is not running", Hint::StartContainer),
    ("improper state", Hint::StartContainer),
    ("exec sessions on running containers", Hint::StartContainer),
    ("Error from server (NotFound): pods", Hint::CorrectPod),
    ("Cannot open network namespace", Hint::CreateNamespace),
    ("cannot run as user 65534", Hint::ChangeUser),
    ("a password is required", Hint::AllowBecome),
    ("a terminal is required", Hint::AllowBecome),
    ("exec: \"sh\"", Hint::InstallShell),
    (": sh: command not found", Hint::InstallShell),
    (": sh: not found", Hint::InstallShell),
    ("executable file `sh` not found", Hint::InstallShell),
    ("exec of \"sh\" failed", Hint::InstallShell),
    ("execve(): sh:", Hint::InstallShell),
    ("No space left on device", Hint::SetScratch),
    ("Disk quota exceeded", Hint::SetScratch),
];

/// Problems that may soon be solved: a network, container or sshd that is being started, or many simultaneous
/// connections.
const MAY_PASS: [Hint; 4] = [Hint::CheckNetwork, Hint::StartSshd, Hint::RaiseMaxStartups, Hint::StartContainer];
/// What the resolvers of glibc and musl print if they cannot answer now. Any other resolver error is permanent.
const NO_ANSWER: [&str; 2] = ["Temporary failure in name resolution", ": Try again"];

/// Returns the hint for what a transport printed. If several apply, this is the most specific one.
pub(in crate::conduct) fn hint_in(lines: &[String]) -> Option<Hint> {
    let known = lines.iter().flat_map(|line| HINTS.iter().filter(|(text, _)| line.contains(text)));
    known.map(|(_, hint)| *hint).max()
}

impl From<io::Error> for ReachError {
    /// Creates the error of a system call of the conductor that failed.
    fn from(error: io::Error) -> Self {
        Self::Known(words(&error), Hint::RaiseLimits)
    }
}

impl ReachError {
    /// The end of a connection if the player of the session has ended on the machine.
    pub(in crate::conduct) fn gone() -> End {
        End::lost("its player is no longer running on that machine").with(Hint::LookAtMachine)
    }

    /// The error if the transport's program cannot be run.
    pub(super) fn start(program: &str, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => {
                let sentence = format!("`{program}` is not installed on the conductor's machine");
                Self::Known(sentence, Hint::InstallTransport)
            }
            kind => {
                let is_forbidden = kind == ErrorKind::PermissionDenied;
                let hint = if is_forbidden { Hint::InstallTransport } else { Hint::RaiseLimits };
                Self::Known(format!("cannot run `{program}`: {}", words(error)), hint)
            }
        }
    }

    /// The error if the script printed a line that it cannot print.
    pub(super) fn unexpected(line: &str) -> Self {
        let sentence = format!("the machine gave an unexpected answer: `{}`", on_one_line(line));
        Self::Answer(sentence, Hint::PassUnchanged)
    }

    /// The error if `program` does not exist on the machine.
    pub(super) fn not_installed(path: &str) -> Self {
        let sentence = format!("`program` names `{path}`, which is not an executable file on that machine");
        Self::Known(sentence, Hint::CorrectProgram)
    }

    /// Adds what the transport printed. The transport is not needed after this.
    pub(super) fn with_words_of(self, mut process: TransportProcess, streams: Streams, greeting: &[u8]) -> Self {
        drop(streams);
        if matches!(self, Self::Over(_) | Self::Known(..)) {
            return self;
        }
        let said = process.last_words();
        if !said.is_empty() {
            return Self::Said(Box::new(self), said);
        }
        let greeting = String::from_utf8_lossy(greeting);
        let last = greeting.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match (self, last, process.killed_by()) {
            (Self::Ended, _, Some(signal)) => Self::Killed(signal),
            (Self::Ended | Self::TimedOut | Self::Greeting, Some(line), _) => other_program(line),
            (error, ..) => error,
        }
    }

    /// Returns the end of the connection, and whether another attempt may succeed.
    pub(in crate::conduct) fn end(self) -> (End, bool) {
        let may_pass = matches!(self, Self::Ended | Self::TimedOut | Self::CutShort | Self::Killed(_));
        let (sentence, hint) = match self {
            Self::Over(end) => return (end, false),
            Self::Said(error, said) => return error.end_with(&said),
            Self::Known(sentence, hint) | Self::Answer(sentence, hint) => (sentence, hint),
            Self::TimedOut => ("the machine did not answer in time".to_owned(), Hint::CheckNetwork),
            Self::Ended => ("the connection ended before a player started".to_owned(), Hint::RunCommand),
            Self::Killed(signal) => {
                let signal = signal_name(signal);
                (format!("the command was ended by {signal} before a player started"), Hint::ReadSystemLog)
            }
            Self::Greeting => {
                let sentence = "the machine keeps printing output and does not run the conductor's script";
                (sentence.to_owned(), Hint::PassUnchanged)
            }
            Self::CutShort => {
                let sentence = "the copy of the program is incomplete: the folder is full, or the connection broke";
                (sentence.to_owned(), Hint::SetScratch)
            }
        };
        (End::unreachable(sentence).with(hint), may_pass)
    }

    /// As [`Self::end`], with the output of the transport added. If the transport just ended, its output is the whole
    /// reason.
    fn end_with(self, said: &[String]) -> (End, bool) {
        let (is_ended, known, printed) = (matches!(self, Self::Ended), hint_in(said), said.join(" / "));
        let (end, may_pass) = self.end();
        let reason = if is_ended { printed } else { format!("{}: {printed}", end.reason) };
        let may_pass = may_pass
            && (known.is_none_or(|hint| MAY_PASS.contains(&hint))
                || said.iter().any(|line| NO_ANSWER.iter().any(|text| line.contains(text))));
        (End { reason, hint: known.or(end.hint), ..end }, may_pass)
    }

    /// Whether the time limit has passed.
    pub(in crate::conduct) fn is_timed_out(&self) -> bool {
        match self {
            Self::Said(error, _) => error.is_timed_out(),
            error => matches!(error, Self::TimedOut),
        }
    }
}

/// The error if something other than the script is running. `line` is the last line that it printed.
fn other_program(line: &str) -> ReachError {
    let printed = on_one_line(line);
    let sentence = format!("the machine ran another command instead of the conductor's script; it printed `{printed}`");
    ReachError::Known(sentence, Hint::RemoveForceCommand)
}

/// Why a program that arrived does not run, from the exit status of its first run and what it or the shell printed. A
/// shell reports a missing loader as if the program itself were missing.
pub(super) fn broken(said: &str, loader: Option<&str>) -> ReachError {
    let (status, printed) = said.split_once(' ').unwrap_or((said, ""));
    let printed = on_one_line(printed.trim());
    let is_missing =
        ["not found", "No such file"].iter().any(|text| printed.contains(text)) && !printed.contains("GLIBC");
    let killed = killed(status);
    let why = match (loader.filter(|_| is_missing), killed) {
        // The shell prints that as well, but not which signal it was.
        (_, Some(signal)) => format!("it was ended by {}", signal_name(signal)),
        (Some(loader), _) => format!("it needs the dynamic loader `{loader}`, which does not exist there"),
        _ if printed.is_empty() => format!("it exits immediately with status {status}"),
        _ => printed.into_owned(),
    };
    let hint = if killed.is_some() { Hint::ReadSystemLog } else { Hint::BuildStaticProgram };
    ReachError::Known(format!("the program cannot be run there: {why}"), hint)
}

/// The signal that ended the program, if one did: a shell reports 128 plus its number.
fn killed(status: &str) -> Option<i32> {
    let status: i32 = status.parse().ok()?;
    status.checked_sub(128).filter(|signal| (1..=64).contains(signal))
}

/// The error if no folder is suitable for the program: names each one that was tried, and what is wrong with it.
pub(super) fn no_folder(tried: &str) -> ReachError {
    let lacks = |tried: &str| {
        let (folder, what) = tried.rsplit_once(':').unwrap_or((tried, ""));
        let what = match what {
            "space" => "not enough space",
            "execute" => "files cannot be executed",
            "network" => "a network file system",
            _ => "not writable",
        };
        format!("`{}` ({what})", on_one_line(folder))
    };
    let tried: Vec<_> = tried.split_whitespace().map(lacks).collect();
    ReachError::Answer(format!("no folder can hold the program: {}", tried.join(", ")), Hint::SetScratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transport_prints_is_the_reason_and_has_a_hint() {
        let table = [
            ("root@h: Permission denied (publickey).", Hint::AllowKey, false),
            ("Host key verification failed.", Hint::AddHostKey, false),
            ("permission denied while trying to connect to the docker API at unix:///s", Hint::RunCommand, false),
            ("ssh: Could not resolve hostname h: Name or service not known", Hint::CorrectName, false),
            ("ssh: Could not resolve hostname h: Temporary failure in name resolution", Hint::CorrectName, true),
            ("ssh: Could not resolve hostname h: Try again", Hint::CorrectName, true),
            ("ssh: connect to host h port 22: No route to host", Hint::CheckNetwork, true),
            ("ssh: connect to host h port 22: Connection timed out", Hint::CheckNetwork, true),
            ("ssh: connect to host h port 22: Connection refused", Hint::StartSshd, true),
            ("Error response from daemon: No such container: c", Hint::StartContainer, true),
            ("Error: no container with name or ID \"c\" found: no such container", Hint::StartContainer, true),
            ("Error response from daemon: container c is not running", Hint::StartContainer, true),
            ("Cannot open network namespace \"n\": No such file or directory", Hint::CreateNamespace, false),
            ("sudo: a password is required", Hint::AllowBecome, false),
            ("exec failed: exec: \"sh\": executable file not found in $PATH", Hint::InstallShell, false),
            (
                "Error: crun: executable file `sh` not found in $PATH: No such file or directory",
                Hint::InstallShell,
                false,
            ),
            ("slurmstepd: error: execve(): sh: No such file or directory", Hint::InstallShell, false),
            ("exec of \"sh\" failed: No such file or directory", Hint::InstallShell, false),
        ];
        for (line, hint, may_pass) in table {
            let (end, again) = ReachError::Said(Box::new(ReachError::Ended), vec![line.to_owned()]).end();
            assert_eq!((end.reason.as_str(), end.hint, again), (line, Some(hint), may_pass));
        }
        let changed = ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "Host key verification failed."];
        let (end, _) = ReachError::Said(Box::new(ReachError::Ended), changed.map(str::to_owned).to_vec()).end();
        assert_eq!(end.hint, Some(Hint::CheckHostKey), "the hint that says most");
        let full = vec!["head: write error: No space left on device".to_owned()];
        let (end, again) = ReachError::Said(Box::new(ReachError::CutShort), full).end();
        assert_eq!((end.hint, again), (Some(Hint::SetScratch), false));
    }

    fn assert_ends<const COUNT: usize>(table: [(ReachError, &str, Hint); COUNT]) {
        for (error, sentence, hint) in table {
            let (end, _) = error.end();
            assert_eq!((end.reason.as_str(), end.hint), (sentence, Some(hint)));
        }
    }

    #[test]
    fn each_failure_has_a_sentence_and_a_hint() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        assert_ends([
            (
                ReachError::start("kubectl", &missing()),
                "`kubectl` is not installed on the conductor's machine",
                Hint::InstallTransport,
            ),
            (ReachError::TimedOut, "the machine did not answer in time", Hint::CheckNetwork),
            (ReachError::Killed(9), "the command was ended by SIGKILL before a player started", Hint::ReadSystemLog),
            (ReachError::Ended, "the connection ended before a player started", Hint::RunCommand),
            (
                ReachError::CutShort,
                "the copy of the program is incomplete: the folder is full, or the connection broke",
                Hint::SetScratch,
            ),
            (
                ReachError::unexpected("copy that"),
                "the machine gave an unexpected answer: `copy that`",
                Hint::PassUnchanged,
            ),
            (
                ReachError::Greeting,
                "the machine keeps printing output and does not run the conductor's script",
                Hint::PassUnchanged,
            ),
            (ReachError::from(io::Error::from_raw_os_error(libc::EMFILE)), "too many open files", Hint::RaiseLimits),
            (
                ReachError::Over(ReachError::gone()),
                "its player is no longer running on that machine",
                Hint::LookAtMachine,
            ),
            (
                other_program("sftp only"),
                "the machine ran another command instead of the conductor's script; it printed `sftp only`",
                Hint::RemoveForceCommand,
            ),
            (
                no_folder("/tmp:execute /dev/shm:space /home/u:network /x:write"),
                "no folder can hold the program: `/tmp` (files cannot be executed), `/dev/shm` (not enough space), \
                 `/home/u` (a network file system), `/x` (not writable)",
                Hint::SetScratch,
            ),
            (
                ReachError::not_installed("/opt/conductor"),
                "`program` names `/opt/conductor`, which is not an executable file on that machine",
                Hint::CorrectProgram,
            ),
        ]);
    }

    #[test]
    fn a_program_that_cannot_be_run_there_has_its_reason() {
        assert_ends([
            (
                broken("127 sh: 1: /tmp/conductor-m/p: not found", None),
                "the program cannot be run there: sh: 1: /tmp/conductor-m/p: not found",
                Hint::BuildStaticProgram,
            ),
            (
                broken("127 p: error while loading shared libraries: libz.so.1: cannot open", None),
                "the program cannot be run there: p: error while loading shared libraries: libz.so.1: cannot open",
                Hint::BuildStaticProgram,
            ),
            (
                broken("1 p: /lib/libc.so.6: version `GLIBC_2.34' not found", None),
                "the program cannot be run there: p: /lib/libc.so.6: version `GLIBC_2.34' not found",
                Hint::BuildStaticProgram,
            ),
            (
                broken("127 sh: /tmp/c/p: not found", Some("/lib64/ld.so")),
                "the program cannot be run there: it needs the dynamic loader `/lib64/ld.so`, which does not \
                 exist there",
                Hint::BuildStaticProgram,
            ),
            (
                broken("1 p: version `GLIBC_2.39' not found (required by p)", Some("/lib64/ld.so")),
                "the program cannot be run there: p: version `GLIBC_2.39' not found (required by p)",
                Hint::BuildStaticProgram,
            ),
            (
                broken("1 ", Some("/lib64/ld.so")),
                "the program cannot be run there: it exits immediately with status 1",
                Hint::BuildStaticProgram,
            ),
            (
                broken("137 Killed", None),
                "the program cannot be run there: it was ended by SIGKILL",
                Hint::ReadSystemLog,
            ),
        ]);
    }
}
