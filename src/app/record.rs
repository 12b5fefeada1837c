//! The record of a run in its folder, to be read: the configurations of its generations, and what the steps printed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::journal::{CONFIGURATION, EVENTS};
use crate::conduct::{ResultsFolder, aside};
use crate::model::{OutputSource, on_one_line};
use crate::report::Replay;

/// What a stream printed.
type Printed = Arc<dyn OutputSource>;

/// The events of a run, which finds what was printed with `S`.
type Events<S> = Replay<BufReader<File>, S>;

/// The first event is not longer.
const LONGEST: u64 = 1 << 20;

/// The events of the run in this folder, which the user named by this path.
///
/// # Errors
///
/// Says why it cannot be read, for people.
pub(super) fn open(
    path: &Path,
    folder: &ResultsFolder,
) -> Result<Events<impl Fn(Vec<String>, u32) -> Printed + use<>>, String> {
    let events = folder.open_file(&[EVENTS], OFlags::RDONLY).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "`{}` is not the folder of a run: it does not contain `{EVENTS}`\n  hint: name the folder of one run in the \
             results folder, such as `results/latest`",
            path.display()
        ),
        _ => cannot_read(&path.join(EVENTS), &error),
    })?;
    let configurations = configurations(folder).map_err(|error| cannot_read(&path.join(CONFIGURATION), &error))?;
    Ok(Replay::new(BufReader::new(events), configurations, outputs(folder)))
}

/// Says that a file of a run cannot be read.
pub(super) fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", on_one_line(&path.to_string_lossy()))
}

/// The version of the conductor of the run in this folder, which its first event has.
pub(super) fn version(folder: &ResultsFolder) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(folder.open_file(&[EVENTS], OFlags::RDONLY).ok()?)
        .take(LONGEST)
        .read_until(b'\n', &mut line)
        .ok()?;
    let event: serde_json::Value = serde_json::from_slice(&line).ok()?;
    Some(event.get("version")?.as_str()?.to_owned())
}

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
pub(super) fn outputs(folder: &ResultsFolder) -> impl Fn(Vec<String>, u32) -> Printed + use<> {
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
