//! Why a machine could not be reached, as sentences for people. The reason follows from what the script and the
//! transport printed, never from an exit status: the status 255 of `ssh` can mean three things.

use std::io;

use super::process::{Streams, TransportProcess};
use super::programs::ProgramError;
use crate::conduct::event::End;
use crate::model::{Hint, on_one_line, signal_name, words};

/// Why a machine could not be reached.
#[derive(Debug)]
pub(in crate::conduct) enum ReachError {
    /// The connection is no longer needed.
    Unwanted(End),
    /// The transport's program cannot be run.
    Start(String, io::Error),
    /// A system call of the conductor failed.
    System(io::Error),
    /// The time limit has passed.
    TimedOut,
    /// The transport ended before a player had started.
    Ended,
    /// The transport's own process was ended by this signal.
    Killed(i32),
    /// Something other than the script is running, and keeps printing output.
    Greeting,
    /// Something other than the script is running; this is the last line that it printed.
    OtherProgram(String),
    /// The script printed a line that it cannot print.
    Unexpected(String),
    /// There is no program for the machine.
    Program(ProgramError),
    /// No folder is suitable for the program: each one that was tried, and what is wrong with it.
    NoFolder(Vec<String>),
    /// The program did not arrive complete.
    CutShort,
    /// The player of the session has ended on the machine.
    Gone,
    /// The program arrived, but cannot be run on the machine.
    Broken {
        /// The exit status of its first run, and what the shell or the loader printed.
        said: String,
        /// The loader that the program needs, unless it is static.
        loader: Option<String>,
    },
    /// `program` does not exist there.
    NotInstalled(String),
    /// One of the above, and what the transport printed.
    Said(Box<Self>, Vec<String>),
}

/// Texts that a transport or the script's commands print, and what the user can do about each.
const HINTS: [(&str, Hint); 31] = [
    ("Permission denied (", Hint::AllowKey),
    ("Too many authentication failures", Hint::AllowKey),
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

/// Problems that may soon be over: a network, container or sshd that is being started, or many simultaneous
/// connections.
const MAY_PASS: [Hint; 5] =
    [Hint::CheckNetwork, Hint::CorrectName, Hint::StartSshd, Hint::RaiseMaxStartups, Hint::StartContainer];

/// What the user can do about what a transport printed. If several hints apply, this is the most specific one.
pub(in crate::conduct) fn hint_in(lines: &[String]) -> Option<Hint> {
    let known = lines.iter().flat_map(|line| HINTS.iter().filter(|(text, _)| line.contains(text)));
    known.map(|(_, hint)| *hint).max()
}

impl ReachError {
    /// Adds what the transport printed. The transport is not needed after this.
    pub(super) fn with_words_of(self, mut process: TransportProcess, streams: Streams, greeting: &[u8]) -> Self {
        let has_own_words = matches!(
            self,
            Self::Unwanted(_)
                | Self::System(_)
                | Self::Program(_)
                | Self::Broken { .. }
                | Self::NotInstalled(_)
                | Self::Gone
        );
        drop(streams);
        if has_own_words {
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
            (Self::Ended | Self::TimedOut | Self::Greeting, Some(line), _) => {
                Self::OtherProgram(on_one_line(line).into_owned())
            }
            (error, ..) => error,
        }
    }

    /// What it means for the connection, and whether another attempt may succeed.
    pub(in crate::conduct) fn end(self) -> (End, bool) {
        let (sentence, hint, may_pass) = (self.sentence(), self.hint(), self.may_pass());
        match self {
            Self::Unwanted(end) => (end, false),
            Self::Gone => (End::lost(sentence).with(hint), false),
            _ => (End::unreachable(sentence).with(hint), may_pass),
        }
    }

    /// Whether the time limit has passed.
    pub(in crate::conduct) fn is_timed_out(&self) -> bool {
        match self {
            Self::Said(error, _) => error.is_timed_out(),
            error => matches!(error, Self::TimedOut),
        }
    }

    /// Whether another attempt may succeed.
    fn may_pass(&self) -> bool {
        match self {
            Self::Ended | Self::TimedOut | Self::CutShort | Self::Killed(_) => true,
            Self::Said(error, said) => error.may_pass() && hint_in(said).is_none_or(|hint| MAY_PASS.contains(&hint)),
            _ => false,
        }
    }

    /// What the user can do about it.
    fn hint(&self) -> Hint {
        match self {
            Self::Start(_, error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Hint::InstallTransport,
                _ => Hint::RaiseLimits,
            },
            Self::System(_) => Hint::RaiseLimits,
            Self::TimedOut => Hint::CheckNetwork,
            Self::Unwanted(_) | Self::Ended => Hint::RunCommand,
            Self::Killed(_) => Hint::ReadSystemLog,
            Self::OtherProgram(_) => Hint::RemoveForceCommand,
            Self::Greeting | Self::Unexpected(_) => Hint::PassUnchanged,
            Self::Program(ProgramError::System(_)) => Hint::UseLinux,
            Self::Program(_) => Hint::BuildProgram,
            Self::NoFolder(_) | Self::CutShort => Hint::SetScratch,
            Self::Broken { said, .. } if killed(said).is_some() => Hint::ReadSystemLog,
            Self::Broken { .. } => Hint::BuildStaticProgram,
            Self::NotInstalled(_) => Hint::CorrectProgram,
            Self::Gone => Hint::LookAtMachine,
            Self::Said(error, said) => hint_in(said).unwrap_or_else(|| error.hint()),
        }
    }

    /// The sentence.
    fn sentence(&self) -> String {
        match self {
            Self::Unwanted(_) => "it is no longer needed".to_owned(),
            Self::Start(program, error) if error.kind() == io::ErrorKind::NotFound => {
                format!("`{program}` is not installed on the conductor's machine")
            }
            Self::Start(program, error) => format!("cannot run `{program}`: {}", words(error)),
            Self::System(error) => words(error),
            Self::TimedOut => "the machine did not answer in time".to_owned(),
            Self::Ended => "the connection ended before a player started".to_owned(),
            Self::Killed(signal) => {
                format!("the command was ended by {} before a player started", signal_name(*signal))
            }
            Self::Greeting => "the machine keeps printing output and does not run the conductor's script".to_owned(),
            Self::OtherProgram(line) => {
                format!("the machine ran another command instead of the conductor's script; it printed `{line}`")
            }
            Self::Unexpected(line) => format!("the machine gave an unexpected answer: `{}`", on_one_line(line)),
            Self::Program(error) => error.to_string(),
            Self::NoFolder(tried) => no_folder(tried),
            Self::CutShort => {
                "the copy of the program is incomplete: the folder is full, or the connection broke".to_owned()
            }
            Self::Gone => "its player is no longer running on that machine".to_owned(),
            Self::Broken { said, loader } => broken(said, loader.as_deref()),
            Self::NotInstalled(path) => {
                format!("`program` names `{path}`, which is not an executable file on that machine")
            }
            // Then what the transport printed says everything.
            Self::Said(error, said) if matches!(**error, Self::Ended) => said.join(" / "),
            Self::Said(error, said) => format!("{}: {}", error.sentence(), said.join(" / ")),
        }
    }
}

/// Why a program that arrived does not run, from the exit status of its first run and what it or the shell printed. A
/// shell reports a missing loader as if the program itself were missing.
fn broken(said: &str, loader: Option<&str>) -> String {
    let (status, printed) = said.split_once(' ').unwrap_or((said, ""));
    let printed = on_one_line(printed.trim());
    let is_missing =
        ["not found", "No such file"].iter().any(|text| printed.contains(text)) && !printed.contains("GLIBC");
    let why = match (loader.filter(|_| is_missing), killed(said)) {
        // The shell prints that as well, but not which signal it was.
        (_, Some(signal)) => format!("it was ended by {}", signal_name(signal)),
        (Some(loader), _) => format!("it needs the dynamic loader `{loader}`, which does not exist there"),
        _ if printed.is_empty() => format!("it exits immediately with status {status}"),
        _ => printed.into_owned(),
    };
    format!("the program cannot be run there: {why}")
}

/// The signal that ended it, if one did: a shell reports 128 plus its number.
fn killed(said: &str) -> Option<i32> {
    let status: i32 = said.split(' ').next()?.parse().ok()?;
    status.checked_sub(128).filter(|signal| (1..=64).contains(signal))
}

/// What is wrong with each folder that was tried.
fn no_folder(tried: &[String]) -> String {
    let lacks = |tried: &String| {
        let (folder, what) = tried.rsplit_once(':').unwrap_or((tried, ""));
        let what = match what {
            "space" => "not enough space",
            "execute" => "files cannot be executed",
            "network" => "a network file system",
            _ => "not writable",
        };
        format!("`{}` ({what})", on_one_line(folder))
    };
    let tried: Vec<_> = tried.iter().map(lacks).collect();
    format!("no folder can hold the program: {}", tried.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_with(said: &str, loader: Option<&str>) -> ReachError {
        ReachError::Broken { said: said.to_owned(), loader: loader.map(str::to_owned) }
    }

    #[test]
    fn what_a_transport_prints_is_the_reason_and_has_a_hint() {
        let table = [
            ("root@h: Permission denied (publickey).", Hint::AllowKey, false),
            ("Host key verification failed.", Hint::AddHostKey, false),
            ("ssh: Could not resolve hostname h: Name or service not known", Hint::CorrectName, true),
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
        let no_program =
            ProgramError::Missing { machine: "riscv64".to_owned(), tried: vec!["/p/conductor-riscv64".into()] };
        assert_ends([
            (
                ReachError::Start("kubectl".to_owned(), missing()),
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
                ReachError::Unexpected("copy that".to_owned()),
                "the machine gave an unexpected answer: `copy that`",
                Hint::PassUnchanged,
            ),
            (
                ReachError::Greeting,
                "the machine keeps printing output and does not run the conductor's script",
                Hint::PassUnchanged,
            ),
            (ReachError::System(io::Error::from_raw_os_error(libc::EMFILE)), "too many open files", Hint::RaiseLimits),
            (
                ReachError::Program(ProgramError::System("Darwin".to_owned())),
                "the machine runs Darwin, but players run only on Linux",
                Hint::UseLinux,
            ),
            (ReachError::Gone, "its player is no longer running on that machine", Hint::LookAtMachine),
            (
                ReachError::OtherProgram("sftp only".to_owned()),
                "the machine ran another command instead of the conductor's script; it printed `sftp only`",
                Hint::RemoveForceCommand,
            ),
            (
                ReachError::Program(no_program),
                "no program was found for riscv64: `/p/conductor-riscv64` does not exist",
                Hint::BuildProgram,
            ),
            (
                ReachError::NoFolder(
                    ["/tmp:execute", "/dev/shm:space", "/home/u:network", "/x:write"].map(str::to_owned).into(),
                ),
                "no folder can hold the program: `/tmp` (files cannot be executed), `/dev/shm` (not enough space), \
                 `/home/u` (a network file system), `/x` (not writable)",
                Hint::SetScratch,
            ),
            (
                ReachError::NotInstalled("/opt/conductor".to_owned()),
                "`program` names `/opt/conductor`, which is not an executable file on that machine",
                Hint::CorrectProgram,
            ),
        ]);
    }

    #[test]
    fn a_program_that_cannot_be_run_there_has_its_reason() {
        assert_ends([
            (
                broken_with("127 sh: 1: /tmp/conductor-m/p: not found", None),
                "the program cannot be run there: sh: 1: /tmp/conductor-m/p: not found",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("127 p: error while loading shared libraries: libz.so.1: cannot open", None),
                "the program cannot be run there: p: error while loading shared libraries: libz.so.1: cannot open",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("1 p: /lib/libc.so.6: version `GLIBC_2.34' not found", None),
                "the program cannot be run there: p: /lib/libc.so.6: version `GLIBC_2.34' not found",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("127 sh: /tmp/c/p: not found", Some("/lib64/ld.so")),
                "the program cannot be run there: it needs the dynamic loader `/lib64/ld.so`, which does not \
                 exist there",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("1 p: version `GLIBC_2.39' not found (required by p)", Some("/lib64/ld.so")),
                "the program cannot be run there: p: version `GLIBC_2.39' not found (required by p)",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("1 ", Some("/lib64/ld.so")),
                "the program cannot be run there: it exits immediately with status 1",
                Hint::BuildStaticProgram,
            ),
            (
                broken_with("137 Killed", None),
                "the program cannot be run there: it was ended by SIGKILL",
                Hint::ReadSystemLog,
            ),
        ]);
    }
}
