//! Workers whose players leave by themselves, because a signal stopped them or their conductor was silent for too long.
//!
//! Such a worker ends its phase and takes part in no other one. It runs its Reset by itself, whatever phase the others
//! are in, and its messages about that are processed like those about a phase. Then its connection ends. The
//! coordinator waits for that until the worker's own limit, and at the latest before the end of the trial.

use crate::conduct::event::End;
use crate::model::{Absence, Event, Outcome, Phase, PhaseId, WorkerId};
use crate::wait::Wait;

use super::worker::{Part, Standing, Worker};
use super::{Coordinator, Stage};

impl Coordinator {
    /// Records that a worker's player leaves, and why.
    pub(super) fn departs(&mut self, worker: WorkerId, reason: String) {
        self.report(Event::Warning { worker: Some(worker), text: reason.clone() });
        if !matches!(self.workers[worker.0].standing, Standing::Connected | Standing::Live) {
            return;
        }
        let limit =
            Wait::PhaseStop.time() + self.plan.settings.reset_timeout + Wait::ResetEnd.time() + Wait::TrialEnd.time();
        let entry = &mut self.workers[worker.0];
        entry.due = Some(self.now.plus(limit));
        entry.standing = Standing::Departing(reason.clone());
        match self.stage {
            Stage::Connecting | Stage::Planning | Stage::EndingTrial => {
                self.pending.insert(worker);
            }
            Stage::Arming => self.leaves_before_go(worker),
            Stage::Running if self.phase() != Phase::Reset => self.leaves_barriers(worker),
            // Nothing more of the trial is expected from it.
            Stage::Checking | Stage::Measuring => self.give_up(worker, End::lost(reason)),
            Stage::Running | Stage::Leaving | Stage::Over => {}
        }
    }

    /// A player that leaves does not start an armed phase, except that it starts a Reset that is due by itself.
    fn leaves_before_go(&mut self, worker: WorkerId) {
        let phase = self.phase_id();
        self.pending.remove(&worker);
        self.leaves_barriers(worker);
        if phase.phase == Phase::Reset {
            let entry = &mut self.workers[worker.0];
            (entry.part.is_own, entry.first) = (true, None);
        } else {
            self.worker_phase_ended(worker, phase);
        }
    }

    fn leaves_barriers(&mut self, worker: WorkerId) {
        if let Some(why) = self.workers[worker.0].leaves() {
            self.barriers.gone(worker, &Absence::Leaves(why.to_owned()), self.now);
            self.decide_barriers();
        }
    }

    /// Whether a worker leaves and has not ended its Reset of the trial. That Reset is waited for as long as the Reset
    /// of workers that do not leave.
    pub(super) fn is_resetting(&self, worker: &Worker) -> bool {
        let reset = PhaseId { trial: self.trial, phase: Phase::Reset };
        worker.is_departing() && (worker.part.of != Some(reset) || worker.part.is_open)
    }

    /// Handles a worker's message about a phase. If the phase is a Reset that the worker runs by itself, the worker is
    /// in it from now on, and has ended the phase in which it was before.
    pub(super) fn notice_own_reset(&mut self, worker: WorkerId, phase: PhaseId) {
        let entry = &self.workers[worker.0];
        let is_reset = phase == PhaseId { trial: self.trial, phase: Phase::Reset } && self.plan.has(Phase::Reset);
        if !is_reset || !entry.is_departing() || entry.part.of == Some(phase) {
            return;
        }
        if let Some(before) = entry.part.of {
            self.worker_phase_ended(worker, before);
        }
        let steps = self.plan.worker_in(self.trial, worker).steps[Phase::Reset].len();
        self.workers[worker.0].part = Part { is_own: true, ..Part::new(phase, steps) };
    }

    /// The outcome of a step about which nothing was reported when its worker finished its phase. A worker that was
    /// told to stop, or that leaves, need not report steps that it never started.
    pub(super) fn unheard(&self, worker: WorkerId) -> Outcome {
        if self.stopping.is_some() || self.workers[worker.0].is_departing() {
            Outcome::Skipped(self.why_stopped())
        } else {
            Outcome::Lost
        }
    }
}
