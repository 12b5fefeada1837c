//! The journal of a run, `events.jsonl`: it tells which trials are done, also after a power cut.
//!
//! The end of a trial is written when the disk has everything else of the trial, and then the disk keeps that line too.
//! Nothing waits for the disk but the thread that writes the folder of results.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::conduct::{Disk, keep_files, keep_trial};
use crate::model::{Event, Reporter, Stamped};

/// The file that has the plan.
pub(super) const CONFIGURATION: &str = "configuration.json";
/// The file that has the events; with the plan and the outputs, it is the record from which every report can be made.
pub(super) const EVENTS: &str = "events.jsonl";

/// Writes the events, and has the disk keep them.
pub(super) struct Journal {
    pub(super) events: Box<dyn Reporter>,
    pub(super) disk: Box<dyn Disk>,
    /// Counts what the disk has: as long as that goes on, whoever waits for the folder waits on.
    pub(super) progress: Arc<AtomicU64>,
}

impl Reporter for Journal {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        if let Event::TrialEnded { trial, .. } = stamped.event {
            keep_trial(&*self.disk, trial, &|| {
                self.progress.fetch_add(1, Ordering::Relaxed);
            })?;
        }
        self.events.report(stamped)?;
        match stamped.event {
            Event::RunStarted { .. } => keep_files(&*self.disk, &[CONFIGURATION, EVENTS]),
            Event::RunResumed { .. } | Event::TrialEnded { .. } | Event::RunEnded { .. } => {
                self.disk.sync_file(&[EVENTS.into()])
            }
            _ => Ok(()),
        }
    }
}
