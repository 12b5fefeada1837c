//! Where a file of the folder of results goes: beneath that folder, and never anywhere else, whatever its name is and
//! whatever links are in the folder. A fetched file goes to `RESULTS/RUN/trial-N/WORKER/`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, statat};
use rustix::io::Errno;

use crate::model::{on_one_line, words};

/// Why a file or folder can't be made in the folder of results.
#[derive(Debug)]
pub enum FolderError {
    /// The name of the file is not that of one below the worker's folder.
    LeadsOut,
    /// The folder of results itself can't be entered.
    Results(Errno),
    /// This folder in it can't be made or entered.
    Folder(OsString, Errno),
    /// This folder in it is a symbolic link.
    Link(OsString),
}

impl fmt::Display for FolderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &OsString| on_one_line(&name.to_string_lossy()).into_owned();
        match self {
            Self::LeadsOut => write!(out, "its name leads out of the worker's folder of results"),
            Self::Results(error) => {
                write!(out, "the folder of results can't be entered: {}", words(&(*error).into()))
            }
            Self::Folder(name, error) => write!(out, "the folder `{}`: {}", shown(name), words(&(*error).into())),
            Self::Link(name) => {
                let name = shown(name);
                write!(out, "`{name}` in the folder of results is a symbolic link, which `conduct` does not follow")
            }
        }
    }
}

impl std::error::Error for FolderError {}

/// The folder in which a fetched file of this name goes, made if need be, and the last part of the name.
///
/// # Errors
///
/// Says why there can be no such file.
pub(super) fn place(run: &Path, trial: u32, worker: &str, name: &[u8]) -> Result<(OwnedFd, OsString), FolderError> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
    let leads_out = |part: &&[u8]| matches!(*part, b"" | b"." | b"..") || part.contains(&0);
    // A worker may have such a name, too.
    if parts.iter().any(leads_out) || leads_out(&worker.as_bytes()) {
        return Err(FolderError::LeadsOut);
    }
    let Some((last, folders)) = parts.split_last() else { return Err(FolderError::LeadsOut) };
    let trial = format!("trial-{trial}");
    // `trial-N` and the worker's own folder are as little to be trusted as what is below them.
    let parts = [trial.as_bytes(), worker.as_bytes()].into_iter().chain(folders.iter().copied());
    let folder = folder_beneath(run, parts.map(OsStr::from_bytes))?;
    Ok((folder, OsStr::from_bytes(last).to_owned()))
}

/// A folder beneath the run's folder of results, made if need be. Each part is one name, without `/`.
///
/// # Errors
///
/// Says which part can't be made or entered; a link is never followed.
pub fn folder_beneath<'a>(run: &Path, parts: impl IntoIterator<Item = &'a OsStr>) -> Result<OwnedFd, FolderError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let run = openat(CWD, run, flags, Mode::empty()).map_err(FolderError::Results)?;
    parts.into_iter().try_fold(run, |folder, part| enter(&folder, part))
}

/// Enters a folder, which is made if it is not there; a link is not followed.
fn enter(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, FolderError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let failed = |error: Errno| FolderError::Folder(name.to_owned(), error);
    match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed(error)),
    }
    openat(folder, name, flags, Mode::empty())
        .map_err(|error| if is_link(folder.as_fd(), name) { FolderError::Link(name.to_owned()) } else { failed(error) })
}

fn is_link(folder: impl AsFd, name: &OsStr) -> bool {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_that_lead_out_are_refused_and_make_nothing() {
        let run = tempfile::tempdir().unwrap();
        for name in [&b"../x"[..], b"/etc/x", b"a/../../x", b"a//b", b"a/", b".", b"..", b"", b"a/./b", b"a\0b"] {
            let refused = place(run.path(), 1, "w", name).unwrap_err();
            assert_eq!(refused.to_string(), "its name leads out of the worker's folder of results");
        }
        assert!(place(run.path(), 1, "..", b"x").is_err(), "the run's own folder is not a worker's");
        assert_eq!(run.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn links_are_not_followed() {
        let (run, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        place(run.path(), 1, "w", b"x").unwrap();
        symlink(outside.path(), run.path().join("trial-1/w/link")).unwrap();
        symlink(outside.path(), run.path().join("trial-1/other")).unwrap();
        symlink(outside.path(), run.path().join("trial-2")).unwrap();
        for (trial, worker, name, link) in
            [(1, "w", &b"link/x"[..], "link"), (1, "other", b"x", "other"), (2, "w", b"x", "trial-2")]
        {
            let why = place(run.path(), trial, worker, name).unwrap_err();
            let expected =
                format!("`{link}` in the folder of results is a symbolic link, which `conduct` does not follow");
            assert_eq!(why.to_string(), expected);
        }
        assert_eq!(outside.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn folders_are_made_and_a_file_is_no_folder() {
        let run = tempfile::tempdir().unwrap();
        let (_, last) = place(run.path(), 3, "w", b"a b/\xff/c\n").unwrap();
        assert_eq!(last.as_bytes(), b"c\n");
        assert!(run.path().join("trial-3/w/a b").join(OsStr::from_bytes(b"\xff")).is_dir());
        std::fs::write(run.path().join("trial-3/w/file"), "").unwrap();
        assert_eq!(place(run.path(), 3, "w", b"file/x").unwrap_err().to_string(), "the folder `file`: not a directory");
    }
}
