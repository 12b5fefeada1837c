//! The programs that the conductor sends to machines: itself, or one for another architecture.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::ReachError;
use crate::model::{Hint, words};

/// The variable with the folder that may contain programs for other architectures.
const FOLDER_VARIABLE: &str = "CONDUCTOR_PROGRAMS";

/// The programs that can be sent.
#[derive(Debug, Clone)]
pub struct Programs {
    own: Arc<Program>,
    /// The machine of this process, as `uname -m` prints it.
    machine: String,
    /// The files from `--program`, by machine.
    given: BTreeMap<String, PathBuf>,
    /// The folders that may have a program for a machine, in order.
    folders: Vec<PathBuf>,
}

/// A program that can be sent.
#[derive(Debug)]
pub(super) struct Program {
    file: File,
    pub(super) size: u64,
}

/// The machines whose programs are known: the name that `uname -m` prints, and the number in the program (elf(5),
/// `e_machine`).
const MACHINES: [(&str, u16); 6] =
    [("x86_64", 62), ("aarch64", 183), ("riscv64", 243), ("armv7l", 40), ("ppc64le", 21), ("s390x", 22)];

/// The error if this file is not a program for the machine.
fn unsuitable(file: &Path, what: impl Display) -> ReachError {
    ReachError::Known(format!("`{}` is {what}", file.display()), Hint::BuildProgram)
}

fn unreadable(file: &Path, error: &io::Error) -> ReachError {
    ReachError::Known(format!("cannot open `{}`: {}", file.display(), words(error)), Hint::BuildProgram)
}

/// The error if none of the files exists in which the program for this machine was expected.
fn missing(machine: &str, tried: &[PathBuf]) -> ReachError {
    let tried: Vec<_> = tried.iter().map(|file| format!("`{}`", file.display())).collect();
    let where_to = match &tried[..] {
        [file] => format!("{file} does not exist"),
        _ => format!("none of {} exists", tried.join(", ")),
    };
    ReachError::Known(format!("no program was found for {machine}: {where_to}"), Hint::BuildProgram)
}

impl Program {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }

    /// Checks that it is a program for this machine, or a script that names its interpreter.
    fn check(&self, file: &Path, machine: &str) -> Result<(), ReachError> {
        let mut head = [0; 20];
        let count = self.read_at(&mut head, 0).map_err(|error| unreadable(file, &error))?;
        if head.starts_with(b"#!") {
            return Ok(());
        }
        if count < head.len() || !head.starts_with(b"\x7fELF") {
            // A shell would run it as a script.
            return Err(unsuitable(file, "not a program"));
        }
        // The byte after the class of the file is the byte order.
        let number = if head[5] == 2 { u16::from_be_bytes } else { u16::from_le_bytes }([head[18], head[19]]);
        match MACHINES.iter().find(|(_, known)| *known == number) {
            Some((name, _)) if *name != machine => Err(unsuitable(file, format_args!("a program for {name}"))),
            _ => Ok(()),
        }
    }

    /// Reads some bytes of the program.
    ///
    /// # Errors
    ///
    /// Returns the errors of pread(2).
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

impl Programs {
    /// Returns this program, those of `--program`, and those in the usual folders.
    ///
    /// # Errors
    ///
    /// Returns an error if the program of this process cannot be opened.
    pub fn new(given: BTreeMap<String, PathBuf>) -> io::Result<Self> {
        let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join("../lib/conductor")));
        let folders = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from).into_iter().chain(beside).collect();
        let machine = rustix::system::uname().machine().to_string_lossy().into_owned();
        // The file may have been replaced since this process started; this opens the one that runs.
        Ok(Self { own: Arc::new(Program::open(Path::new("/proc/self/exe"))?), machine, given, folders })
    }

    /// The approximate size of a program: the machine needs this much space.
    pub(super) fn size(&self) -> u64 {
        self.own.size
    }

    /// Returns the program for a machine.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none.
    pub(super) fn for_machine(&self, system: &str, machine: &str) -> Result<Arc<Program>, ReachError> {
        if system != "Linux" {
            let sentence = format!("the machine runs {system}, but players run only on Linux");
            return Err(ReachError::Known(sentence, Hint::UseLinux));
        }
        let given = self.given.get(machine);
        if given.is_none() && machine == self.machine {
            return Ok(Arc::clone(&self.own));
        }
        let name = format!("conductor-{machine}");
        let tried = given
            .cloned()
            .map_or_else(|| self.folders.iter().map(|folder| folder.join(&name)).collect(), |file| vec![file]);
        for file in &tried {
            match Program::open(file) {
                Ok(program) => {
                    program.check(file, machine)?;
                    return Ok(Arc::new(program));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(file, &error)),
            }
        }
        Err(missing(machine, &tried))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::event::End;

    #[test]
    fn the_program_for_another_machine_is_looked_for_and_its_places_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut programs = Programs::new(BTreeMap::new()).unwrap();
        programs.folders = vec![folder.path().to_owned()];
        assert_eq!(programs.for_machine("Linux", &programs.machine).unwrap().size, programs.size());
        let (darwin, _) = programs.for_machine("Darwin", "arm64").unwrap_err().end();
        let expected = End::unreachable("the machine runs Darwin, but players run only on Linux").with(Hint::UseLinux);
        assert_eq!(darwin, expected);
        let file = folder.path().join("conductor-riscv64");
        let (missing, _) = programs.for_machine("Linux", "riscv64").unwrap_err().end();
        let expected = format!("no program was found for riscv64: `{}` does not exist", file.display());
        assert_eq!(missing, End::unreachable(expected).with(Hint::BuildProgram));
        std::fs::write(&file, "#!/bin/sh").unwrap();
        assert_eq!(programs.for_machine("Linux", "riscv64").unwrap().size, 9);
        std::fs::write(&file, "touch /tmp/x").unwrap();
        assert!(programs.for_machine("Linux", "riscv64").unwrap_err().end().0.reason.ends_with("` is not a program"));
        std::fs::write(&file, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0").unwrap();
        let other = programs.for_machine("Linux", "riscv64").unwrap_err().end().0.reason;
        assert!(other.ends_with("` is a program for aarch64"), "{other}");
        std::fs::rename(&file, folder.path().join("conductor-aarch64")).unwrap();
        assert_eq!(programs.for_machine("Linux", "aarch64").unwrap().size, 20);
        programs.given.insert("riscv64".to_owned(), folder.path().join("none"));
        assert!(programs.for_machine("Linux", "riscv64").unwrap_err().end().0.reason.contains("none` does not exist"));
    }
}
