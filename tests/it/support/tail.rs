//! A file that is read while it grows.
#![allow(
    clippy::expect_used,
    clippy::allow_attributes,
    unreachable_pub,
    missing_docs,
    reason = "a part of a test's own; what it needs and does not get ends the test"
)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file that grows, line by line.
pub struct Tail {
    path: std::path::PathBuf,
    file: Option<File>,
    rest: String,
}

impl Tail {
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: String::new() }
    }

    /// The whole lines that came since.
    pub fn lines(&mut self) -> std::vec::IntoIter<String> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            file.read_to_string(&mut self.rest).expect("text");
        }
        let end = self.rest.rfind('\n').map_or(0, |at| at + 1);
        let whole: Vec<_> = self.rest.drain(..end).collect::<String>().lines().map(str::to_owned).collect();
        whole.into_iter()
    }
}
