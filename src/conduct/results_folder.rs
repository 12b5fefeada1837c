//! The folder of a run's results. Files are read and written only below it, whatever their names are and whatever links
//! somebody puts there. A fetched file goes to `RESULTS/RUN/trial-N/WORKER/`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fsync, mkdirat, openat, statat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::room::Room;
use crate::model::{on_one_line, words};
use crate::wire::UnplacedFile;

/// The error for a name that is not that of a file below a worker's folder.
const LEADS_OUT: &str = "its name points outside the worker's results folder";

/// Whether this component of a file name is empty, `.` or `..`, or contains a NUL byte.
fn leads_out(part: &[u8]) -> bool {
    matches!(part, b"" | b"." | b"..") || part.contains(&0)
}

/// The error of an operation that failed for this cause.
fn failed(what: &str, cause: Errno) -> io::Error {
    let cause = io::Error::from(cause);
    io::Error::new(cause.kind(), format!("{what}: {}", words(&cause)))
}

fn shown(name: &OsStr) -> String {
    on_one_line(&name.to_string_lossy()).into_owned()
}

/// The folder of a run's results. A clone is the same folder.
#[derive(Debug, Clone)]
pub(crate) struct ResultsFolder {
    /// The descriptor of the folder itself.
    pub(super) folder: Arc<OwnedFd>,
    /// How much space long files leave on its disk.
    pub(super) room: Room,
    /// How many folders above it were created for it.
    pub(super) made: usize,
}

impl ResultsFolder {
    /// Opens the folder.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder: Arc::new(folder), room: Room::of(path), made: 0 })
    }

    /// Creates the folder of a run in this folder, which is created if it is missing, with all its parents.
    ///
    /// # Errors
    ///
    /// Returns the path that cannot be created, or that exists already, and the reason.
    pub(crate) fn make(results: &Path, name: &str) -> Result<Self, (PathBuf, io::Error)> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made = results.ancestors().take_while(is_missing).count();
        std::fs::create_dir_all(results).map_err(|error| (results.to_owned(), error))?;
        let path = results.join(name);
        let opened = std::fs::create_dir(&path).and_then(|()| Self::open(&path));
        opened.map(|opened| Self { made, ..opened }).map_err(|error| (path, error))
    }

    /// Opens an existing file, by the components of its path.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened. Links are never followed.
    pub(crate) fn open_file(&self, parts: &[impl AsRef<OsStr>], access: OFlags) -> io::Result<File> {
        self.file(parts, false, access)
    }

    /// Opens a file that was fetched from a worker in a trial, by its path in the worker's results folder.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened.
    pub(crate) fn fetched(&self, trial: u32, worker: &str, path: &str) -> io::Result<File> {
        let trial = format!("trial-{trial}");
        let parts: Vec<&str> = [trial.as_str(), worker].into_iter().chain(path.split('/')).collect();
        if parts.iter().any(|part| leads_out(part.as_bytes())) {
            return Err(io::Error::other(LEADS_OUT));
        }
        self.open_file(&parts, OFlags::RDONLY)
    }

    /// Writes or replaces a file. At any time, the disk has either the old or the new file, and when this returns, the
    /// new one.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let mut file = UnplacedFile::create(self.open_folder(&[])?, mode)?;
        file.file().write_all(bytes)?;
        file.file().sync_all()?;
        file.place(OsStr::new(name), true)?;
        // Not every file system can sync a folder.
        let _ = fsync(self.open_folder(&[])?);
        Ok(())
    }

    /// Creates a file, by the components of its path, and the folders above it. It is an error if the name exists.
    pub(super) fn create_file(&self, parts: &[impl AsRef<OsStr>]) -> io::Result<File> {
        self.file(parts, true, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a folder below this one, by the components of its path; this folder itself if there are none.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened. Links are never followed.
    pub(super) fn open_folder(&self, parts: &[OsString]) -> io::Result<OwnedFd> {
        if parts.is_empty() {
            return Ok(openat(&self.folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
        }
        self.folder(parts.iter().map(OsString::as_os_str), false)
    }

    fn file(&self, parts: &[impl AsRef<OsStr>], create: bool, flags: OFlags) -> io::Result<File> {
        let (name, folders) = parts.split_last().ok_or(io::ErrorKind::NotFound)?;
        let folder = self.folder(folders.iter().map(AsRef::as_ref), create)?;
        // Opening a named pipe must not block.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(openat(&folder, name.as_ref(), flags, Mode::from_raw_mode(0o666))?))
    }

    /// Opens the folder for a fetched file of this name, creating it if necessary. Returns it with the last component
    /// of the name.
    ///
    /// # Errors
    ///
    /// Returns an error if there can be no such file.
    pub(super) fn place(&self, trial: u32, worker: &str, name: &[u8]) -> io::Result<(OwnedFd, OsString)> {
        let mut folders: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
        let last = folders.pop().unwrap_or_default();
        // A worker may have such a name, too.
        if folders.iter().chain([&last, &worker.as_bytes()]).any(|part| leads_out(part)) {
            return Err(io::Error::other(LEADS_OUT));
        }
        let trial = format!("trial-{trial}");
        // `trial-N` and the worker's own folder are trusted no more than what is below them.
        let parts = [trial.as_bytes(), worker.as_bytes()].into_iter().chain(folders);
        let folder = self.folder(parts.map(OsStr::from_bytes), true)?;
        Ok((folder, OsStr::from_bytes(last).to_owned()))
    }

    /// Opens a folder below this one, creating it if `create` is set. Each part is one name, without `/`.
    fn folder<'a>(&self, mut parts: impl Iterator<Item = &'a OsStr>, create: bool) -> io::Result<OwnedFd> {
        let run = fcntl_dupfd_cloexec(&self.folder, 0);
        let run = run.map_err(|cause| failed("cannot enter the results folder", cause))?;
        parts.try_fold(run, |folder, name| enter(&folder, name, create))
    }
}

/// Enters a folder, creating it if `create` is set. Links are not followed.
fn enter(folder: &OwnedFd, name: &OsStr, create: bool) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let created = if create { mkdirat(folder, name, Mode::from_raw_mode(0o777)) } else { Ok(()) };
    let entered = match created {
        Ok(()) | Err(Errno::EXIST) => openat(folder, name, flags, Mode::empty()),
        Err(error) => Err(error),
    };
    entered.map_err(|cause| match (is_link(folder, name), shown(name)) {
        (true, name) => io::Error::other(format!(
            "`{name}` in the results folder is a symbolic link, which `conduct` does not follow"
        )),
        (false, name) => failed(&format!("the folder `{name}`"), cause),
    })
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn run() -> (tempfile::TempDir, ResultsFolder) {
        let run = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::open(run.path()).unwrap();
        (run, folder)
    }

    #[test]
    fn names_that_lead_out_are_refused_and_make_nothing() {
        let (run, folder) = run();
        for name in [&b"../x"[..], b"/etc/x", b"a/../../x", b"a//b", b"a/", b".", b"..", b"", b"a/./b", b"a\0b"] {
            let refused = folder.place(1, "w", name).unwrap_err();
            assert_eq!(refused.to_string(), "its name points outside the worker's results folder");
        }
        assert!(folder.place(1, "..", b"x").is_err(), "the run's own folder is not a worker's");
        assert_eq!(run.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn links_are_not_followed() {
        let ((run, folder), outside) = (run(), tempfile::tempdir().unwrap());
        folder.place(1, "w", b"x").unwrap();
        symlink(outside.path(), run.path().join("trial-1/w/link")).unwrap();
        symlink(outside.path(), run.path().join("trial-1/other")).unwrap();
        symlink(outside.path(), run.path().join("trial-2")).unwrap();
        for (trial, worker, name, link) in
            [(1, "w", &b"link/x"[..], "link"), (1, "other", b"x", "other"), (2, "w", b"x", "trial-2")]
        {
            let why = folder.place(trial, worker, name).unwrap_err();
            let expected =
                format!("`{link}` in the results folder is a symbolic link, which `conduct` does not follow");
            assert_eq!(why.to_string(), expected);
        }
        assert_eq!(outside.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn folders_are_made_and_a_file_is_no_folder() {
        let (run, folder) = run();
        let (_, last) = folder.place(3, "w", b"a b/\xff/c\n").unwrap();
        assert_eq!(last.as_bytes(), b"c\n");
        assert!(run.path().join("trial-3/w/a b").join(OsStr::from_bytes(b"\xff")).is_dir());
        std::fs::write(run.path().join("trial-3/w/file"), "").unwrap();
        assert_eq!(folder.place(3, "w", b"file/x").unwrap_err().to_string(), "the folder `file`: not a directory");
    }
}
