//! How long workers are waited for: in each stage, in a phase according to the plan, while their connections are
//! broken, and when the conductor itself did not run. Pure.
//!
//! A player enforces the limits of its steps itself. A worker that exceeds them anyway is given up, even if its
//! connection works.

use std::collections::HashMap;
use std::time::Duration;

use crate::conduct::event::End;
use crate::model::{ConductorTime, Event, Phase, PhaseId, PlayerAddress, Step, WorkerId};
use crate::wait::Wait;

use super::worker::Standing;
use super::{Coordinator, Stage};

/// This many breaks of a connection in a phase are reported one by one; of the later ones, each that doubles their
/// number.
const TOLD: usize = 10;
/// How much longer than its limit a step may take: for its start, for each signal of its stop with its grace period,
/// and for the last check.
const STEP_MARGIN: Duration = Duration::from_secs(10);
/// How much longer than its steps a worker may take, also after its connection was restored.
const MARGIN: Duration = Wait::PhaseStop.time();

impl Coordinator {
    /// Records that a worker may need this much longer to connect. All workers that are connecting get that time, since
    /// others may have to wait until it has connected.
    pub(super) fn reaches(&mut self, worker: WorkerId, within: Duration) {
        if self.stage == Stage::Connecting && self.pending.contains(&worker) {
            let end = self.now.plus(within + Wait::Connection.time());
            for worker in self.workers.iter_mut().filter(|worker| !worker.is_departing()) {
                worker.due = worker.due.max(Some(end));
            }
        }
    }

    /// Records that the connection is broken. Until it is restored, or the worker is lost, no phase begins without the
    /// worker, and it is not blamed for being late.
    pub(super) fn broken(&mut self, worker: WorkerId, reason: String) {
        let entry = &mut self.workers[worker.0];
        if std::mem::replace(&mut entry.broken, true) {
            return;
        }
        entry.breaks += 1;
        let breaks = entry.breaks;
        let is_told = breaks <= TOLD || breaks.is_power_of_two();
        entry.break_is_told = is_told;
        if self.stage == Stage::Arming && self.is_in(worker, self.phase_id()) {
            self.pending.insert(worker);
        }
        if is_told {
            let often = if breaks > TOLD { format!(" ({breaks} times in this phase)") } else { String::new() };
            self.report(Event::WorkerBroken { worker, reason: reason + &often });
        }
    }

    /// Records that the connection is restored; what was missed is on its way.
    pub(super) fn resumed(&mut self, worker: WorkerId, silent: Duration) {
        let now = self.now;
        let entry = &mut self.workers[worker.0];
        if !std::mem::replace(&mut entry.broken, false) {
            return;
        }
        entry.resumed = Some(now);
        if self.stage == Stage::Arming && entry.part.received {
            self.pending.remove(&worker);
        }
        if entry.break_is_told {
            self.report(Event::WorkerResumed { worker, silent });
        }
    }

    /// The workers of each Python player, which runs them one after another.
    fn queues(&self) -> HashMap<&PlayerAddress, Vec<WorkerId>> {
        let mut queues: HashMap<_, Vec<_>> = HashMap::new();
        for (id, worker) in self.plan.workers().filter(|(id, _)| self.workers[id.0].seed) {
            queues.entry(&worker.player).or_default().push(id);
        }
        queues
    }

    /// The largest number of workers that run one after another.
    pub(super) fn longest_queue(&self) -> u32 {
        let longest = self.queues().values().map(Vec::len).max();
        longest.and_then(|longest| u32::try_from(longest).ok()).unwrap_or(1)
    }

    /// Gives each worker the time that the plan allows, from the start of a phase.
    pub(super) fn limit_workers(&mut self, phase: Phase, start: ConductorTime) {
        let default = self.plan.settings.step_timeout;
        let longest =
            |id: &WorkerId| Step::longest(&self.plan.worker_in(self.trial, *id).steps[phase], default, STEP_MARGIN);
        let all = |ids: &[WorkerId]| ids.iter().try_fold(MARGIN, |sum, id| Some(sum.saturating_add(longest(id)?)));
        let queues: HashMap<_, _> = self.queues().into_iter().map(|(player, ids)| (player, all(&ids))).collect();
        let limits = self.pending.iter().map(|id| {
            let queue = queues.get(&self.plan.worker(*id).player).filter(|_| self.workers[id.0].seed);
            (*id, queue.copied().unwrap_or_else(|| all(&[*id])))
        });
        for (worker, limit) in limits.collect::<Vec<_>>() {
            self.workers[worker.0].due = limit.map(|limit| start.plus(limit));
        }
    }

    /// Records that a worker has ended the phase and its output is on its way. Its connection reports if that takes too
    /// long. A worker that leaves keeps its limit.
    pub(super) fn delivers(&mut self, worker: WorkerId, phase: PhaseId) {
        let by_plan = self.stage == Stage::Running && self.stopping.is_none() && phase.phase != Phase::Reset;
        if by_plan && self.is_in(worker, phase) && !self.workers[worker.0].is_departing() {
            self.workers[worker.0].due = None;
        }
    }

    /// Returns when a worker is given up. If its connection is broken at its limit, it has as long as its lease. If the
    /// connection was restored, it has some time for what it could not send, and if its limit has passed, as much as
    /// the stage allows. A worker that leaves has its own limit.
    fn due(&self, id: WorkerId) -> Option<ConductorTime> {
        let worker = &self.workers[id.0];
        let due = worker.due?;
        if worker.is_departing() || self.stage == Stage::Leaving {
            return Some(due);
        }
        let latest = due.plus(self.allowance.saturating_add(self.plan.settings.lease).saturating_add(MARGIN));
        Some(match worker.resumed {
            _ if worker.broken => latest,
            Some(resumed) if resumed < due => due.max(resumed.plus(MARGIN)),
            Some(resumed) => resumed.plus(self.allowance.max(MARGIN)).min(latest),
            None => due,
        })
    }

    /// The workers that the stage waits for and those that are leaving, each with its deadline.
    fn awaited(&self) -> impl Iterator<Item = (WorkerId, ConductorTime)> {
        let ids = self.plan.workers().map(|(id, _)| id);
        let leave = ids.filter(|id| self.workers[id.0].is_departing() && !self.pending.contains(id));
        self.pending.iter().copied().chain(leave).filter_map(|id| Some((id, self.due(id)?)))
    }

    /// When to send [`super::Input::Tick`]: the earliest time at which a worker or the measurement is given up.
    pub(in crate::conduct) fn next_deadline(&self) -> Option<ConductorTime> {
        self.awaited().map(|(_, due)| due).chain(self.measured_by).min()
    }

    /// Gives up the workers whose time has passed.
    pub(super) fn give_up_overdue(&mut self) {
        let mut overdue: Vec<_> = self.awaited().filter(|(_, due)| *due <= self.now).map(|(id, _)| id).collect();
        overdue.sort_unstable();
        for worker in overdue {
            self.give_up(worker, self.too_late(worker));
        }
        self.give_up_measuring();
    }

    /// The end of a worker that exceeded its limit.
    fn too_late(&self, worker: WorkerId) -> End {
        let why = match (&self.workers[worker.0].standing, self.stage) {
            (Standing::Departing(reason), _) => return End::lost(format!("{reason}; it did not finish in time")),
            (_, Stage::Connecting) => return End::unreachable("its player did not answer"),
            (_, Stage::Planning) => "its player did not answer the plan",
            (_, Stage::Arming) => "its player did not get ready for the phase",
            (_, Stage::Running) if self.stopping.is_some() => "its player did not stop the phase in time",
            (_, Stage::Running) if self.phase() == Phase::Reset => "its reset took longer than `reset_timeout`",
            (_, Stage::Running) => "its steps took longer than the plan allows",
            (_, Stage::EndingTrial) => "its player did not stop the spawned steps in time",
            (_, Stage::Checking | Stage::Measuring | Stage::Leaving | Stage::Over) => return End::closed(),
        };
        End::lost(why)
    }

    /// Extends the limits: the conductor did not run for this long, because it was stopped or its machine was
    /// suspended. No worker is given up for that. Every limit moves by this time, and by as much again for processing
    /// what arrived meanwhile. This extra time is at most [`MARGIN`] for all pauses of a stage together.
    pub(super) fn was_held_up(&mut self, pause: Duration) {
        let extra = pause.min(MARGIN.saturating_sub(self.extra));
        let later = pause.saturating_add(extra);
        self.extra = self.extra.saturating_add(extra);
        for due in self.workers.iter_mut().filter_map(|worker| worker.due.as_mut()) {
            *due = due.plus(later);
        }
        self.measured_by = self.measured_by.map(|due| due.plus(later));
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
