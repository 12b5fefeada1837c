//! What leaky steps print after they were told of, for a report that is written as things happen.

use std::collections::BTreeMap;

use crate::model::{Event, Output, StepReference, StepResult};

/// What came behind the ends of leaky steps.
#[derive(Debug, Default)]
pub(super) struct Late {
    steps: BTreeMap<StepReference, Both>,
}

/// A step as it was told of, and as it is now.
#[derive(Debug)]
struct Both {
    told: StepResult,
    now: StepResult,
}

impl Both {
    fn rest(&self) -> [Output; 2] {
        [self.now.stdout.since(&self.told.stdout), self.now.stderr.since(&self.told.stderr)]
    }
}

impl Late {
    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } if result.leaky => {
                self.steps.insert(*step, Both { told: result.clone(), now: result.clone() });
            }
            Event::OutputReceived { step, stream, output } | Event::OutputEnded { step, stream, output } => {
                if let Some(both) = self.steps.get_mut(step) {
                    both.now.grow(*stream, output);
                }
            }
            _ => {}
        }
    }

    /// What came since on standard output and standard error, of each step that printed something. It is forgotten.
    pub(super) fn rest(&mut self) -> Vec<(StepReference, [Output; 2])> {
        let steps = std::mem::take(&mut self.steps).into_iter();
        steps
            .map(|(step, both)| (step, both.rest()))
            .filter(|(_, rest)| rest.iter().any(|one| !one.is_empty()))
            .collect()
    }
}
