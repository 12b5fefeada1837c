//! Workers that meet at barriers: who arrives, who is let go, and who waits for nothing.

use std::time::Duration;

use crate::conduct::event::Command;
use crate::model::{Event, Outcome, StepId, WorkerId};

use super::barriers::{Arrival, Barriers, Decision};
use super::worker::Standing;
use super::{Coordinator, Stage};

impl Coordinator {
    /// The barriers of the phase that begins. Who was left out of the run is not waited for; who is lost fails them.
    pub(super) fn prepare_barriers(&mut self) {
        let workers = &self.workers;
        let takes_part = |id: WorkerId| workers[id.0].standing != Standing::Gone || workers[id.0].lost;
        self.barriers = Barriers::of(&self.plan, self.plan.phases[self.position], takes_part);
        self.barrier_round_trip = Duration::ZERO;
        for (worker, (id, _)) in self.workers.iter().zip(self.plan.workers()) {
            match (worker.standing, &worker.departure) {
                (Standing::Gone, _) => self.barriers.gone(id, "is lost", self.now),
                (Standing::Departing, Some(departure)) => self.barriers.gone(id, &departure.leaves(), self.now),
                _ => {}
            }
        }
    }

    pub(super) fn barrier_reached(&mut self, worker: WorkerId, step: StepId, round_trip: Duration) {
        if !self.meets(worker, step) {
            return;
        }
        self.barrier_round_trip = self.barrier_round_trip.max(round_trip);
        self.workers[worker.0].part.start(step.position);
        match self.barriers.reached(worker, step.position, self.now) {
            Arrival::Waits => self.decide_barriers(),
            Arrival::TooLate(why) => self.command(worker, Command::FailBarrier(step, why)),
            Arrival::Nothing => {}
        }
    }

    /// A worker does not want to wait any longer. A release that was sent wins.
    pub(super) fn withdraw(&mut self, worker: WorkerId, step: StepId) {
        if self.meets(worker, step) && self.barriers.left(worker, step.position, "stopped waiting", self.now) {
            let why = "the time limit of the barrier has passed".to_owned();
            self.command(worker, Command::FailBarrier(step, why));
            self.decide_barriers();
        }
    }

    fn meets(&self, worker: WorkerId, step: StepId) -> bool {
        let runs = self.stage == Stage::Running && self.stopping.is_none();
        runs && self.is_in(worker, step.phase_id())
    }

    /// A step is over: where that was a barrier which is still open, the worker is not there any more.
    pub(super) fn not_at_barrier(&mut self, worker: WorkerId, position: usize, outcome: &Outcome) {
        let why = match outcome {
            Outcome::Passed => return,
            Outcome::Skipped(_) => "skipped it",
            Outcome::TimedOut(_) => "stopped waiting",
            _ => "did not wait for it",
        };
        if self.barriers.left(worker, position, why, self.now) {
            self.decide_barriers();
        }
    }

    /// A worker comes to no barrier any more: it is lost, or finished its phase.
    pub(super) fn comes_no_more(&mut self, worker: WorkerId, is_lost: bool) {
        let steps = &self.plan.worker(worker).steps[self.plan.phases[self.position]];
        let last = self.workers[worker.0].part.at().and_then(|position| steps.get(position));
        let last = last.map(|step| format!(", last seen at `{}`", step.label));
        let why = match (is_lost, last) {
            (true, Some(last)) => format!("is lost{last}"),
            (true, None) => "is lost".to_owned(),
            (false, _) => format!("has finished its {}", self.phase()),
        };
        self.barriers.gone(worker, &why, self.now);
        self.decide_barriers();
    }

    /// Lets those go for whom it is certain.
    pub(super) fn decide_barriers(&mut self) {
        if self.stage != Stage::Running || self.stopping.is_some() {
            return;
        }
        for decision in self.barriers.decide() {
            match decision {
                Decision::Pass(name) => self.pass(&name),
                Decision::Fail { name, missing, why } => {
                    let who = &self.plan.worker(missing).name;
                    self.fail_barrier(&name, &format!("worker `{who}` {why}"));
                }
            }
        }
    }

    /// All go on at the same moment, as with `go`.
    fn pass(&mut self, name: &str) {
        let (trial, phase) = (self.trial, self.phase());
        let Some(barrier) = self.barriers.get_mut(name) else { return };
        let lead = self.lead.between(self.barrier_round_trip, barrier.count());
        let at = self.now.plus(lead);
        for (worker, position) in barrier.close(Ok(()), at) {
            self.command(worker, Command::Release(self.phase_id().step(position), at));
        }
        self.report(Event::BarrierReleased { trial, phase, name: name.to_owned(), lead });
    }

    fn fail_barrier(&mut self, name: &str, why: &str) {
        let Some(barrier) = self.barriers.get_mut(name) else { return };
        for (worker, position) in barrier.close(Err(why.to_owned()), self.now) {
            self.command(worker, Command::FailBarrier(self.phase_id().step(position), why.to_owned()));
        }
    }

    pub(super) fn report_barriers(&mut self) {
        let (trial, phase) = (self.trial, self.phase());
        for barrier in self.barriers.results() {
            self.report(Event::BarrierEnded { trial, phase, barrier });
        }
    }
}
