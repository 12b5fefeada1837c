//! The files of outputs in the results folder: `outputs/trial-1/WORKER/run-01-LABEL.stdout`.
//!
//! They grow as the steps print. If the disk is full, what fits is kept, and long outputs leave some space for later ones.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::OFlags;

use super::sink::Sink;
use crate::conduct::results_folder::ResultsFolder;
use crate::model::{OutputSource, Plan, Printer, Stream, lock};

/// The most files that are kept open: there may be more streams than a process may have open files.
const OPEN: usize = 64;

/// An open file, with the number of its stream.
type Slot = Option<(usize, Arc<File>)>;

/// All files of a run.
#[derive(Debug)]
pub(crate) struct NamedFiles {
    folder: ResultsFolder,
    plan: Arc<Plan>,
    streams: AtomicUsize,
    /// The files that were written last. Streams whose numbers differ by a multiple of [`OPEN`] share a slot.
    open: [Mutex<Slot>; OPEN],
}

impl NamedFiles {
    pub(super) fn new(folder: ResultsFolder, plan: Arc<Plan>) -> Self {
        Self { folder, plan, streams: AtomicUsize::new(0), open: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Returns the file of another stream.
    pub(super) fn file(self: &Arc<Self>, of: Printer, stream: Stream) -> Arc<NamedFile> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        Arc::new(NamedFile { files: Arc::clone(self), number, of, stream })
    }
}

/// The file of one stream.
#[derive(Debug)]
pub(super) struct NamedFile {
    files: Arc<NamedFiles>,
    number: usize,
    of: Printer,
    stream: Stream,
}

impl NamedFile {
    fn path(&self) -> Vec<String> {
        self.of.file(Some(&self.files.plan), self.stream)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        lock(&self.files.open[self.number % OPEN])
    }

    /// The file, if it is open.
    fn opened(&self, slot: &Slot) -> Option<Arc<File>> {
        slot.as_ref().filter(|(number, _)| *number == self.number).map(|(_, file)| Arc::clone(file))
    }

    /// Returns the file to write to. The first bytes create it: an existing file with its name is not ours.
    fn open(&self, is_new: bool) -> io::Result<Arc<File>> {
        let mut slot = self.slot();
        if let Some(file) = self.opened(&slot) {
            return Ok(file);
        }
        let (folder, path) = (&self.files.folder, self.path());
        let file = if is_new { folder.create_file(&path)? } else { folder.open_file(&path, OFlags::RDWR)? };
        let (_, file) = slot.insert((self.number, Arc::new(file)));
        Ok(Arc::clone(file))
    }
}

impl OutputSource for NamedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let opened = self.opened(&self.slot());
        match opened {
            Some(file) => file.read_at(buffer, offset),
            None => self.files.folder.open_file(&self.path(), OFlags::RDONLY)?.read_at(buffer, offset),
        }
    }
}

impl Sink for Arc<NamedFile> {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let file = self.open(offset == 0)?;
        let bytes = self.files.folder.room.part_of(bytes, &file, offset)?;
        file.write_at(bytes, offset)
    }

    fn end(&mut self) {
        let mut slot = self.slot();
        if self.opened(&slot).is_some() {
            *slot = None;
        }
    }

    fn source(&self) -> Arc<dyn OutputSource> {
        self.clone()
    }
}
