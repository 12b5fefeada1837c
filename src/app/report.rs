//! `report`: makes the reports of a run again, from its folder of results.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::messages::{self, Refused};
use super::outputs::{Opened, Outputs};
use super::results::{CONFIGURATION, EVENTS};
use crate::cli::ReportArguments;
use crate::model::{NOT_CARRIED_OUT, Output, OutputSource, PASSED, Plan, Printer, Stream, Unkept, on_one_line};
use crate::report::{RecordedOutputs, Replay};
use crate::telemetry::{self, LogFormat, Screen, Verbosity};

/// Writes the reports; 1 if the run can't be read, or one of them can't be written.
pub(super) fn run(arguments: &ReportArguments) -> Result<ExitCode, Refused> {
    let screen = Screen::default();
    telemetry::start_aside(Verbosity::Normal, LogFormat::Text, None, &screen)?;
    Ok(ExitCode::from(if write(arguments, screen)? { PASSED } else { NOT_CARRIED_OUT }))
}

/// Whether all reports were written. Those that can't be do not keep the others from being written.
fn write(arguments: &ReportArguments, screen: Screen) -> Result<bool, Refused> {
    let shown = arguments.folder.display();
    let folder = Arc::new(Folder::open(&arguments.folder).map_err(|error| cannot_read(&arguments.folder, &error))?);
    let events = folder.open_file([EVENTS]).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "`{shown}` is not the folder of a run: it has no file `{EVENTS}`\n  hint: name the folder of one run in the \
             results folder, such as `results/latest`"
        ),
        _ => cannot_read(&arguments.folder.join(EVENTS), &error),
    })?;
    let configuration =
        folder.read(CONFIGURATION).map_err(|error| cannot_read(&arguments.folder.join(CONFIGURATION), &error))?;
    let outputs = Outputs::of_report(arguments, screen);
    for record in [EVENTS, CONFIGURATION].map(|name| arguments.folder.join(name)) {
        outputs.spare(&record)?;
    }
    let Opened { reporters, refused } = outputs.open_reports(&crossbeam_channel::never());
    for why in &refused {
        messages::refuse(why);
    }
    let mut reporters: Vec<_> = reporters.shown.into_iter().chain(reporters.apart).collect();
    let mut all = refused.is_empty();
    let mut replay = Replay::new(BufReader::new(events), configuration, Arc::clone(&folder));
    while let Some(stamped) = replay.next().map_err(|error| cannot_read(&arguments.folder.join(EVENTS), &error))? {
        reporters.retain_mut(|(name, reporter)| {
            let written = reporter.report(&stamped);
            if let Err(error) = &written {
                messages::refuse(&messages::cannot_write(name, error));
                all = false;
            }
            written.is_ok()
        });
    }
    if !replay.is_whole() {
        telemetry::flush();
        telemetry::say(&format!(
            "warning: `{shown}` has no end of the run: its conductor was killed, or is still running; the reports have what \
             was recorded"
        ));
    }
    Ok(all)
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", on_one_line(&path.to_string_lossy()))
}

/// The folder of a run. No link in it is followed: what the run's steps could reach may have put it there.
struct Folder(OwnedFd);

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// Opens a file, by the parts of its path.
    fn open_file<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> io::Result<File> {
        // A named pipe is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut found = None;
        for part in parts {
            let folder = found.as_ref().unwrap_or(&self.0);
            found = Some(openat(folder, part, flags, Mode::empty())?);
        }
        Ok(File::from(found.ok_or(io::ErrorKind::NotFound)?))
    }

    /// A whole file, if it is there.
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let mut text = String::new();
        match self.open_file([name]).and_then(|mut file| file.read_to_string(&mut text)) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl RecordedOutputs for Arc<Folder> {
    fn output(&self, plan: Option<&Plan>, of: Printer, stream: Stream, length: u64, unkept: Option<Unkept>) -> Output {
        if length == 0 && unkept.is_none() {
            return Output::empty();
        }
        Output::new(KeptOutput { folder: Arc::clone(self), file: of.file(plan, stream), length, unkept })
    }
}

/// What was printed on a stream, in its file. It is opened for each piece that is read: there may be more outputs than a
/// process may have files.
struct KeptOutput {
    folder: Arc<Folder>,
    file: Vec<String>,
    length: u64,
    unkept: Option<Unkept>,
}

impl OutputSource for KeptOutput {
    fn length(&self) -> u64 {
        self.length
    }

    fn unkept(&self) -> Option<&Unkept> {
        self.unkept.as_ref()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        self.folder.open_file(self.file.iter().map(String::as_str))?.read_at(&mut buffer[..count], offset)
    }
}
