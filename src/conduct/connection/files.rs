//! The files of a worker's `fetch:` and `put:` steps. Fetched files are written to the results folder as they arrive.
//! Files to put are read from the disk when there is room to send them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Fault;
use crate::conduct::results_folder::ResultsFolder;
use crate::model::{Action, FetchedFile, FetchedFiles, Plan, StepId, WorkerId, on_one_line};
use crate::wire::{
    ConductorMessage, Data, FileEndedMessage, FileMessage, FileName, IncomingFile, Outbox, OutgoingFile, Piece,
    PlayerMessage, ROOM, bounds,
};

/// The files of one worker that are being transferred.
#[derive(Debug)]
pub(super) struct Files {
    plan: Arc<Plan>,
    worker: WorkerId,
    /// The results folder of the run.
    results: Option<ResultsFolder>,
    arriving: HashMap<u32, Arriving>,
    fetched: BTreeMap<StepId, Box<FetchedFiles>>,
    leaving: Vec<Leaving>,
    next_stream: u32,
}

/// A fetched file that was announced.
#[derive(Debug)]
struct Arriving {
    step: StepId,
    name: FileName,
    mode: u32,
    /// The file, once some of it has arrived: announcements overtake data, and many may wait.
    file: Option<IncomingFile>,
    end: Option<FileEndedMessage>,
}

/// A file that is being put.
#[derive(Debug)]
struct Leaving {
    step: StepId,
    name: String,
    file: OutgoingFile,
}

impl Files {
    pub(super) fn new(plan: Arc<Plan>, worker: WorkerId, results: Option<ResultsFolder>) -> Self {
        let (arriving, fetched, leaving) = (HashMap::new(), BTreeMap::new(), Vec::new());
        Self { plan, worker, results, arriving, fetched, leaving, next_stream: 0 }
    }

    /// Processes a message about files. Returns any other message.
    ///
    /// # Errors
    ///
    /// Returns an error if the player violates the protocol.
    pub(super) fn message(
        &mut self,
        message: PlayerMessage,
        outbox: &mut Outbox,
    ) -> Result<Option<PlayerMessage>, Fault> {
        match message {
            PlayerMessage::File(file) => self.announced(file, outbox)?,
            PlayerMessage::FileEnded(end) => self.ended(end, outbox),
            PlayerMessage::PutWanted(step) => self.put(step, outbox),
            PlayerMessage::PutOver(step) => self.leaving.retain(|leaving| leaving.step != step),
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    /// Returns the files that a step has fetched, if any. They are returned only once.
    pub(super) fn fetched(&mut self, step: StepId) -> Option<Box<FetchedFiles>> {
        self.fetched.remove(&step)
    }

    fn action(&self, step: StepId) -> Option<&Action> {
        self.plan.step(step.of(self.worker)).map(|step| &step.action)
    }

    fn announced(&mut self, file: FileMessage, outbox: &mut Outbox) -> Result<(), Fault> {
        let FileMessage { step, stream, name, mode } = file;
        let is_meant = matches!(self.action(step), Some(Action::Fetch(_)));
        if !is_meant || !(1..=self.plan.most_trials()).contains(&step.trial) || self.arriving.contains_key(&stream) {
            answer(stream, Err("no step has requested it".to_owned()), outbox);
            return Ok(());
        }
        let count = self.arriving.values().filter(|arriving| arriving.step == step).count();
        bounds::FILES.check(count + 1).map_err(|why| Fault::TooMuch("sent", why))?;
        self.arriving.insert(stream, Arriving { step, name, mode, file: None, end: None });
        Ok(())
    }

    fn ended(&mut self, end: FileEndedMessage, outbox: &mut Outbox) {
        let stream = end.stream;
        let Some(arriving) = self.arriving.get_mut(&stream) else { return };
        if let Some(why) = end.failed {
            self.arriving.remove(&stream);
            return answer(stream, Err(why), outbox);
        }
        arriving.end = Some(end);
        self.place_if_whole(stream, outbox);
    }

    /// Accepts data of a file. Returns whether the file is one that is fetched.
    ///
    /// # Errors
    ///
    /// Returns an error if a file begins before another one of its step is complete: each takes a descriptor.
    pub(super) fn data(&mut self, data: &Data, outbox: &mut Outbox) -> Result<bool, Fault> {
        let Some(arriving) = self.arriving.get(&data.stream) else { return Ok(false) };
        let is_other = |other: &Arriving| other.step == arriving.step && other.file.is_some();
        if arriving.file.is_none() && self.arriving.values().any(is_other) {
            return Err(Fault::SeveralFiles);
        }
        match self.file(data.stream).and_then(|file| file.append(data).map_err(|why| why.to_string())) {
            Ok(()) => self.place_if_whole(data.stream, outbox),
            Err(why) => {
                self.arriving.remove(&data.stream);
                answer(data.stream, Err(why), outbox);
            }
        }
        Ok(true)
    }

    /// Returns the file of a stream, creating it if necessary.
    fn file(&mut self, stream: u32) -> Result<&mut IncomingFile, String> {
        let arriving = self.arriving.get_mut(&stream).ok_or("the file was not announced")?;
        match &mut arriving.file {
            Some(file) => Ok(file),
            none => {
                let results = self.results.as_ref().ok_or("there is no results folder")?;
                let place = results.place(arriving.step.trial, self.plan.name(self.worker), arriving.name.bytes());
                let (folder, name) = place.map_err(|why| why.to_string())?;
                Ok(none.insert(IncomingFile::create(folder, &name, false).map_err(|why| why.to_string())?))
            }
        }
    }

    /// Moves a file into place once it is complete.
    fn place_if_whole(&mut self, stream: u32, outbox: &mut Outbox) {
        let is_whole = self.arriving.get(&stream).is_some_and(|arriving| {
            let received = arriving.file.as_ref().map_or(0, IncomingFile::received);
            arriving.end.as_ref().is_some_and(|end| received >= end.length)
        });
        if !is_whole {
            return;
        }
        // An empty file is created only now.
        let begun = self.file(stream).map(|_| ());
        let Some(Arriving { step, name, mode, file: Some(file), end: Some(end) }) = self.arriving.remove(&stream)
        else {
            return answer(stream, begun, outbox);
        };
        let placed = file.place(&end, mode).map_err(|why| why.to_string());
        if placed.is_ok() {
            let name = PathBuf::from(OsStr::from_bytes(name.bytes()));
            let FileEndedMessage { length, digest, grew, .. } = end;
            let file = FetchedFile { name, length, mode: mode & 0o777, digest, grew };
            self.fetched.entry(step).or_default().add(file);
        }
        answer(stream, placed, outbox);
    }

    fn put(&mut self, step: StepId, outbox: &mut Outbox) {
        let Some(Action::Put { local, .. }) = self.action(step) else { return };
        let path = self.plan.worker(self.worker).file.parent().unwrap_or(Path::new("")).join(local);
        let shown = format!("`{}`", on_one_line(&local.to_string_lossy()));
        let stream = self.next_stream;
        self.next_stream += 1;
        let opened = OutgoingFile::open(&path, stream);
        let name = FileName::from(path.file_name().unwrap_or_default());
        let mode = opened.as_ref().map_or(0, OutgoingFile::mode);
        outbox.push(&ConductorMessage::File(FileMessage { step, stream, name, mode }));
        match opened {
            Ok(file) => self.leaving.push(Leaving { step, name: shown, file }),
            Err(why) => {
                let failed = FileEndedMessage::failed(stream, format!("cannot read {shown}: {why}"));
                outbox.push(&ConductorMessage::FileEnded(failed));
            }
        }
    }

    /// Whether some of a file can be sent now.
    pub(super) fn has_work(&self, outbox: &Outbox) -> bool {
        !self.leaving.is_empty() && outbox.waiting_data() < ROOM
    }

    /// Sends as much as there is room for.
    pub(super) fn work(&mut self, outbox: &mut Outbox) {
        while self.has_work(outbox) {
            self.leaving.retain_mut(|leaving| match leaving.file.piece() {
                Piece::Data(data) => {
                    outbox.push_data(data);
                    true
                }
                Piece::End(end) => {
                    let failed = end.failed.map(|why| format!("cannot read {}: {why}", leaving.name));
                    outbox.push(&ConductorMessage::FileEnded(FileEndedMessage { failed, ..end }));
                    false
                }
            });
        }
    }
}

/// Tells the player that no more of a file is needed.
fn answer(stream: u32, taken: Result<(), String>, outbox: &mut Outbox) {
    outbox.push(&ConductorMessage::FileTaken { stream, error: taken.err() });
}
