//! A `put:` step. It requests its file, writes it next to its destination, and renames it when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::model::{StepId, on_one_line, words};
use crate::wire::{Data, FileEndedMessage, FileMessage, IncomingFile};

/// A `put:` step.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) key: StepId,
    /// The destination as in the step.
    remote: String,
    path: PathBuf,
    arriving: Option<Arriving>,
}

#[derive(Debug)]
struct Arriving {
    stream: u32,
    mode: u32,
    file: IncomingFile,
    end: Option<FileEndedMessage>,
}

impl Put {
    /// Creates a transfer to this file or folder. A relative path begins in `directory`, or in the current folder.
    pub(super) fn new(key: StepId, remote: &str, directory: Option<&str>) -> Self {
        let path = directory.map_or_else(PathBuf::new, PathBuf::from).join(remote);
        Self { key, remote: remote.to_owned(), path, arriving: None }
    }

    /// Whether this is the stream of its file.
    pub(super) fn has(&self, stream: u32) -> bool {
        self.arriving.as_ref().is_some_and(|arriving| arriving.stream == stream)
    }

    /// Starts to receive its file. Like the methods below, returns whether the step has ended, or why it failed.
    pub(super) fn begin(&mut self, message: &FileMessage) -> Result<bool, String> {
        let (folder, name) = self.destination(OsStr::from_bytes(message.name.bytes()))?;
        let file = IncomingFile::create(folder, &name, true).map_err(|why| self.cannot(&why.to_string()))?;
        self.arriving = Some(Arriving { stream: message.stream, mode: message.mode, file, end: None });
        Ok(false)
    }

    /// Writes a part of the file.
    pub(super) fn data(&mut self, data: &Data) -> Result<bool, String> {
        let appended = self.arriving.as_mut().map_or(Ok(()), |arriving| arriving.file.append(data));
        appended.map_err(|why| self.cannot(&why.to_string()))?;
        self.place()
    }

    /// Handles the end of the file. Parts of it may still arrive.
    pub(super) fn ended(&mut self, end: FileEndedMessage) -> Result<bool, String> {
        if let Some(why) = end.failed {
            return Err(why);
        }
        if let Some(arriving) = &mut self.arriving {
            arriving.end = Some(end);
        }
        self.place()
    }

    fn place(&mut self) -> Result<bool, String> {
        let is_whole =
            |arriving: &mut Arriving| arriving.end.as_ref().is_some_and(|end| arriving.file.received() >= end.length);
        match self.arriving.take_if(is_whole) {
            Some(Arriving { mode, file, end: Some(end), .. }) => {
                file.place(&end, mode).map(|()| true).map_err(|why| self.cannot(&why.to_string()))
            }
            _ => Ok(false),
        }
    }

    fn cannot(&self, why: &str) -> String {
        format!("cannot write `{}`: {why}", on_one_line(&self.remote))
    }

    /// Returns the folder and the name in it. In a folder, the file keeps its own name. Links are followed.
    fn destination(&self, own: &OsStr) -> Result<(OwnedFd, OsString), String> {
        let open = |folder: &Path| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let opened = File::open(folder).and_then(|opened| Ok((opened.metadata()?.is_dir(), opened)));
            let name = folder.to_string_lossy();
            let shown = on_one_line(&name);
            match opened {
                Ok((true, opened)) => Ok(OwnedFd::from(opened)),
                Ok((false, _)) => Err(self.cannot(&format!("`{shown}` is not a folder"))),
                Err(error) => Err(self.cannot(&format!("the folder `{shown}`: {}", words(&error)))),
            }
        };
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let found = path.metadata();
        if self.remote.ends_with('/') || found.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
            return Ok((open(&path)?, own.to_owned()));
        }
        if found.is_ok_and(|found| !found.is_file()) {
            return Err(self.cannot("it exists and is not a regular file"));
        }
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => Ok((open(folder)?, name.to_owned())),
            _ => Err(self.cannot("the path has no file name")),
        }
    }
}
