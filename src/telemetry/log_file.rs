//! The file of a log. If it is moved away or removed, each process that writes it creates or opens a file with the same
//! name for its next line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::stderr::say_if_heard;

/// A log file, opened for appending.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// Whether no file of that name existed at the last line and none could be created.
    is_refused: bool,
}

impl LogFile {
    /// Creates the log file from the open file of this name.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is relative and the current folder cannot be read.
    pub(super) fn new(path: &Path, file: File) -> io::Result<Self> {
        Ok(Self { path: std::path::absolute(path)?, file, is_refused: false })
    }

    /// Switches to the file that has the name now. If there can be none, the old file is still written, and this is
    /// reported once on standard error.
    fn follow(&mut self) {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let named = fs::metadata(&self.path).map(identity).ok();
        let is_named = named.is_some() && named == self.file.metadata().map(identity).ok();
        if is_named {
            return;
        }
        match append(&self.path) {
            Ok(file) => (self.file, self.is_refused) = (file, false),
            Err(error) if !std::mem::replace(&mut self.is_refused, true) => {
                let path = self.path.display();
                say_if_heard(&format!(
                    "warning: cannot open the log file `{path}` again; the log continues in the old file: {error}"
                ));
            }
            Err(_) => {}
        }
    }
}

/// Opens or creates the file. Does not wait for the reader of a pipe.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).custom_flags(libc::O_NONBLOCK).open(path)
}

impl Write for LogFile {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.follow();
        self.file.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for LogFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_or_removed_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::new(&path, append(&path).unwrap()).unwrap();
        log.write_all(b"one\n").unwrap();
        fs::rename(&path, &old).unwrap();
        log.write_all(b"two\n").unwrap();
        log.write_all(b"three\n").unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!((read(&old).as_str(), read(&path).as_str()), ("one\n", "two\nthree\n"));
        fs::remove_file(&path).unwrap();
        log.write_all(b"four\n").unwrap();
        assert_eq!(read(&path), "four\n");
        fs::remove_dir_all(folder.path()).unwrap();
        log.write_all(b"five\n").unwrap();
        assert!(log.is_refused, "it is said");
        fs::create_dir(folder.path()).unwrap();
        log.write_all(b"six\n").unwrap();
        assert_eq!((read(&path).as_str(), log.is_refused), ("six\n", false));
    }
}
