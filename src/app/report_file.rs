//! The file of a report.
//!
//! A report that is written during the run goes directly into its file, where it can be followed. A report that is
//! written at the end of the run takes the file's name when it is complete. The name never refers to an incomplete
//! report nor, once the run has begun, to the report of an earlier run.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;
use rustix::fs::OFlags;

use crate::conduct::{Room, Sparing};
use crate::model::{Event, Format, Reporter, Stamped, on_one_line};
use crate::report::{self, Style};
use crate::telemetry::ForReader;
use crate::wait::{Patience, Wait};
use crate::wire::UnplacedFile;

/// Opens the report of this format in a file that the user named. Follows links. Waits until a named pipe has a reader,
/// or for an interrupt, which stays in its channel.
pub(super) fn open(
    format: Format,
    named: &Path,
    style: Style,
    interrupts: &Receiver<i32>,
    patience: &Patience,
) -> io::Result<Box<dyn Reporter>> {
    // A link stays a link, and something that is not a regular file (a pipe, a terminal, /dev/null) cannot be replaced.
    let path = fs::canonicalize(named).unwrap_or_else(|_| named.to_owned());
    let special = fs::metadata(&path).is_ok_and(|found| !found.is_file());
    if !format.is_whole_at_the_end() || special {
        return Ok(report::reporter(format, Box::new(create(named, Wait::OutputRoom, interrupts, patience)?), style));
    }
    let reporter = whole(format, &path, style)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(reporter),
    }
}

/// Opens a file that the user named, as [`open`] does.
pub(super) fn create(
    path: &Path,
    room: Wait,
    interrupts: &Receiver<i32>,
    patience: &Patience,
) -> io::Result<ForReader<File>> {
    let slow = || tracing::warn!("waiting for a process that reads `{}`", on_one_line(&path.to_string_lossy()));
    let file = Wait::PipeReader.open_to_write(path, OFlags::TRUNC, slow, || interrupts.is_empty())?;
    let name = format!("`{}`", on_one_line(&path.to_string_lossy()));
    Ok(ForReader::new(file, name, room, patience.clone()))
}

/// Opens the report of this format in a new file. It is an error if the name exists already, even as a link.
pub(super) fn create_new(format: Format, path: &Path, style: Style, room: Room) -> io::Result<Box<dyn Reporter>> {
    if format.is_whole_at_the_end() {
        return whole(format, path, style);
    }
    let file = Sparing { file: File::create_new(path)?, room, written: 0 };
    Ok(report::reporter(format, Box::new(file), style))
}

/// Returns the URL of the results folder relative to the location of a report. The folder need not exist yet.
pub(super) fn relative_url(report: &Path, folder: &Path) -> Option<String> {
    let resolved = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok();
    let parent = report.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let there = match (folder.parent(), folder.file_name()) {
        // Before the run, only the parent of the folder may exist.
        (Some(parent), Some(name)) if !folder.exists() => resolved(parent)?.join(name),
        _ => resolved(folder)?,
    };
    Some(report::relative_url(&resolved(parent)?.join(report.file_name()?), &there))
}

fn whole(format: Format, path: &Path, style: Style) -> io::Result<Box<dyn Reporter>> {
    let named = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = OwnedFd::from(File::open(named.unwrap_or(Path::new(".")))?);
    let mut part = UnplacedFile::create(folder, 0o666)?;
    let inner = report::reporter(format, Box::new(part.file().try_clone()?), style);
    Ok(Box::new(WholeReport { inner, part: Some(part), path: path.to_owned() }))
}

/// A report whose file takes its name when it is complete.
struct WholeReport {
    inner: Box<dyn Reporter>,
    part: Option<UnplacedFile>,
    path: PathBuf,
}

impl Reporter for WholeReport {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        self.inner.report(stamped)?;
        let is_over = matches!(stamped.event, Event::RunEnded { .. });
        let name = self.path.file_name().unwrap_or_default();
        self.part.take_if(|_| is_over).map_or(Ok(()), |part| part.place(name, true))
    }
}
