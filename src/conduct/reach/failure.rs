//! Why a machine could not be reached, as sentences for people. The script and what the transport printed decide, never an
//! exit status: 255 of `ssh` means three things.

use std::io;
use std::os::unix::net::UnixStream;

use super::process::TransportProcess;
use super::programs::ProgramError;
use crate::conduct::event::End;
use crate::model::{Hint, on_one_line, signal_name, words};

/// Why a machine could not be reached.
#[derive(Debug)]
pub(in crate::conduct) enum ReachError {
    /// Nobody wants it any more.
    Unwanted(End),
    /// The transport's program cannot be run.
    Start(String, io::Error),
    /// A system call of the conductor failed.
    System(io::Error),
    /// The time for it is over.
    TimedOut,
    /// The transport ended before a player spoke.
    Ended,
    /// The transport's own process was ended by this signal.
    Killed(i32),
    /// Something other than the script answers, and prints without end.
    Greeting,
    /// Something other than the script answers, and has printed this last.
    OtherProgram(String),
    /// The script printed what it never does.
    Unexpected(String),
    /// There is no program for the machine.
    Program(ProgramError),
    /// No folder takes a program and executes it: each that was tried, and what it lacks.
    NoFolder(Vec<String>),
    /// The program did not arrive complete.
    CutShort,
    /// The program arrived, and does not run there.
    Broken {
        /// Its exit status, and what the shell or the loader printed.
        said: String,
        /// The loader that the program needs, unless it is static.
        loader: Option<String>,
    },
    /// `program` does not exist there.
    NotInstalled(String),
    /// One of the above, with what the transport printed.
    Said(Box<Self>, Vec<String>),
}

/// What a transport or the script's commands print, and what to do about it.
const HINTS: [(&str, Hint); 28] = [
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
    ("a password is required", Hint::AllowBecome),
    ("a terminal is required", Hint::AllowBecome),
    ("exec: \"sh\"", Hint::InstallShell),
    ("executable file `sh` not found", Hint::InstallShell),
    ("exec of \"sh\" failed", Hint::InstallShell),
    ("execve(): sh:", Hint::InstallShell),
    ("No space left on device", Hint::SetScratch),
    ("Disk quota exceeded", Hint::SetScratch),
];

/// What may be better soon: a network, a container or sshd that is being started, many connections at once.
const MAY_PASS: [Hint; 5] =
    [Hint::CheckNetwork, Hint::CorrectName, Hint::StartSshd, Hint::RaiseMaxStartups, Hint::StartContainer];

impl ReachError {
    /// Adds what the transport printed. The transport is not needed after this.
    pub(super) fn with_words_of(self, mut process: TransportProcess, stream: UnixStream, greeting: &[u8]) -> Self {
        let has_own_words = matches!(
            self,
            Self::Unwanted(_) | Self::System(_) | Self::Program(_) | Self::Broken { .. } | Self::NotInstalled(_)
        );
        drop(stream);
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
        if let Self::Unwanted(end) = self {
            (end, false)
        } else {
            (End { hint, ..End::unreachable(sentence) }, may_pass)
        }
    }

    /// Whether there was no time for more.
    pub(in crate::conduct) fn is_timed_out(&self) -> bool {
        match self {
            Self::Said(error, _) => error.is_timed_out(),
            error => matches!(error, Self::TimedOut),
        }
    }

    /// Whether another attempt may succeed.
    fn may_pass(&self) -> bool {
        let error = if let Self::Said(error, _) = self { error } else { self };
        matches!(error, Self::Ended | Self::TimedOut | Self::CutShort | Self::Killed(_))
            && self.hint().is_none_or(|hint| MAY_PASS.contains(&hint))
    }

    /// What the user can do about it.
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Start(_, error) if error.kind() == io::ErrorKind::NotFound => Some(Hint::InstallTransport),
            Self::TimedOut => Some(Hint::CheckNetwork),
            Self::OtherProgram(_) => Some(Hint::RemoveForceCommand),
            Self::Program(ProgramError::Missing { .. }) => Some(Hint::BuildProgram),
            Self::NoFolder(_) => Some(Hint::SetScratch),
            Self::Broken { said, .. } => killed(said).is_none().then_some(Hint::BuildStaticProgram),
            Self::NotInstalled(_) => Some(Hint::CorrectProgram),
            Self::Said(error, said) => {
                let known = said.iter().flat_map(|line| HINTS.iter().filter(|(text, _)| line.contains(text)));
                known.map(|(_, hint)| *hint).max().or_else(|| error.hint())
            }
            _ => None,
        }
    }

    /// The sentence.
    fn sentence(&self) -> String {
        match self {
            Self::Unwanted(_) => "it is not needed any more".to_owned(),
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
            Self::Greeting => "the machine prints without end, and does not run the conductor's script".to_owned(),
            Self::OtherProgram(line) => {
                format!("the machine ran another command instead of the conductor's script; it printed `{line}`")
            }
            Self::Unexpected(line) => format!("the machine gave an unexpected answer: `{}`", on_one_line(line)),
            Self::Program(error) => error.to_string(),
            Self::NoFolder(tried) => no_folder(tried),
            Self::CutShort => {
                "the program did not arrive completely: the folder is full, or the connection broke".to_owned()
            }
            Self::Broken { said, loader } => broken(said, loader.as_deref()),
            Self::NotInstalled(path) => format!("`program` names `{path}`, which is not an executable file there"),
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
        (Some(loader), _) => format!("it needs the loader `{loader}` of a C library, which is not there"),
        _ if printed.is_empty() => format!("it ends at once with exit status {status}"),
        _ => printed.into_owned(),
    };
    format!("the program cannot be run there: {why}")
}

/// The signal that ended it, if one did: a shell adds 128 to it.
fn killed(said: &str) -> Option<i32> {
    let status: i32 = said.split(' ').next()?.parse().ok()?;
    status.checked_sub(128).filter(|signal| (1..=64).contains(signal))
}

/// What the folders lack that were tried.
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

    fn assert_ends<const COUNT: usize>(table: [(ReachError, &str, Option<Hint>); COUNT]) {
        for (error, sentence, hint) in table {
            let (end, _) = error.end();
            assert_eq!((end.reason.as_str(), end.hint), (sentence, hint));
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
                Some(Hint::InstallTransport),
            ),
            (ReachError::TimedOut, "the machine did not answer in time", Some(Hint::CheckNetwork)),
            (ReachError::Killed(9), "the command was ended by SIGKILL before a player started", None),
            (
                ReachError::OtherProgram("sftp only".to_owned()),
                "the machine ran another command instead of the conductor's script; it printed `sftp only`",
                Some(Hint::RemoveForceCommand),
            ),
            (
                ReachError::Program(no_program),
                "no program was found for riscv64: `/p/conductor-riscv64` does not exist",
                Some(Hint::BuildProgram),
            ),
            (
                ReachError::NoFolder(
                    ["/tmp:execute", "/dev/shm:space", "/home/u:network", "/x:write"].map(str::to_owned).into(),
                ),
                "no folder can hold the program: `/tmp` (files cannot be executed), `/dev/shm` (not enough space), \
                 `/home/u` (a network file system), `/x` (not writable)",
                Some(Hint::SetScratch),
            ),
            (
                ReachError::NotInstalled("/opt/conductor".to_owned()),
                "`program` names `/opt/conductor`, which is not an executable file there",
                Some(Hint::CorrectProgram),
            ),
        ]);
    }

    #[test]
    fn a_program_that_cannot_be_run_there_has_its_reason() {
        assert_ends([
            (
                broken_with("127 sh: 1: /tmp/conductor-m/p: not found", None),
                "the program cannot be run there: sh: 1: /tmp/conductor-m/p: not found",
                Some(Hint::BuildStaticProgram),
            ),
            (
                broken_with("127 p: error while loading shared libraries: libz.so.1: cannot open", None),
                "the program cannot be run there: p: error while loading shared libraries: libz.so.1: cannot open",
                Some(Hint::BuildStaticProgram),
            ),
            (
                broken_with("1 p: /lib/libc.so.6: version `GLIBC_2.34' not found", None),
                "the program cannot be run there: p: /lib/libc.so.6: version `GLIBC_2.34' not found",
                Some(Hint::BuildStaticProgram),
            ),
            (
                broken_with("127 sh: /tmp/c/p: not found", Some("/lib64/ld.so")),
                "the program cannot be run there: it needs the loader `/lib64/ld.so` of a C library, which is not there",
                Some(Hint::BuildStaticProgram),
            ),
            (
                broken_with("1 p: version `GLIBC_2.39' not found (required by p)", Some("/lib64/ld.so")),
                "the program cannot be run there: p: version `GLIBC_2.39' not found (required by p)",
                Some(Hint::BuildStaticProgram),
            ),
            (
                broken_with("1 ", Some("/lib64/ld.so")),
                "the program cannot be run there: it ends at once with exit status 1",
                Some(Hint::BuildStaticProgram),
            ),
            (broken_with("137 Killed", None), "the program cannot be run there: it was ended by SIGKILL", None),
        ]);
    }
}
