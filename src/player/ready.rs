//! Processes that are made before the word to start them has come: then it takes little to obey, on however many workers
//! of a machine at once. Each waits, in a group of its own, and has not begun to be the step's program.

use super::session::StepKey;
use crate::sys::{Spawned, When};

/// The processes that wait.
#[derive(Debug, Default)]
pub(super) struct Ready {
    waiting: Vec<(StepKey, Spawned)>,
}

impl Ready {
    /// One more, that was made to wait.
    pub(super) fn add(&mut self, key: StepKey, process: Spawned) {
        self.waiting.push((key, process));
    }

    /// Whether the process of this step waits.
    pub(super) fn has(&self, key: StepKey) -> bool {
        self.waiting.iter().any(|(of, _)| *of == key)
    }

    /// Starts the process of this step, if it waits. One that somebody else has ended meanwhile is as good as none.
    pub(super) fn start(&mut self, key: StepKey, when: When) -> Option<Spawned> {
        let index = self.waiting.iter().position(|(of, _)| *of == key)?;
        let (_, mut process) = self.waiting.swap_remove(index);
        if !process.report.is_on_its_way() {
            return None;
        }
        process.report.start(when);
        Some(process)
    }

    /// Ends those that are not wanted; their steps and numbers.
    pub(super) fn keep(&mut self, wanted: &[StepKey]) -> Vec<(StepKey, u32)> {
        let unwanted = self.waiting.extract_if(.., |(key, _)| !wanted.contains(key));
        let ended = unwanted.map(|(key, mut process)| {
            process.report.cancel(process.pid);
            (key, process.pid)
        });
        ended.collect()
    }
}
