//! A `fetch:` step. Its files are sent one after another, and it ends when the conductor has received all of them.

use std::collections::HashMap;
use std::path::Path;

use super::walk::{Found, Walk};
use crate::model::{StepId, on_one_line};
use crate::wire::{
    FileEndedMessage, FileMessage, FileName, Outbox, OutcomeMessage, OutgoingFile, Piece, PlayerMessage, bounds,
};

/// How many files may be unanswered, so that small files do not wait for each other's answers.
const ON_THEIR_WAY: usize = bounds::FILES.most();

/// A `fetch:` step.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) key: StepId,
    walk: Walk,
    found_all: bool,
    /// The file that is being read.
    current: Option<OutgoingFile>,
    /// The names of the files that the conductor has not answered, by stream.
    unanswered: HashMap<u32, String>,
    /// Why the first file could not be fetched, and how many more could not.
    failed: Option<(String, usize)>,
}

impl Fetch {
    /// Starts to look for files.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if no files can be found.
    pub(super) fn new(key: StepId, pattern: &str, directory: Option<&str>) -> Result<Self, String> {
        let walk = Walk::new(pattern, directory)?;
        Ok(Self { key, walk, found_all: false, current: None, unanswered: HashMap::new(), failed: None })
    }

    /// Whether it could do something now if there were room in the outbox.
    pub(super) fn has_work(&self) -> bool {
        self.current.is_some() || (!self.found_all && self.unanswered.len() < ON_THEIR_WAY)
    }

    /// Does a small part: looks for the next file, or continues to read the current one.
    pub(super) fn step(&mut self, next_stream: &mut u32, outbox: &mut Outbox) {
        let Some(file) = &mut self.current else {
            return match self.walk.step() {
                Found::File(path, name) => self.announce(&path, &name, next_stream, outbox),
                Found::Nothing => {}
                Found::End => {
                    self.found_all = true;
                    self.walk.failure().into_iter().for_each(|why| self.fail(why));
                }
            };
        };
        match file.piece() {
            Piece::Data(data) => outbox.push_data(data),
            Piece::End(end) => {
                outbox.push(&PlayerMessage::FileEnded(end));
                self.current = None;
            }
        }
    }

    fn announce(&mut self, path: &Path, name: &Path, next_stream: &mut u32, outbox: &mut Outbox) {
        let shown = format!("`{}`", on_one_line(&name.to_string_lossy()));
        match OutgoingFile::open(path, *next_stream) {
            Ok(file) => {
                let (stream, mode, name) = (*next_stream, file.mode(), FileName::from(name.as_os_str()));
                outbox.push(&PlayerMessage::File(FileMessage { step: self.key, stream, name, mode }));
                *next_stream += 1;
                self.unanswered.insert(stream, shown);
                self.current = Some(file);
            }
            Err(why) => self.fail(format!("{shown}: {why}")),
        }
    }

    /// Handles that the conductor needs no more of a file. Returns whether the file belongs to this step.
    pub(super) fn taken(&mut self, stream: u32, error: Option<&str>) -> bool {
        let Some(name) = self.unanswered.remove(&stream) else { return false };
        self.current.take_if(|current| current.stream == stream);
        if let Some(error) = error {
            self.fail(format!("{name}: {error}"));
        }
        true
    }

    fn fail(&mut self, why: String) {
        match &mut self.failed {
            Some((_, more)) => *more += 1,
            none => *none = Some((why, 0)),
        }
    }

    /// Whether all files were found and the conductor has answered for each.
    pub(super) fn is_over(&self) -> bool {
        self.found_all && self.unanswered.is_empty()
    }

    /// Returns the outcome of the step.
    pub(super) fn outcome(self) -> OutcomeMessage {
        match self.failed {
            None => OutcomeMessage::Exit { status: 0 },
            Some((why, 0)) => OutcomeMessage::Unfulfilled { why },
            Some((why, more)) => {
                OutcomeMessage::Unfulfilled { why: format!("{why}; {more} more could not be fetched") }
            }
        }
    }

    /// Tells the conductor that the rest of the current file will not be sent.
    pub(super) fn cancel(self, outbox: &mut Outbox) {
        if let Some(current) = self.current {
            let stopped = FileEndedMessage::failed(current.stream, "it was stopped".to_owned());
            outbox.push(&PlayerMessage::FileEnded(stopped));
        }
    }
}
