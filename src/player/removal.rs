//! Removes a folder with all its contents, in small parts.
//!
//! Links are not followed and other file systems are not entered, whoever changes the folder meanwhile: every name is
//! looked up in an open folder. Nested folders are first moved to the top, so that their depth does not matter. A mount
//! point cannot be moved, and stays.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};
use serde::{Deserialize, Serialize};

use crate::model::on_one_line;

/// The removal of a folder.
#[derive(Debug)]
pub(super) struct Removal {
    parent: OwnedFd,
    name: CString,
    root: OwnedFd,
    device: u64,
    /// The folder whose entries are being removed, with its name in the root, or `None` if it is the root.
    current: Option<(OwnedFd, Dir, Option<CString>)>,
    /// Folders that were moved to the root, by their names there.
    moved: VecDeque<CString>,
    /// All names that these folders have been given.
    names: BTreeSet<CString>,
    next: u64,
    failure: Option<(String, usize)>,
}

/// Identifies a folder, by its device and inode: another folder at the same path is left alone.
pub(super) type Identity = (u64, u64);

/// The state of a folder: another state means that something has used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) identity: Identity,
    owner: (u32, u32),
    mode: u32,
    /// The last change of its entries or attributes, in nanoseconds since 1970.
    changed: i128,
}

/// Returns the state of an open folder.
///
/// # Errors
///
/// See fstat(2).
pub(super) fn state(folder: impl AsFd) -> Result<State> {
    let status = fs::fstat(folder)?;
    let changed = i128::from(status.st_ctime) * 1_000_000_000 + i128::from(status.st_ctime_nsec);
    let (identity, owner) = ((status.st_dev, status.st_ino), (status.st_uid, status.st_gid));
    Ok(State { identity, owner, mode: status.st_mode, changed })
}

/// Whether the folder at this path is still in its first state, and empty. Time stamps advance only every few
/// milliseconds, so the state alone does not show a file that was created immediately after the folder.
///
/// # Errors
///
/// Returns an error if there is no readable folder at this path.
pub(super) fn is_unused(path: &Path, first: &State) -> Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = fs::open(path, flags, Mode::empty())?;
    if state(&folder)? != *first {
        return Ok(false);
    }
    for entry in Dir::new(folder)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn identity(folder: impl AsFd) -> Result<Identity> {
    state(folder).map(|state| state.identity)
}

impl Removal {
    /// Starts to remove this folder. Returns `None` if it no longer exists.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened, or if another folder is at this path.
    pub(super) fn begin(path: &Path, expected: Identity) -> Result<Option<Self>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL) };
        let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
        let parent = fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let root = match enter(parent.as_fd(), &name, Some(expected)) {
            Err(Errno::NOENT) => return Ok(None),
            entered => entered?,
        };
        let entries = Dir::read_from(&root)?;
        let current = Some((root.try_clone().map_err(|_| Errno::MFILE)?, entries, None));
        let (moved, names) = (VecDeque::new(), BTreeSet::new());
        Ok(Some(Self { parent, name, root, device: expected.0, current, moved, names, next: 0, failure: None }))
    }

    /// Removes up to `most` entries. Returns whether the removal has ended.
    pub(super) fn go_on(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some((folder, entries, _)) = &mut self.current else {
                if !self.enter_next() {
                    return true;
                }
                continue;
            };
            match entries.next() {
                Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Some(Ok(entry)) => {
                    let folder = folder.as_fd();
                    let result = remove(folder, entry.file_name(), entry.file_type());
                    match result {
                        Ok(true) => {}
                        Ok(false) => self.move_up(entry.file_name()),
                        Err(error) => self.fail(entry.file_name(), error),
                    }
                }
                Some(Err(_)) | None => self.leave(),
            }
        }
        false
    }

    /// Returns why something is left, once the removal has ended.
    pub(super) fn failure(self) -> Option<String> {
        let (why, more) = self.failure?;
        Some(if more == 0 { why } else { format!("{why}; and {more} more") })
    }

    /// Leaves the current folder, whose entries have all been handled, and removes it.
    fn leave(&mut self) {
        let Some((.., name)) = self.current.take() else { return };
        let removed = match &name {
            Some(name) => fs::unlinkat(&self.root, name, AtFlags::REMOVEDIR),
            None => return,
        };
        // What is left in it has been reported.
        if let (Err(error), Some(name)) = (removed, name)
            && !(error == Errno::NOTEMPTY && self.failure.is_some())
        {
            self.fail(&name, error);
        }
    }

    /// Enters the next folder. If there is none, removes the root and returns false.
    fn enter_next(&mut self) -> bool {
        let Some(name) = self.moved.pop_front() else {
            if let Err(error) = fs::unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR)
                && self.failure.is_none()
                && error != Errno::NOENT
            {
                let name = self.name.clone();
                self.fail(&name, error);
            }
            return false;
        };
        let entered = enter(self.root.as_fd(), &name, None).and_then(|folder| {
            let is_same = identity(&folder)?.0 == self.device;
            if is_same { Ok((Dir::read_from(&folder)?, folder)) } else { Err(Errno::XDEV) }
        });
        match entered {
            Ok((entries, folder)) => self.current = Some((folder, entries, Some(name))),
            Err(error) => self.fail(&name, error),
        }
        true
    }

    /// Moves a subfolder of the current folder to the root, where it is handled later.
    fn move_up(&mut self, name: &CStr) {
        let Some((folder, _, own)) = &self.current else { return };
        if own.is_none() && self.names.contains(name) {
            return;
        }
        let mut moved = Err(Errno::EXIST);
        // A name may be taken.
        for _ in 0..100 {
            let new = CString::new(format!(".removed-{}", self.next)).unwrap_or_default();
            self.next += 1;
            let rename = || fs::renameat(folder, name, &self.root, &new);
            moved = match rename() {
                // Moving a folder changes its `..` entry.
                Err(Errno::ACCESS) => enter(folder.as_fd(), name, None).and_then(|_| rename()),
                moved => moved,
            }
            .map(|()| new);
            if !matches!(moved, Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR)) {
                break;
            }
        }
        match moved {
            Ok(new) => {
                self.names.insert(new.clone());
                self.moved.push_back(new);
            }
            Err(Errno::NOENT) => {}
            Err(error) => self.fail(name, error),
        }
    }

    fn fail(&mut self, name: &CStr, error: Errno) {
        let name = OsStr::from_bytes(name.to_bytes()).to_string_lossy();
        let name = on_one_line(&name);
        let why = match error {
            Errno::BUSY | Errno::XDEV => format!("`{name}`: a file system is mounted there"),
            error => format!("`{name}`: {}", crate::model::words(&error.into())),
        };
        match &mut self.failure {
            Some((_, more)) => *more += 1,
            none => *none = Some((why, 0)),
        }
    }
}

/// Removes an entry of a folder. Returns false if the entry is a folder itself.
fn remove(folder: BorrowedFd<'_>, name: &CStr, kind: FileType) -> Result<bool> {
    if kind == FileType::Directory {
        return Ok(false);
    }
    match fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        Err(error) => {
            let is_folder = fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Directory);
            if is_folder { Ok(false) } else { Err(error) }
        }
    }
}

/// Opens a folder that is not a link, and gives its owner all permissions.
fn enter(at: BorrowedFd<'_>, name: &CStr, expected: Option<Identity>) -> Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = fs::openat(at, name, flags | OFlags::PATH, Mode::empty())?;
    let found = state(&path)?;
    if expected.is_some_and(|expected| expected != found.identity) {
        return Err(Errno::STALE);
    }
    if !Mode::from_raw_mode(found.mode).contains(Mode::RWXU) {
        // This fails if the folder belongs to another user; it may still be readable.
        let _ = fs::chmod(format!("/proc/self/fd/{}", path.as_raw_fd()), Mode::RWXU);
    }
    fs::openat(&path, c".", flags | OFlags::RDONLY, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn remove_all(path: &Path) -> Option<String> {
        let id = identity(std::fs::File::open(path).unwrap()).unwrap();
        let mut removal = Removal::begin(path, id).unwrap().unwrap();
        let mut turns = 0;
        while !removal.go_on(10) {
            turns += 1;
            assert!(turns < 100_000);
        }
        removal.failure()
    }

    #[test]
    fn everything_in_a_folder_is_removed_and_nothing_else() {
        let around = tempfile::tempdir().unwrap();
        let (path, other) = (around.path().join("s"), around.path().join("other"));
        std::fs::create_dir(&path).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("file"), "kept").unwrap();
        for index in 0..1000 {
            std::fs::write(path.join(format!("{index}")), "x").unwrap();
        }
        symlink(&other, path.join("link")).unwrap();
        symlink(other.join("file"), path.join("file link")).unwrap();
        symlink("/", path.join("root")).unwrap();
        let mut deep = path.join("deep");
        for _ in 0..200 {
            std::fs::create_dir_all(&deep).unwrap();
            symlink("..", deep.join("up")).unwrap();
            std::fs::write(deep.join("file"), "x").unwrap();
            deep.push("deep");
        }
        std::fs::create_dir(path.join(".removed-1")).unwrap();
        std::fs::write(path.join(".removed-2"), "x").unwrap();
        let closed = path.join("closed");
        std::fs::create_dir_all(closed.join("inside/more")).unwrap();
        std::fs::write(closed.join("inside/file"), "x").unwrap();
        for folder in ["closed/inside/more", "closed/inside", "closed"] {
            std::fs::set_permissions(path.join(folder), std::fs::Permissions::from_mode(0o000)).unwrap();
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o500)).unwrap();
        assert_eq!(remove_all(&path), None);
        assert!(!path.exists());
        assert_eq!(std::fs::read_to_string(other.join("file")).unwrap(), "kept");
    }

    #[test]
    fn another_folder_at_the_same_path_and_a_link_are_left_alone() {
        let around = tempfile::tempdir().unwrap();
        let (path, other) = (around.path().join("s"), around.path().join("other"));
        std::fs::create_dir(&path).unwrap();
        let id = identity(std::fs::File::open(&path).unwrap()).unwrap();
        std::fs::rename(&path, &other).unwrap();
        assert!(Removal::begin(&path, id).unwrap().is_none(), "it is gone");
        symlink(&other, &path).unwrap();
        assert!(Removal::begin(&path, id).is_err());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(Removal::begin(&path, id).unwrap_err(), Errno::STALE);
        assert!(path.exists() && other.exists());
    }

    #[test]
    fn a_folder_on_which_something_is_mounted_stays() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("s");
        std::fs::create_dir_all(path.join("a/mounted")).unwrap();
        std::fs::write(path.join("a/file"), "x").unwrap();
        let inside = around.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("kept"), "x").unwrap();
        if rustix::mount::mount_bind(&inside, path.join("a/mounted")).is_err() {
            // This user cannot mount.
            return;
        }
        let failure = remove_all(&path);
        assert!(inside.join("kept").exists());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let target =
            mounts.lines().filter_map(|line| line.split(' ').nth(4)).find(|at| at.starts_with(path.to_str().unwrap()));
        rustix::mount::unmount(target.unwrap(), rustix::mount::UnmountFlags::DETACH).unwrap();
        assert_eq!(failure.unwrap(), "`mounted`: a file system is mounted there");
        assert!(!path.join("a/file").exists());
    }
}
