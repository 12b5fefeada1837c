//! The file of a report.
//!
//! A report that is told as things happen goes straight into its file, where it can be followed. One that is written
//! when the run is over is written beside it, under a name of its own, and takes the file's name when it is whole: the
//! name never stands for half a report, nor, from the beginning of the run, for that of an earlier run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Event, Reporter, Stamped};
use crate::report::{self, Format, Style};

/// Opens the report of this format.
pub(super) fn open(format: Format, path: &Path, style: Style) -> io::Result<Box<dyn Reporter>> {
    // A link stays one, and what is no file (a pipe, a terminal, /dev/null) has no name to take.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let special = fs::metadata(&path).is_ok_and(|found| !found.is_file());
    if !format.is_whole_at_the_end() || special {
        return Ok(report::reporter(format, Box::new(File::create(&path)?), style));
    }
    let part = Part::create(&path)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let part = Arc::new(Mutex::new(Some(part)));
    let inner = report::reporter(format, Box::new(PartWriter(Arc::clone(&part))), style);
    Ok(Box::new(WholeReport { inner, part, path }))
}

/// A report that takes its name when it is whole.
struct WholeReport {
    inner: Box<dyn Reporter>,
    part: Arc<Mutex<Option<Part>>>,
    path: PathBuf,
}

impl Reporter for WholeReport {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        self.inner.report(stamped)?;
        let over = matches!(stamped.event, Event::RunEnded { .. });
        let part = over.then(|| lock(&self.part).take()).flatten();
        part.map_or(Ok(()), |part| part.rename(&self.path))
    }
}

/// The file while it has no name that anybody knows; it is removed unless it gets one.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let path = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file = File::create(&path)?;
        Ok(Self { path, file })
    }

    fn rename(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the renaming there is nothing of that name.
        let _ = fs::remove_file(&self.path);
    }
}

struct PartWriter(Arc<Mutex<Option<Part>>>);

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |part| part.file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock(part: &Mutex<Option<Part>>) -> std::sync::MutexGuard<'_, Option<Part>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
