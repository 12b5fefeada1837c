//! Decides whether the medians of a series are precise enough when its planned trials have ended, or adds a round.

use crate::model::{Event, Plan, PrecisionJudgement};
use crate::values::Collector;

/// The values so far, on which alone the judgement depends.
#[derive(Debug, Default)]
pub(super) struct Precision {
    values: Collector,
    /// Whether the start of the run was processed before the run was resumed.
    has_begun: bool,
}

impl Precision {
    /// Continues with the values from before the run was resumed.
    pub(super) fn resuming(values: Collector) -> Self {
        Self { values, has_begun: true }
    }

    /// Processes an event of the run.
    pub(super) fn take(&mut self, event: &Event) {
        if !(self.has_begun && matches!(event, Event::RunStarted { .. })) {
            self.values.take(event);
        }
    }

    /// Judges the precision after this many trials: one round is added, if that is necessary and possible.
    pub(super) fn judge(&self, plan: &Plan, trials: u32) -> PrecisionJudgement {
        let mut found = self.values.values().imprecise(&plan.metrics);
        let possible = plan.most_trials().saturating_sub(trials);
        let round = u32::try_from(plan.points.len()).unwrap_or(u32::MAX);
        let added = if found.is_empty() { 0 } else { possible.min(round) };
        let imprecise = found.len();
        let worst = (imprecise > 0).then(|| found.swap_remove(0));
        PrecisionJudgement { trials: trials + added, added, left: possible - added, imprecise, worst }
    }
}
