//! Why a machine could not be reached, as sentences for people. The script and what the transport printed decide, never an
//! exit status: 255 of `ssh` means three things.

use std::io;
use std::os::unix::net::UnixStream;

use super::process::TransportProcess;
use super::programs::ProgramError;
use crate::conduct::event::End;
use crate::model::{on_one_line, words};

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
    /// The same, and on standard output there was only something that the script does not print.
    OtherCommand,
    /// Something else than the script answers: it prints without an end.
    Greeting,
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
        /// What the shell or the loader printed.
        said: String,
        /// The loader that the program needs, unless it is static.
        loader: Option<String>,
    },
    /// `program` does not exist there.
    NotInstalled(String),
    /// One of the above, with what the transport printed.
    Said(Box<Self>, Vec<String>),
}

/// What a transport prints, and what to do about it.
const HINTS: [(&str, &str); 16] = [
    ("Permission denied (", "allow the conductor's key on that machine, or name a key in `connect_options`"),
    ("Host key verification failed", "add the machine's host key to `known_hosts`, for example with `ssh-keyscan`"),
    (
        "has changed and you have requested strict checking",
        "the machine was installed again, or is another one: check it, then replace its key in `known_hosts`",
    ),
    ("Could not resolve hostname", "correct the name in `connect`"),
    ("Connection closed by", "sshd may have dropped it because of many others, see `MaxStartups` in sshd_config(5)"),
    ("Connection reset by", "sshd may have dropped it because of many others, see `MaxStartups` in sshd_config(5)"),
    ("Network is unreachable", "check the network between the conductor and the machine"),
    ("No route to host", "check the network between the conductor and the machine"),
    ("Connection refused", "is sshd running on that machine? another port is set with `connect_options = -p PORT`"),
    ("No such container", "start the container, or correct its name in `connect`"),
    ("no such container", "start the container, or correct its name in `connect`"),
    ("is not running", "start the container first"),
    ("exec sessions on running containers", "start the container first"),
    ("Error from server (NotFound): pods", "correct the name of the pod in `connect`"),
    ("Cannot open network namespace", "create the network namespace, or correct its name in `connect`"),
    ("a password is required", "let the user run commands without a password, or remove `become`"),
];

impl ReachError {
    /// Adds what the transport printed, now that it is of no more use.
    pub(super) fn with_words_of(self, mut process: TransportProcess, stream: UnixStream, greeting: &[u8]) -> Self {
        let is_ours = matches!(self, Self::Unwanted(_) | Self::System(_) | Self::Program(_));
        drop(stream);
        if is_ours {
            return self;
        }
        let said = process.last_words();
        let greeting = String::from_utf8_lossy(greeting);
        let last = greeting.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match (self, last) {
            (error, None) if said.is_empty() => error,
            (Self::Ended, Some(line)) if said.is_empty() => {
                Self::Said(Box::new(Self::OtherCommand), vec![on_one_line(line).into_owned()])
            }
            (error, Some(line)) if said.is_empty() => Self::Said(Box::new(error), vec![on_one_line(line).into_owned()]),
            (error, _) => Self::Said(Box::new(error), said),
        }
    }

    /// What it means for the connection, and whether another attempt may succeed.
    pub(in crate::conduct) fn end(self) -> (End, bool) {
        let (sentence, may_pass) = (self.sentence(), self.may_pass());
        if let Self::Unwanted(end) = self { (end, false) } else { (End::unreachable(sentence), may_pass) }
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
        match self {
            Self::Ended | Self::OtherCommand | Self::TimedOut | Self::CutShort => true,
            Self::Said(error, said) => {
                error.may_pass() && !said.iter().any(|line| HINTS[..3].iter().any(|(text, _)| line.contains(text)))
            }
            _ => false,
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
            Self::OtherCommand => {
                "the machine ran another command than the conductor's script, as with `ForceCommand` in its `sshd_config`, or \
                 `command=` in `authorized_keys`"
                    .to_owned()
            }
            Self::Greeting => "the machine answers with something else than the conductor's script".to_owned(),
            Self::Unexpected(line) => format!("the machine gave an unexpected answer: `{}`", on_one_line(line)),
            Self::Program(error) => error.to_string(),
            Self::NoFolder(tried) => no_folder(tried),
            Self::CutShort => {
                "the program did not arrive completely: the folder is full, or the connection broke".to_owned()
            }
            Self::Broken { said, loader } => broken(said, loader.as_deref()),
            Self::NotInstalled(path) => format!("`program` names `{path}`, which is not an executable file there"),
            Self::Said(error, said) => {
                let hint = said.iter().find_map(|line| HINTS.iter().find(|(text, _)| line.contains(text)));
                let hint = hint.map_or(String::new(), |(_, hint)| format!("; {hint}"));
                format!("{}: {}{hint}", error.sentence(), said.join(" / "))
            }
        }
    }
}

/// Why a program that arrived does not run. A shell reports a missing loader as if the program itself were missing.
fn broken(said: &str, loader: Option<&str>) -> String {
    let said = on_one_line(said);
    let is_missing = ["not found", "No such file"].iter().any(|text| said.contains(text)) && !said.contains("GLIBC");
    let why = match loader.filter(|_| is_missing) {
        Some(loader) => format!("it needs the loader `{loader}` of a C library, which is not there"),
        None if said.is_empty() => "it ends at once".to_owned(),
        None => said.into_owned(),
    };
    format!(
        "the program cannot be run there: {why}; send a static program, which `scripts/package` builds and `--program` names, or install one there and set `program`"
    )
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
    format!(
        "no folder can hold the program: {}; set `scratch` to a folder, or `program` to an installed one",
        tried.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_run_names_the_library_that_is_missing() {
        let loader = Some("/lib64/ld-linux-x86-64.so.2");
        for (said, loader, expected) in [
            ("sh: /tmp/c/p: not found", loader, "it needs the loader `/lib64/ld-linux-x86-64.so.2` of a C library"),
            ("sh: 1: /tmp/c/p: No such file or directory", loader, "it needs the loader"),
            ("sh: /tmp/c/p: not found", None, "sh: /tmp/c/p: not found"),
            ("p: version `GLIBC_2.39' not found (required by p)", loader, "version `GLIBC_2.39' not found"),
            ("", loader, "it ends at once"),
        ] {
            let sentence = broken(said, loader);
            let begin = format!("the program cannot be run there: {expected}");
            assert!(sentence.starts_with(&begin) || sentence.contains(expected), "{sentence}");
            assert!(sentence.contains("`--program`"), "{sentence}");
        }
    }
}
