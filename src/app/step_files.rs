//! What each step printed, whole, as files of the folder of results: `trial-1/WORKER/run-01-LABEL.stdout`.
//!
//! They grow as the steps print. A stream on which nothing was printed has no file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Event, Outcome, Output, Plan, Reporter, Stamped, StepReference, StepResult, Stream};

/// How many bytes are copied at once.
const PIECE: u64 = 64 * 1024;

/// So many characters of a label stand in the name of a file.
const LABEL: usize = 60;

/// Keeps the outputs of steps as files.
pub(super) struct StepFiles {
    folder: PathBuf,
    plan: Option<Arc<Plan>>,
    /// How much of each stream is in its file, of the steps that are not over.
    written: BTreeMap<(StepReference, Stream), u64>,
}

impl StepFiles {
    /// Keeps them in this folder, which need not be there.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, plan: None, written: BTreeMap::new() }
    }

    fn path(&self, step: StepReference, stream: Stream) -> PathBuf {
        let worker = self.plan.as_ref().and_then(|plan| plan.workers.get(step.worker.0));
        let planned = worker.and_then(|worker| worker.steps[step.phase].get(step.position));
        let name = worker.map_or("worker", |worker| worker.name.as_str());
        let label = planned.map_or(String::new(), |step| file_name(step.label.as_str()));
        let file = format!("{}-{:02}-{label}.{}", step.phase, step.position + 1, stream.word());
        self.folder.join(format!("trial-{}", step.trial)).join(name).join(file)
    }

    fn append(&mut self, step: StepReference, stream: Stream, output: &Output, last: bool) -> io::Result<()> {
        let offset = self.written.remove(&(step, stream)).unwrap_or(0);
        let offset = copy(&self.path(step, stream), output, offset)?;
        if !last {
            self.written.insert((step, stream), offset);
        }
        Ok(())
    }

    fn result(&mut self, step: StepReference, result: &StepResult, last: bool) -> io::Result<()> {
        self.append(step, Stream::Stdout, &result.stdout, last)?;
        self.append(step, Stream::Stderr, &result.stderr, last)
    }
}

impl Reporter for StepFiles {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match &stamped.event {
            Event::RunStarted { plan, .. } => self.plan = Some(Arc::clone(plan)),
            Event::OutputReceived { step, stream, output } => self.append(*step, *stream, output, false)?,
            Event::StepEnded { step, result } => {
                self.result(*step, result, result.outcome != Outcome::Spawned)?;
            }
            Event::SpawnedEnded { step, result } => self.result(*step, result, true)?,
            Event::CheckEnded { trial, result } => {
                let folder = self.folder.join(format!("trial-{trial}"));
                copy(&folder.join("check.stdout"), &result.stdout, 0)?;
                copy(&folder.join("check.stderr"), &result.stderr, 0)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Appends what an output has from `offset` on; how far that is.
fn copy(path: &Path, output: &Output, mut offset: u64) -> io::Result<u64> {
    if offset >= output.length() {
        return Ok(offset);
    }
    if let (0, Some(folder)) = (offset, path.parent()) {
        fs::create_dir_all(folder)?;
    }
    // There may be more steps than a process may have files.
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let mut buffer = vec![0; usize::try_from(PIECE.min(output.length() - offset)).unwrap_or(0)];
    while offset < output.length() {
        let count = buffer.len().min(usize::try_from(output.length() - offset).unwrap_or(usize::MAX));
        output.read_exact_at(offset, &mut buffer[..count])?;
        file.write_all(&buffer[..count])?;
        offset += count as u64;
    }
    Ok(offset)
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
