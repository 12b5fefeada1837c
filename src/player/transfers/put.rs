//! A `put:` step at work: it asks for its file, writes it beside where it goes, and gives it its name when it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::model::{StepId, on_one_line, words};
use crate::wire::{Data, FileEndedMessage, FileMessage, IncomingFile};

/// A `put:` step at work.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) key: StepId,
    /// As the step has it.
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

/// Whether a put is over, and why it failed if it did.
pub(super) type PutEnd = Option<Result<(), String>>;

impl Put {
    /// One to this file or folder; a relative one begins in `directory`, else in the current folder.
    pub(super) fn new(key: StepId, remote: &str, directory: Option<&str>) -> Self {
        let path = directory.map_or_else(PathBuf::new, PathBuf::from).join(remote);
        Self { key, remote: remote.to_owned(), path, arriving: None }
    }

    /// Whether this data, or this end of a file, is its own.
    pub(super) fn has(&self, stream: u32) -> bool {
        self.arriving.as_ref().is_some_and(|arriving| arriving.stream == stream)
    }

    /// Its file comes.
    pub(super) fn begin(&mut self, message: &FileMessage) -> PutEnd {
        let (stream, mode) = (message.stream, message.mode);
        let created = self.destination(OsStr::from_bytes(message.name.bytes())).and_then(|(folder, name)| {
            IncomingFile::create(folder, &name, true).map_err(|why| self.cannot(&why.to_string()))
        });
        match created {
            Ok(file) => {
                self.arriving = Some(Arriving { stream, mode, file, end: None });
                None
            }
            Err(why) => Some(Err(why)),
        }
    }

    /// Some of it is here.
    pub(super) fn data(&mut self, data: &Data) -> PutEnd {
        match self.arriving.as_mut()?.file.append(data) {
            Ok(()) => self.place(),
            Err(why) => Some(Err(self.cannot(&why.to_string()))),
        }
    }

    /// All of it was sent, but perhaps not all is here.
    pub(super) fn ended(&mut self, end: FileEndedMessage) -> PutEnd {
        if let Some(why) = end.failed {
            return Some(Err(why));
        }
        self.arriving.as_mut()?.end = Some(end);
        self.place()
    }

    fn place(&mut self) -> PutEnd {
        let arriving = self
            .arriving
            .take_if(|arriving| arriving.end.as_ref().is_some_and(|end| arriving.file.received() >= end.length))?;
        let end = arriving.end?;
        Some(arriving.file.place(&end, arriving.mode).map_err(|why| self.cannot(&why.to_string())))
    }

    fn cannot(&self, why: &str) -> String {
        format!("`{}` can't be written: {why}", on_one_line(&self.remote))
    }

    /// The folder and the name in it. A folder gets the file under its own name; a link, what it leads to.
    fn destination(&self, own: &OsStr) -> Result<(OwnedFd, OsString), String> {
        let open = |folder: &std::path::Path| {
            let folder = if folder.as_os_str().is_empty() { std::path::Path::new(".") } else { folder };
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
            return Err(self.cannot("it is there, and not a regular file"));
        }
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => Ok((open(folder)?, name.to_owned())),
            _ => Err(self.cannot("it has no name")),
        }
    }
}
