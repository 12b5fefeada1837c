//! A phase that is being run: how far it is, and whether the rest is skipped.

use std::time::Duration;

use super::work::Work;
use crate::model::{Phase, PhaseId, PlayerTime, StepId};
use crate::wire::{ActionMessage, PlanMessage};

/// A phase that is being run.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: PhaseId,
    /// The next step to begin.
    pub(super) position: usize,
    /// When the next process is to start, until a process has started or ended: the instant of `go`, or of a barrier's
    /// release. Parallel steps start at the same instant; what follows them starts at once.
    pub(super) instant: Option<PlayerTime>,
    /// Whether its steps were stopped; the rest is skipped.
    pub(super) is_stopped: bool,
    /// Why the rest is skipped, if the conductor does not know.
    pub(super) skipped_for: Option<String>,
    /// How long the phase may take, and when that time has passed.
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

    /// Reduces its limit, if it has one: only a Reset has.
    pub(super) fn shorten(&mut self, most: Duration, now: PlayerTime) {
        let end = now.plus(most);
        self.limit = self.limit.map(|limit| if end < limit.1 { (most, end) } else { limit });
    }

    /// Whether the steps that have not begun are skipped.
    pub(super) fn skips(&self) -> bool {
        self.is_stopped || self.skipped_for.is_some()
    }

    /// Skips the rest for this reason, unless it is skipped already.
    pub(super) fn skip(&mut self, why: Option<String>) {
        if !self.skips() {
            self.skipped_for = why;
        }
    }

    /// A step has failed. If it is a `must:` step, the rest of its phase is skipped.
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

/// The steps from this position on that start at the same instant: one, or adjacent parallel steps; only those with a
/// command.
pub(super) fn together(plan: &PlanMessage, id: PhaseId, position: usize) -> Vec<StepId> {
    let steps = &plan.steps(id.phase).get(position..).unwrap_or_default();
    let together = |index: usize| index == 0 || (steps[0].parallel && steps[index].parallel);
    let started = (0..steps.len()).take_while(|index| steps[*index].action.is_none() && together(*index));
    started.map(|index| id.step(position + index)).collect()
}
