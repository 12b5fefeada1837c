//! The record of a run that all reports share, although each has its own thread and may lag behind.

use std::sync::{Arc, Mutex};

use super::Run;
use crate::model::{Event, Stamped, lock};

/// The record of a run. Reports can share it if they receive the same events in the same order: the first report that
/// receives an event records it.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    run: Arc<Run>,
    /// The number of recorded events.
    taken: u64,
    /// Whether the end of the run is recorded.
    is_over: bool,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Record").finish_non_exhaustive()
    }
}

/// The position of one report in the record.
pub(super) struct Share {
    record: Record,
    /// How many events the report has received.
    told: u64,
}

impl Share {
    pub(super) fn new(record: Record) -> Self {
        Self { record, told: 0 }
    }

    /// Records an event that this report receives, unless another report has already received it.
    pub(super) fn take(&mut self, Stamped { at, event }: &Stamped) {
        let is_end = matches!(event, Event::RunEnded { .. });
        // A report that lags behind does not receive all output of running steps. The results folder receives the end
        // of the run before the errors of other outputs are known.
        let is_for_all = !is_end && !matches!(event, Event::OutputReceived { .. });
        let mut state = lock(&self.record.0);
        if state.taken == self.told && !(is_end && state.is_over) {
            // The run is copied if a report is being made from it at the same time.
            Arc::make_mut(&mut state.run).take(*at, event);
            state.taken += u64::from(is_for_all);
            state.is_over |= is_end;
        }
        self.told += u64::from(is_for_all);
    }

    /// Returns the record so far. At the end of the run, it is complete.
    pub(super) fn run(&self) -> Arc<Run> {
        Arc::clone(&lock(&self.record.0).run)
    }
}
