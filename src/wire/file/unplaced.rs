//! A file that has no name until it is complete.
//!
//! If the file system can create a file without a name (`O_TMPFILE`), nothing is left of it when the process is killed.
//! Otherwise, it has a temporary name, which is removed when the file is dropped. Both kinds are newly created: an
//! existing link or file is neither followed nor used.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, openat, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

/// A file in a folder that does not have its final name yet.
#[derive(Debug)]
pub struct UnplacedFile {
    folder: OwnedFd,
    file: File,
    /// Its temporary name until it is placed, if the file system requires one.
    temporary: Option<String>,
}

impl UnplacedFile {
    /// Creates a file in this folder, with these permissions as far as the process's umask allows them.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the file cannot be created.
    pub fn create(folder: OwnedFd, mode: u32) -> io::Result<Self> {
        let mode = Mode::from_raw_mode(mode);
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        if let Ok(file) = openat(&folder, ".", flags | OFlags::TMPFILE, mode)
            && std::fs::exists(through_proc(&file)).unwrap_or(false)
        {
            return Ok(Self { folder, file: File::from(file), temporary: None });
        }
        let (temporary, file) = with_temporary_name(|name| {
            openat(&folder, name, flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW, mode)
        })?;
        Ok(Self { folder, file: File::from(file), temporary: Some(temporary) })
    }

    /// Returns the file to write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name. An existing file of that name is replaced, or results in the error
    /// [`io::ErrorKind::AlreadyExists`].
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the file cannot get that name. In that case, it does not exist afterwards.
    pub fn place(mut self, name: &OsStr, replace: bool) -> io::Result<()> {
        if self.temporary.is_none() {
            match self.link(name) {
                Err(Errno::EXIST) if replace => {}
                done => return Ok(done?),
            }
            // Only renaming replaces a file, and only a file with a name can be renamed.
            self.temporary = Some(with_temporary_name(|temporary| self.link(OsStr::new(temporary)))?.0);
        }
        if let Some(temporary) = &self.temporary {
            self.rename(temporary, name, replace)?;
        }
        self.temporary = None;
        Ok(())
    }

    fn link(&self, name: &OsStr) -> Result<(), Errno> {
        linkat(CWD, through_proc(&self.file), &self.folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn rename(&self, from: &str, to: &OsStr, replace: bool) -> Result<(), Errno> {
        let folder = &self.folder;
        if replace {
            return renameat(folder, from, folder, to);
        }
        match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
            // Not every file system can do this atomically.
            Err(Errno::INVAL | Errno::NOSYS) if is_there(folder, to) => Err(Errno::EXIST),
            Err(Errno::INVAL | Errno::NOSYS) => renameat(folder, from, folder, to),
            done => done,
        }
    }
}

impl Drop for UnplacedFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = unlinkat(&self.folder, temporary.as_str(), AtFlags::empty());
        }
    }
}

/// Whether something has this name, even if it is a broken link.
pub(super) fn is_there(folder: &OwnedFd, name: &OsStr) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn through_proc(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Calls `make` with temporary names until one is free.
fn with_temporary_name<T>(mut make: impl FnMut(&str) -> Result<T, Errno>) -> Result<(String, T), Errno> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".conductor-{}-{count}", std::process::id());
        match make(&temporary) {
            // Another process with this ID was killed here, or somebody guessed the name.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((temporary, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn begin(folder: &Path, text: &str) -> UnplacedFile {
        let folder = OwnedFd::from(File::open(folder).unwrap());
        let mut file = UnplacedFile::create(folder, 0o600).unwrap();
        file.file().write_all(text.as_bytes()).unwrap();
        file
    }

    /// As `begin`, but with a temporary name, as on file systems that require one.
    fn begin_named(folder: &Path, text: &str) -> UnplacedFile {
        let mut file = begin(folder, text);
        if file.temporary.is_none() {
            let name = with_temporary_name(|name| file.link(OsStr::new(name))).unwrap().0;
            file.temporary = Some(name);
        }
        file
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_placed_and_leaves_no_other() {
        for begin in [begin, begin_named] {
            let folder = tempfile::tempdir().unwrap();
            let file = begin(folder.path(), "whole");
            assert!(!folder.path().join("name").exists());
            file.place(OsStr::new("name"), false).unwrap();
            assert_eq!(names(folder.path()), ["name"]);
            let again = begin(folder.path(), "again").place(OsStr::new("name"), false).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_to_string(folder.path().join("name")).unwrap(), "whole");
            begin(folder.path(), "other").place(OsStr::new("name"), true).unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("name")).unwrap(), "other");
            drop(begin(folder.path(), "never whole"));
            assert_eq!(names(folder.path()), ["name"]);
        }
    }

    #[test]
    fn a_name_that_somebody_guessed_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut tried = Vec::new();
        let (name, ()) = with_temporary_name(|name| {
            tried.push(name.to_owned());
            if tried.len() == 1 { Err(Errno::EXIST) } else { Ok(()) }
        })
        .unwrap();
        assert_eq!(tried.len(), 2);
        assert_eq!(name, tried[1]);
        assert!(names(folder.path()).is_empty());
    }
}
