//! Named pipes that steps hold open: their first byte says that a step runs, their end that nothing of it is left.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::fs::File;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

use super::{Folder, eventually};

/// The reading end of a named pipe.
pub struct Pipe {
    path: PathBuf,
    reader: File,
}

impl Pipe {
    pub fn new(folder: &Folder, name: &str) -> Self {
        let path = folder.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
        // A writer must find a reader, and a reader that finds no writer yet must not wait.
        let reader = open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        Self { path, reader: File::from(reader.expect("its reading end")) }
    }

    /// Shell text: holds the pipe from here on, in every process that the shell starts, and says so.
    pub fn hold(&self) -> String {
        format!("exec 9>{}; echo >&9", self.path.display())
    }

    /// Waits until somebody holds it.
    #[track_caller]
    pub fn wait_for_start(&self) {
        eventually("somebody holds the pipe", || matches!(rustix::io::read(&self.reader, &mut [0; 1]), Ok(1)));
    }

    /// Waits until nobody holds it any more; somebody did.
    #[track_caller]
    pub fn wait_for_end(&self) {
        eventually("nobody holds the pipe", || matches!(rustix::io::read(&self.reader, &mut [0; 64]), Ok(0)));
    }
}
