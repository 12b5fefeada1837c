//! The record of a run in its folder, to be read: the configurations of its generations, and what the steps printed.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::journal::CONFIGURATION;
use crate::conduct::{ResultsFolder, aside};
use crate::model::OutputSource;

/// A whole file of a run, if it is there.
pub(super) fn read(folder: &ResultsFolder, name: &str) -> io::Result<Option<String>> {
    let mut text = String::new();
    match folder.open_file(&[name], OFlags::RDONLY).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file with the configuration of a generation that is over.
pub(super) fn earlier(generation: u32) -> String {
    format!("configuration-{generation}.json")
}

/// The configurations of a run, one for each generation; without any, none.
pub(super) fn configurations(folder: &ResultsFolder) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    for generation in 1.. {
        let Some(text) = read(folder, &earlier(generation))? else { break };
        all.push(text);
    }
    all.extend(read(folder, CONFIGURATION)?);
    Ok(all)
}

/// Finds what a stream printed by its path, and the attempt at its trial.
pub(super) fn outputs(folder: &ResultsFolder) -> impl Fn(Vec<String>, u32) -> Arc<dyn OutputSource> {
    let folder = folder.clone();
    move |path, attempt| Arc::new(RecordedFile { folder: folder.clone(), path, attempt })
}

/// The file of a stream. It is opened for each piece that is read: there may be more outputs than a process may have files.
struct RecordedFile {
    folder: ResultsFolder,
    path: Vec<String>,
    attempt: u32,
}

impl OutputSource for RecordedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // What an attempt left that was made again was moved aside.
        let moved = self.path.iter().enumerate().map(|(index, part)| match index {
            1 => aside(part, self.attempt),
            _ => OsString::from(part),
        });
        let moved: Vec<OsString> = moved.collect();
        let opened = match self.folder.open_file(&moved, OFlags::RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.folder.open_file(&self.path, OFlags::RDONLY),
            opened => opened,
        };
        opened?.read_at(buffer, offset)
    }
}
