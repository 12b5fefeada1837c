//! What each step printed, whole, as files of the folder of results: `trial-1/WORKER/run-01-LABEL.stdout`.
//!
//! They grow as the steps print. A stream on which nothing was printed has no file. If the disk is full, what fits
//! is kept, long outputs leave some space for later ones, and each step with incomplete files is named once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};

use super::room::Room;
use crate::conduct::folder_beneath;
use crate::model::{
    Event, Output, Plan, Printer, Reporter, Stamped, StepReference, StepResult, Stream, WorkerId, on_one_line, words,
};

/// How many bytes are copied at once.
const PIECE: u64 = 64 * 1024;

/// Keeps the outputs of steps as files.
pub(super) struct StepFiles {
    /// The run's folder of results.
    run: PathBuf,
    plan: Option<Arc<Plan>>,
    /// How much of each stream is in its file, of those that may still grow.
    written: BTreeMap<(StepReference, Stream), u64>,
    /// How many bytes do not fit into the files of a step, and of how many; such a file grows no more.
    lacking: BTreeMap<(StepReference, Stream), (u64, u64)>,
    /// The steps of which that was said.
    named: BTreeSet<StepReference>,
    /// Why the last of them did not.
    why: Option<String>,
    room: Room,
    warnings: Vec<(Option<WorkerId>, String)>,
}

impl StepFiles {
    /// Keeps them in this run's folder of results, and leaves this room.
    pub(super) fn new(run: PathBuf, room: Room) -> Self {
        let (written, lacking, named, warnings) = Default::default();
        Self { run, plan: None, written, lacking, named, why: None, room, warnings }
    }

    fn file(&self, of: Printer, stream: Stream) -> Vec<String> {
        of.file(self.plan.as_deref(), stream)
    }

    fn append(&mut self, step: StepReference, stream: Stream, output: &Output, last: bool) -> io::Result<()> {
        let offset = self.written.remove(&(step, stream)).unwrap_or(0);
        if let Some((lacks, all)) = self.lacking.get_mut(&(step, stream)) {
            (*lacks, *all) = (*lacks + output.length().saturating_sub(*all), output.length().max(*all));
            return Ok(());
        }
        let file = self.file(Printer::Step(step), stream);
        let (offset, copied) = self.copy(&file, output, offset);
        if let Err(error) = copied {
            self.lacking.insert((step, stream), (output.length() - offset, output.length()));
            // Steps are named one by one when they are over.
            let is_first = self.why.replace(words(&error)).is_none();
            let named = io::Error::other(format!("`{}`: {error}", file[1..].join("/")));
            return if is_first { Err(named) } else { Ok(()) };
        }
        if !last {
            self.written.insert((step, stream), offset);
        }
        Ok(())
    }

    fn result(&mut self, step: StepReference, result: &StepResult) -> io::Result<()> {
        let last = !result.may_print_more();
        let stdout = self.append(step, Stream::Stdout, &result.stdout, last);
        let both = stdout.and(self.append(step, Stream::Stderr, &result.stderr, last));
        if last {
            self.name_what_lacks(step);
        }
        both
    }

    /// Says of a step that is over what of its output is not in its files.
    fn name_what_lacks(&mut self, step: StepReference) {
        let of = [Stream::Stdout, Stream::Stderr].map(|stream| self.lacking.get(&(step, stream)).copied());
        let lacks: u64 = of.iter().flatten().map(|(lacks, _)| lacks).sum();
        if lacks == 0 || !self.named.insert(step) {
            return;
        }
        let file = self.file(Printer::Step(step), Stream::Stdout).join("/");
        let name = file.strip_suffix(".stdout").unwrap_or(&file);
        let why = self.why.as_deref().unwrap_or_default();
        let text = format!("`{}` in the folder of results lacks {lacks} bytes of output: {why}", on_one_line(name));
        self.warnings.push((Some(step.worker), text));
    }

    /// Appends what an output has from `offset` on, or as much as there is room for: how far that is, and why not all.
    fn copy(&self, file: &[String], output: &Output, mut offset: u64) -> (u64, io::Result<()>) {
        let copied = self.copy_rest(file, output, &mut offset);
        (offset, copied)
    }

    fn copy_rest(&self, file: &[String], output: &Output, offset: &mut u64) -> io::Result<()> {
        let Some((name, folders)) = file.split_last().filter(|_| *offset < output.length()) else { return Ok(()) };
        let folder = folder_beneath(&self.run, folders.iter().map(OsStr::new)).map_err(io::Error::other)?;
        // The first bytes make the file: what has its name before is not ours, nor is a link ever.
        let new = if *offset == 0 { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | new;
        // There may be more steps than a process may have files.
        let mut file = File::from(openat(&folder, name.as_str(), flags, Mode::from_raw_mode(0o666))?);
        let mut buffer = vec![0; usize::try_from(PIECE.min(output.length() - *offset)).unwrap_or(0)];
        while *offset < output.length() {
            let count = (buffer.len() as u64).min(output.length() - *offset).min(self.room.for_more(&file, *offset)?);
            let piece = &mut buffer[..usize::try_from(count).unwrap_or(0)];
            output.read_exact_at(*offset, piece)?;
            let mut rest = &*piece;
            while !rest.is_empty() {
                // What is written when the room ends stays.
                let written = file.write(rest)?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                *offset += written as u64;
                rest = &rest[written..];
            }
        }
        Ok(())
    }
}

impl Reporter for StepFiles {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match &stamped.event {
            Event::RunStarted { plan, .. } => self.plan = Some(Arc::clone(plan)),
            Event::OutputReceived { step, stream, output } => self.append(*step, *stream, output, false)?,
            Event::OutputEnded { step, stream, output } => {
                let ended = self.append(*step, *stream, output, true);
                self.name_what_lacks(*step);
                ended?;
            }
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => self.result(*step, result)?,
            Event::CheckEnded { trial, result } => {
                let check = Printer::Check(*trial);
                let (_, stdout) = self.copy(&self.file(check, Stream::Stdout), &result.stdout, 0);
                let (_, stderr) = self.copy(&self.file(check, Stream::Stderr), &result.stderr, 0);
                stdout.and(stderr)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn warnings(&mut self) -> Vec<(Option<WorkerId>, String)> {
        std::mem::take(&mut self.warnings)
    }

    fn goes_on(&self) -> bool {
        true
    }
}
