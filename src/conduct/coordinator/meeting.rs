//! Workers at barriers: which ones arrive, are released, or wait in vain.

use std::time::Duration;

use crate::conduct::event::Command;
use crate::model::{Absence, Event, Outcome, PhaseId, StepId, StepReference, WorkerId};

use super::barriers::Barriers;
use super::worker::{Progress, Standing};
use super::{Coordinator, Stage};

impl Coordinator {
    /// Prepares the barriers of the phase that begins. They do not wait for workers that were left out, and fail
    /// because of lost ones.
    pub(super) fn prepare_barriers(&mut self) {
        let workers = &self.workers;
        self.barriers = Barriers::of(&self.plan, self.phase_id(), |id| workers[id.0].standing != Standing::Gone);
        self.barrier_round_trip = Duration::ZERO;
        for (id, _) in self.plan.workers() {
            let worker = &self.workers[id.0];
            let lost = (worker.standing == Standing::Lost).then_some(Absence::Lost(None));
            if let Some(why) = lost.or_else(|| worker.leaves().map(|why| Absence::Leaves(why.to_owned()))) {
                self.barriers.gone(id, &why, self.now);
            }
        }
    }

    pub(super) fn barrier_reached(&mut self, worker: WorkerId, step: StepId, round_trip: Duration) {
        if !self.meets(worker, step) {
            return;
        }
        self.barrier_round_trip = self.barrier_round_trip.max(round_trip);
        self.workers[worker.0].part.advance(step.position, Progress::Started);
        match self.barriers.reached(worker, step.position, self.now) {
            Some(why) => self.command(worker, Command::FailBarrier(step, why.text(Some(&self.plan)))),
            None => self.decide_barriers(),
        }
    }

    /// Handles a worker that no longer wants to wait. A release that was already sent wins.
    pub(super) fn withdraw(&mut self, worker: WorkerId, step: StepId) {
        if !self.meets(worker, step) {
            return;
        }
        let absence = self.stopped_waiting(worker, step.position);
        if self.barriers.left(worker, step.position, &absence, self.now) {
            let why = "the time limit of the barrier has passed".to_owned();
            self.command(worker, Command::FailBarrier(step, why));
            self.decide_barriers();
        }
    }

    fn meets(&self, worker: WorkerId, step: StepId) -> bool {
        let runs = self.stage == Stage::Running && self.stopping.is_none();
        runs && self.is_in(worker, step.phase_id())
    }

    /// Returns the absence of a worker that no longer waits at the barrier at this position, with the steps for which
    /// it has waited.
    fn stopped_waiting(&self, worker: WorkerId, position: usize) -> Absence {
        let PhaseId { trial, phase } = self.phase_id();
        let step = |worker: WorkerId| {
            let position = self.workers[worker.0].part.at()?;
            Some(StepReference { trial, phase, worker, position })
        };
        Absence::StoppedWaiting(self.barriers.awaited(worker, position).into_iter().filter_map(step).collect())
    }

    /// Handles the end of a step. If the step was a barrier that is still open, the worker is no longer there.
    pub(super) fn not_at_barrier(&mut self, worker: WorkerId, position: usize, outcome: &Outcome) {
        let why = match outcome {
            Outcome::Passed => return,
            Outcome::Skipped(_) => Absence::Skipped,
            Outcome::TimedOut(_) => self.stopped_waiting(worker, position),
            _ => Absence::DidNotWait,
        };
        if self.barriers.left(worker, position, &why, self.now) {
            self.decide_barriers();
        }
    }

    /// Records that a worker arrives at no more barriers: it is lost, or has finished its phase.
    pub(super) fn comes_no_more(&mut self, worker: WorkerId, is_lost: bool) {
        let PhaseId { trial, phase } = self.phase_id();
        let part = &self.workers[worker.0].part;
        let at = part.at().filter(|_| part.is_in(self.phase_id()));
        let why = if is_lost {
            Absence::Lost(at.map(|position| StepReference { trial, phase, worker, position }))
        } else {
            Absence::Finished(phase)
        };
        self.barriers.gone(worker, &why, self.now);
        self.decide_barriers();
    }

    /// Releases the workers at barriers that are decided. If a barrier is passed, all continue at the same time, as
    /// with `go`.
    pub(super) fn decide_barriers(&mut self) {
        if self.stage != Stage::Running || self.stopping.is_some() {
            return;
        }
        let PhaseId { trial, phase } = self.phase_id();
        for (name, decision) in self.barriers.decide() {
            let failure = decision.as_ref().err().map(|failure| failure.text(Some(&self.plan)));
            let lead = self.lead.between(self.barrier_round_trip, self.barriers.count(&name));
            let at = if failure.is_some() { self.now } else { self.now.plus(lead) };
            for (worker, position) in self.barriers.close(&name, decision, at) {
                let step = self.phase_id().step(position);
                let failed = failure.clone().map(|why| Command::FailBarrier(step, why));
                self.command(worker, failed.unwrap_or(Command::Release(step, at)));
            }
            if failure.is_none() {
                self.report(Event::BarrierReleased { trial, phase, name, lead });
            }
        }
    }

    pub(super) fn report_barriers(&mut self) {
        let PhaseId { trial, phase } = self.phase_id();
        for barrier in self.barriers.results() {
            self.report(Event::BarrierEnded { trial, phase, barrier });
        }
    }
}
