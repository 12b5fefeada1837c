//! How long a worker's phase can take at most, by the plan, pure: each step's own limit, and what its start and its stop take.
//!
//! The player keeps these limits itself. A worker that passes them all the same is given up, however alive its connection is.

use std::time::Duration;

use crate::model::{ConductorTime, Phase, PhaseId, Step, WorkerId};
use crate::wait::Wait;

use super::{Coordinator, Stage};

/// What a step may take beyond its limit: its start, the signals of its stop each with its grace, and the last look.
const STEP_MARGIN: Duration = Duration::from_secs(10);
/// What a worker may take beyond its steps, and once its connection is there again.
const MARGIN: Duration = Wait::PhaseStop.time();

impl Coordinator {
    /// How long this worker's phase takes at most. Workers on one Python player run one after another.
    fn longest_phase(&self, worker: WorkerId, phase: Phase) -> Option<Duration> {
        let entry = self.plan.worker(worker);
        let is_before = |id: WorkerId| {
            id == worker
                || (self.workers[worker.0].seed
                    && self.workers[id.0].seed
                    && self.plan.worker(id).player == entry.player)
        };
        let queue = self.plan.workers().filter(|(id, _)| is_before(*id));
        let default = self.plan.settings.step_timeout;
        queue
            .map(|(_, entry)| Step::longest(&entry.steps[phase], default, STEP_MARGIN))
            .try_fold(MARGIN, |sum, limit| Some(sum.saturating_add(limit?)))
    }

    /// From the start of a phase on, each worker has the time that the plan gives it.
    pub(super) fn limit_workers(&mut self, phase: Phase, start: ConductorTime) {
        for worker in self.pending.clone() {
            self.workers[worker.0].due = self.longest_phase(worker, phase).map(|limit| start.plus(limit));
        }
    }

    /// A worker is through, and what its steps printed is on its way: its connection says if that takes too long.
    pub(super) fn delivers(&mut self, worker: WorkerId, phase: PhaseId) {
        if self.is_in(worker, phase) {
            self.workers[worker.0].due = None;
        }
    }

    /// When a worker is given up that is still waited for. One whose connection is broken then has as long as its lease,
    /// and one that is back has some time for what it could not say.
    fn due(&self, id: WorkerId) -> Option<ConductorTime> {
        let worker = &self.workers[id.0];
        if self.stage != Stage::Running || !self.pending.contains(&id) || self.is_departing(id) {
            return None;
        }
        let due = worker.due?.plus(self.held_up);
        let latest = due.plus(self.plan.settings.lease.saturating_add(MARGIN));
        Some(match worker.resumed {
            _ if worker.broken => latest,
            Some(resumed) => due.max(resumed.plus(MARGIN)).min(latest),
            None => due,
        })
    }

    /// When the first worker has used up its time.
    pub(super) fn worker_deadline(&self) -> Option<ConductorTime> {
        self.pending.iter().filter_map(|id| self.due(*id)).min()
    }

    /// Gives up those that have used up their time.
    pub(super) fn give_up_overdue(&mut self) {
        for worker in self.pending.clone() {
            if self.due(worker).is_some_and(|due| due <= self.now) {
                self.give_up(worker, "its steps took longer than the plan allows");
            }
        }
    }

    /// Until when connections that are broken excuse that this stage is not over.
    pub(super) fn latest(&self) -> Option<ConductorTime> {
        let is_broken = |id: &WorkerId| self.workers[id.0].broken && !self.is_departing(*id);
        let limit = self.limit.filter(|_| self.pending.iter().any(is_broken))?;
        let lease = self.plan.settings.lease.saturating_add(MARGIN);
        Some(self.since.plus(limit.saturating_mul(2).saturating_add(lease).saturating_add(self.held_up)))
    }

    /// The conductor did not run for so long: it was stopped, or its machine was suspended. No worker is given up for that.
    /// Every limit comes so much later, and as much again for taking what has come meanwhile: of that, all pauses of a stage
    /// together get no more than [`MARGIN`].
    pub(super) fn was_held_up(&mut self, pause: Duration) {
        let extra = pause.min(MARGIN.saturating_sub(self.extra));
        let later = pause.saturating_add(extra);
        self.extra = self.extra.saturating_add(extra);
        self.held_up = self.held_up.saturating_add(later);
        self.deadline = self.deadline.map(|deadline| deadline.plus(later));
        for departure in self.workers.iter_mut().filter_map(|worker| worker.departure.as_mut()) {
            departure.deadline = departure.deadline.plus(later);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Bound, Mode, Until};

    fn longest(steps: &[Step], default: Option<Duration>) -> Option<Duration> {
        Step::longest(steps, default, STEP_MARGIN)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn steps_one_after_another_add_up_and_those_that_run_together_do_not() {
        let step = |mode, seconds| Step { mode, bound: Some(Bound::For(seconds * SECOND)), ..Step::plain("s", "") };
        let plain = |seconds| step(Mode::Wait, seconds);
        let parallel = |seconds| step(Mode::Parallel, seconds);
        assert_eq!(longest(&[], None), Some(Duration::ZERO));
        assert_eq!(longest(&[plain(1), plain(2)], None), Some(3 * SECOND + 2 * STEP_MARGIN));
        let both = [plain(1), parallel(5), parallel(7), plain(2), parallel(3)];
        assert_eq!(longest(&both, None), Some(13 * SECOND + 4 * STEP_MARGIN));
        assert_eq!(longest(&[step(Mode::Spawn, 100)], None), Some(STEP_MARGIN));
    }

    #[test]
    fn a_step_without_a_limit_of_its_own_has_that_of_all_steps_if_there_is_one() {
        let barrier = Step { action: Action::Barrier("b".to_owned()), ..Step::plain("b", "") };
        assert_eq!(longest(std::slice::from_ref(&barrier), Some(60 * SECOND)), Some(60 * SECOND + STEP_MARGIN));
        assert_eq!(longest(&[barrier], None), None);
        let until = Some(Until { limit: 30 * SECOND, attempt: Some(2 * SECOND) });
        assert_eq!(longest(&[Step { until, ..Step::plain("u", "") }], None), Some(32 * SECOND + STEP_MARGIN));
    }
}
