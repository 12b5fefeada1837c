//! Reads the record of a run from its folder: the configurations of its generations, and the outputs of its steps. It also
//! writes the configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::changes;
use super::journal::{CONFIGURATION, EVENTS};
use crate::conduct::{ResultsFolder, aside};
use crate::config::resolve_metrics;
use crate::model::{OutputSource, Plan, Stamped, on_one_line};
use crate::report::{Replay, configuration_json};
use crate::telemetry;

/// Finds the output of a stream from its path and the attempt at its trial.
type Outputs = Box<dyn Fn(Vec<String>, u32) -> Arc<dyn OutputSource>>;

/// The maximum length of the first event, in bytes.
const LONGEST: u64 = 1 << 20;

/// The record of a run, read from its beginning.
pub(super) struct OpenRecord {
    /// The folder of the run, as the user named it.
    path: PathBuf,
    pub(super) folder: ResultsFolder,
    events: Replay<BufReader<File>, Outputs>,
}

impl OpenRecord {
    /// Opens the record of the run in this folder.
    ///
    /// # Errors
    ///
    /// Returns a message if it cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let folder = ResultsFolder::open(path).map_err(|error| cannot_read(path, &error))?;
        let events = folder.open_file(&[EVENTS], OFlags::RDONLY).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "`{}` is not the folder of a run: it does not contain `{EVENTS}`\n  hint: name the folder of one run in the \
                 results folder, such as `results/latest`",
                path.display()
            ),
            _ => cannot_read(&path.join(EVENTS), &error),
        })?;
        let configurations = configurations(&folder).map_err(|error| cannot_read(&path.join(CONFIGURATION), &error))?;
        let events = Replay::new(BufReader::new(events), configurations, resolve_metrics, outputs(&folder));
        Ok(Self { path: path.to_owned(), folder, events })
    }

    /// Returns the next event.
    ///
    /// # Errors
    ///
    /// Returns a message if it cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Stamped>, String> {
        self.events.next().map_err(|error| cannot_read(&self.path.join(EVENTS), &error))
    }

    /// Warns if the end of the run was not recorded. `rest` says what is done with the recorded part.
    pub(super) fn warn_unless_whole(&self, rest: &str) {
        if !self.events.is_whole() {
            telemetry::flush();
            let shown = self.path.display();
            telemetry::say(&format!(
                "warning: `{shown}` is incomplete: its conductor was killed or is still running; {rest}"
            ));
        }
    }
}

/// Returns the message that a file of a run cannot be read.
pub(super) fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", on_one_line(&path.to_string_lossy()))
}

/// Returns the version of the conductor that carried out the run in this folder, from its first event.
pub(super) fn version(folder: &ResultsFolder) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(folder.open_file(&[EVENTS], OFlags::RDONLY).ok()?)
        .take(LONGEST)
        .read_until(b'\n', &mut line)
        .ok()?;
    let event: serde_json::Value = serde_json::from_slice(&line).ok()?;
    Some(event.get("version")?.as_str()?.to_owned())
}

/// Reads a whole file of a run. Returns `None` if it does not exist.
pub(super) fn read(folder: &ResultsFolder, name: &str) -> io::Result<Option<String>> {
    let mut text = String::new();
    match folder.open_file(&[name], OFlags::RDONLY).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the name of the file with the configuration of an earlier generation.
pub(super) fn earlier(generation: u32) -> String {
    format!("configuration-{generation}.json")
}

/// Reads the configurations of a run, one for each generation. Returns an empty list if there are none.
pub(super) fn configurations(folder: &ResultsFolder) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    for generation in 1.. {
        let Some(text) = read(folder, &earlier(generation))? else { break };
        all.push(text);
    }
    all.extend(read(folder, CONFIGURATION)?);
    Ok(all)
}

/// Writes the configuration of a run that sends files with these digests, and returns it.
pub(super) fn write_configuration(
    folder: &ResultsFolder,
    plan: &Plan,
    files: &BTreeMap<String, String>,
) -> io::Result<String> {
    let mut text = Vec::new();
    configuration_json(plan, &changes::digest(plan, files), &mut text)?;
    folder.write(CONFIGURATION, &text, 0o666)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Returns a function that finds the outputs of the run in this folder.
pub(super) fn outputs(folder: &ResultsFolder) -> Outputs {
    let folder = folder.clone();
    Box::new(move |path, attempt| Arc::new(RecordedFile { folder: folder.clone(), path, attempt }))
}

/// The file of a stream. It is opened for each read: there may be more outputs than a process may have open files.
struct RecordedFile {
    folder: ResultsFolder,
    path: Vec<String>,
    attempt: u32,
}

impl OutputSource for RecordedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // The files of a repeated attempt were moved aside.
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
