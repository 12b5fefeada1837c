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
use crate::model::{Event, Output, Plan, Reporter, Stamped, StepReference, StepResult, Stream};

/// How many bytes are copied at once.
const PIECE: u64 = 64 * 1024;

/// So many characters of a label stand in the name of a file.
const LABEL: usize = 60;

/// The folder of them, in the run's.
const FOLDER: &str = "outputs";

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

    /// The folders, and the name in the last of them.
    fn place(&self, step: StepReference, stream: Stream) -> ([String; 2], String) {
        let worker = self.plan.as_ref().and_then(|plan| plan.workers.get(step.worker.0));
        let planned = worker.and_then(|worker| worker.steps[step.phase].get(step.position));
        let name = worker.map_or("worker", |worker| worker.name.as_str());
        let label = planned.map_or(String::new(), |step| file_name(step.label.as_str()));
        let file = format!("{}-{:02}-{label}.{}", step.phase, step.position + 1, stream.word());
        ([format!("trial-{}", step.trial), name.to_owned()], file)
    }

    fn append(&mut self, step: StepReference, stream: Stream, output: &Output, last: bool) -> io::Result<()> {
        let offset = self.written.remove(&(step, stream)).unwrap_or(0);
        if self.given_up.contains(&(step, stream)) {
            return Ok(());
        }
        let (folders, name) = self.place(step, stream);
        let offset = match self.copy(&folders, &name, output, offset) {
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
    fn copy(&self, folders: &[String], name: &str, output: &Output, offset: u64) -> io::Result<u64> {
        let named = |error| io::Error::other(format!("`{}/{name}`: {error}", folders.join("/")));
        self.copy_rest(folders, name, output, offset).map_err(named)
    }

    fn copy_rest(&self, folders: &[String], name: &str, output: &Output, mut offset: u64) -> io::Result<u64> {
        if offset >= output.length() {
            return Ok(offset);
        }
        let folders = [FOLDER].into_iter().chain(folders.iter().map(String::as_str)).map(OsStr::new);
        let folder = folder_beneath(&self.run, folders).map_err(io::Error::other)?;
        // The first bytes make the file: what has its name before is not ours, nor is a link ever.
        let new = if offset == 0 { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | new;
        // There may be more steps than a process may have files.
        let mut file = File::from(openat(&folder, name, flags, Mode::from_raw_mode(0o666))?);
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
                let folder = [format!("trial-{trial}")];
                let stdout = self.copy(&folder, "check.stdout", &result.stdout, 0);
                stdout.and(self.copy(&folder, "check.stderr", &result.stderr, 0))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        true
    }
}

/// A label as a part of a file's name.
fn file_name(label: &str) -> String {
    let sign = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    label.chars().map(sign).take(LABEL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_leads_nowhere_else() {
        assert_eq!(file_name("../../etc/passwd and\nmore"), ".._.._etc_passwd_and_more");
        assert_eq!(file_name(&"x".repeat(300)).len(), LABEL);
    }
}
