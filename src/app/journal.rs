//! The journal of a run, `events.jsonl`: it records which trials are done, even after a power cut.
//!
//! The end of a trial is written after everything else of the trial is synced to the disk, and is then synced too. Only
//! the thread that writes the results folder waits for the disk.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::conduct::{Disk, keep_files, keep_trial};
use crate::model::{Event, Reporter, Stamped};

/// The file that contains the plan.
pub(super) const CONFIGURATION: &str = "configuration.json";
/// The file that contains the events. With the plan and the outputs, it is the record from which every report can be
/// made.
pub(super) const EVENTS: &str = "events.jsonl";

/// Writes the events and syncs them to the disk.
pub(super) struct Journal {
    pub(super) events: Box<dyn Reporter>,
    pub(super) disk: Box<dyn Disk>,
    /// Counts syncs. As long as it increases, waits for the results folder continue.
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
