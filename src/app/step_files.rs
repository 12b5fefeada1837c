//! What each step printed, whole, as files of the folder of results: `trial-1/WORKER/run-01-LABEL.stdout`.
//!
//! They grow as the steps print. A stream on which nothing was printed has no file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};

use crate::conduct::folder_beneath;
use crate::model::{Event, Output, Plan, Printer, Reporter, Stamped, StepReference, StepResult, Stream};

/// How many bytes are copied at once.
const PIECE: u64 = 64 * 1024;

/// Keeps the outputs of steps as files.
pub(super) struct StepFiles {
    /// The run's folder of results.
    run: PathBuf,
    plan: Option<Arc<Plan>>,
    /// How much of each stream is in its file, of those that may still grow.
    written: BTreeMap<(StepReference, Stream), u64>,
    /// The files that could not be written; they are left as they are.
    given_up: BTreeSet<(StepReference, Stream)>,
}

impl StepFiles {
    /// Keeps them in this run's folder of results.
    pub(super) fn new(run: PathBuf) -> Self {
        Self { run, plan: None, written: BTreeMap::new(), given_up: BTreeSet::new() }
    }

    fn append(&mut self, step: StepReference, stream: Stream, output: &Output, last: bool) -> io::Result<()> {
        let offset = self.written.remove(&(step, stream)).unwrap_or(0);
        if self.given_up.contains(&(step, stream)) {
            return Ok(());
        }
        let offset = match self.copy(Printer::Step(step), stream, output, offset) {
            Ok(offset) => offset,
            Err(error) => {
                // Of a step it is said once.
                let is_first = [Stream::Stdout, Stream::Stderr].iter().all(|of| !self.given_up.contains(&(step, *of)));
                self.given_up.insert((step, stream));
                return if is_first { Err(error) } else { Ok(()) };
            }
        };
        if !last {
            self.written.insert((step, stream), offset);
        }
        Ok(())
    }

    fn result(&mut self, step: StepReference, result: &StepResult) -> io::Result<()> {
        let last = !result.may_print_more();
        let stdout = self.append(step, Stream::Stdout, &result.stdout, last);
        stdout.and(self.append(step, Stream::Stderr, &result.stderr, last))
    }

    /// Appends what an output has from `offset` on; how far that is. The error names the file.
    fn copy(&self, of: Printer, stream: Stream, output: &Output, offset: u64) -> io::Result<u64> {
        let file = of.file(self.plan.as_deref(), stream);
        let named = |error| io::Error::other(format!("`{}`: {error}", file[1..].join("/")));
        self.copy_rest(&file, output, offset).map_err(named)
    }

    fn copy_rest(&self, file: &[String], output: &Output, mut offset: u64) -> io::Result<u64> {
        if offset >= output.length() {
            return Ok(offset);
        }
        let (name, folders) = file.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let folder = folder_beneath(&self.run, folders.iter().map(OsStr::new)).map_err(io::Error::other)?;
        // The first bytes make the file: what has its name before is not ours, nor is a link ever.
        let new = if offset == 0 { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | new;
        // There may be more steps than a process may have files.
        let mut file = File::from(openat(&folder, name.as_str(), flags, Mode::from_raw_mode(0o666))?);
        let mut buffer = vec![0; usize::try_from(PIECE.min(output.length() - offset)).unwrap_or(0)];
        while offset < output.length() {
            let count = buffer.len().min(usize::try_from(output.length() - offset).unwrap_or(usize::MAX));
            output.read_exact_at(offset, &mut buffer[..count])?;
            file.write_all(&buffer[..count])?;
            offset += count as u64;
        }
        Ok(offset)
    }
}

impl Reporter for StepFiles {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match &stamped.event {
            Event::RunStarted { plan, .. } => self.plan = Some(Arc::clone(plan)),
            Event::OutputReceived { step, stream, output } => self.append(*step, *stream, output, false)?,
            Event::OutputEnded { step, stream, output } => self.append(*step, *stream, output, true)?,
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => self.result(*step, result)?,
            Event::CheckEnded { trial, result } => {
                let check = Printer::Check(*trial);
                let stdout = self.copy(check, Stream::Stdout, &result.stdout, 0);
                stdout.and(self.copy(check, Stream::Stderr, &result.stderr, 0))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        true
    }
}
