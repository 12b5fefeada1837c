//! The record of a run that all reports share, each on its own thread and however far it is behind.

use std::sync::{Arc, Mutex, PoisonError};

use super::Run;
use crate::model::{Event, Stamped};

/// The record of a run, which reports can share that are told the same events in the same order: the first of them that is
/// told an event records it.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    run: Arc<Run>,
    /// How many events are recorded.
    taken: u64,
    /// Whether the end of the run is.
    is_over: bool,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Record").finish_non_exhaustive()
    }
}

/// One report's place in the record.
pub(super) struct Share {
    record: Record,
    /// How many events the report was told.
    told: u64,
}

impl Share {
    pub(super) fn new(record: Record) -> Self {
        Self { record, told: 0 }
    }

    /// Records an event that this report is told, unless another report was told it before.
    pub(super) fn take(&mut self, Stamped { at, event }: &Stamped) {
        let is_end = matches!(event, Event::RunEnded { .. });
        // A report that is behind is not told of all output of steps that still run. The results folder is told of the end
        // before what else could not be written.
        let is_for_all = !is_end && !matches!(event, Event::OutputReceived { .. });
        // Another report that panicked wrote nothing into the record: only the recording itself changes it.
        let mut state = self.record.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.taken == self.told && !(is_end && state.is_over) {
            // It is copied if a report is made of it at this moment.
            Arc::make_mut(&mut state.run).take(*at, event);
            state.taken += u64::from(is_for_all);
            state.is_over |= is_end;
        }
        self.told += u64::from(is_for_all);
    }

    /// All that is recorded: at the end of the run, all that happened.
    pub(super) fn run(&self) -> Arc<Run> {
        Arc::clone(&self.record.0.lock().unwrap_or_else(PoisonError::into_inner).run)
    }
}
