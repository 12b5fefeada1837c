//! A phase that is being run: its position, and whether the rest is skipped.

use std::time::Duration;

use super::work::Work;
use crate::model::{Phase, PhaseId, PlayerTime, StepId};
use crate::wire::{ActionMessage, PlanMessage};

/// A phase that is being run.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: PhaseId,
    /// The position of the next step to start.
    pub(super) position: usize,
    /// When the next process is to start, until a process has started or ended: the time of `go`, or of the release of
    /// a barrier. Parallel steps start at the same time; the steps after them start immediately.
    pub(super) instant: Option<PlayerTime>,
    /// Whether the steps of the phase were stopped. The rest is skipped.
    pub(super) is_stopped: bool,
    /// Why the rest is skipped, if the conductor does not know.
    pub(super) skipped_for: Option<String>,
    /// The time limit of the phase, and when it expires.
    pub(super) limit: Option<(Duration, PlayerTime)>,
    /// The labels of the steps that failed.
    pub(super) failed: Vec<String>,
}

impl Running {
    pub(super) fn new(id: PhaseId, instant: Option<PlayerTime>, limit: Option<(Duration, PlayerTime)>) -> Self {
        Self { id, position: 0, instant, is_stopped: false, skipped_for: None, limit, failed: Vec::new() }
    }

    pub(super) fn is_reset(&self) -> bool {
        self.id.phase == Phase::Reset
    }

    /// Reduces the time limit, if the phase has one. Only a Reset does.
    pub(super) fn shorten(&mut self, most: Duration, now: PlayerTime) {
        let end = now.plus(most);
        self.limit = self.limit.map(|limit| if end < limit.1 { (most, end) } else { limit });
    }

    /// Whether the steps that have not started are skipped.
    pub(super) fn skips(&self) -> bool {
        self.is_stopped || self.skipped_for.is_some()
    }

    /// Skips the rest for this reason, unless it is skipped already.
    pub(super) fn skip(&mut self, why: Option<String>) {
        if !self.skips() {
            self.skipped_for = why;
        }
    }

    /// Records that a step has failed. If it is a `must:` step, the rest of its phase is skipped.
    pub(super) fn step_failed(&mut self, work: &Work) {
        if !work.is_spawned {
            self.failed.push(work.step.label.clone());
        }
        if work.step.must && self.id == work.key.phase_id() {
            self.skip(Some(match &work.step.action {
                Some(ActionMessage::Barrier { name }) => format!("barrier `{name}` failed"),
                _ => format!("`must:` step `{}` failed", work.step.label),
            }));
        }
    }
}

/// Returns the steps that start together at this position: one step, or adjacent parallel steps. Steps without a
/// command are left out.
pub(super) fn together(plan: &PlanMessage, id: PhaseId, position: usize) -> Vec<StepId> {
    let steps = &plan.steps(id.phase).get(position..).unwrap_or_default();
    let together = |index: usize| index == 0 || (steps[0].parallel && steps[index].parallel);
    let started = (0..steps.len()).take_while(|index| steps[*index].action.is_none() && together(*index));
    started.map(|index| id.step(position + index)).collect()
}
