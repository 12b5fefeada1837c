//! Workers whose players leave on their own account, because they are told to stop or were left alone for too long.
//!
//! Such a worker ends its phase and takes part in no other one. It runs its Reset by itself, whatever the others are at, and
//! what it says of that is taken like what it says of a phase. Its end is that of its connection, and is waited for until
//! its deadline, before the end of the trial at the latest.

use std::collections::BTreeSet;

use crate::conduct::event::End;
use crate::model::{ConductorTime, Event, Outcome, Phase, PhaseId, WorkerId};
use crate::wait::Wait;

use super::worker::{Departure, Part, Standing};
use super::{Coordinator, Stage};

impl Coordinator {
    /// A worker's player says that it leaves, and why.
    pub(super) fn departs(&mut self, worker: WorkerId, reason: &str) {
        self.report(Event::Warning { worker: Some(worker), text: reason.to_owned() });
        if self.workers[worker.0].standing != Standing::Live {
            return;
        }
        let limit =
            Wait::PhaseStop.time() + self.plan.settings.reset_timeout + Wait::ResetEnd.time() + Wait::TrialEnd.time();
        let departure = Departure { reason: reason.to_owned(), deadline: self.now.plus(limit) };
        let leaves = departure.leaves();
        let entry = &mut self.workers[worker.0];
        (entry.standing, entry.departure) = (Standing::Departing, Some(departure));
        match self.stage {
            Stage::Connecting | Stage::Planning | Stage::EndingTrial => {
                self.pending.insert(worker);
            }
            Stage::Arming => self.leaves_before_go(worker, &leaves),
            Stage::Running if self.phase() != Phase::Reset => self.leaves_barriers(worker, &leaves),
            // All of its trial was seen.
            Stage::Checking => self.give_up(worker, reason),
            Stage::Running | Stage::Leaving | Stage::Over => {}
        }
    }

    /// What is armed is not begun by a player that leaves; but a Reset that is due it begins by itself.
    fn leaves_before_go(&mut self, worker: WorkerId, why: &str) {
        let phase = self.phase_id();
        self.pending.remove(&worker);
        self.leaves_barriers(worker, why);
        if phase.phase == Phase::Reset {
            let entry = &mut self.workers[worker.0];
            entry.own_reset = std::mem::take(&mut entry.part);
        } else {
            self.worker_phase_ended(worker, phase);
        }
    }

    fn leaves_barriers(&mut self, worker: WorkerId, why: &str) {
        self.barriers.gone(worker, why, self.now);
        self.decide_barriers();
    }

    /// Whether the worker's player leaves.
    pub(super) fn is_departing(&self, worker: WorkerId) -> bool {
        self.workers[worker.0].standing == Standing::Departing
    }

    /// Those that leave and have not ended their Reset of the trial: it is waited for as long as theirs who do not leave.
    pub(super) fn resetting(&self) -> BTreeSet<WorkerId> {
        let reset = PhaseId { trial: self.trial, phase: Phase::Reset };
        let mut departing = self.standing(Standing::Departing);
        departing.retain(|id| {
            let worker = &self.workers[id.0];
            !worker.has_part_in(reset) || worker.open().contains(&reset)
        });
        departing
    }

    /// A worker says something of a phase: if that is a Reset of its own, it is in it from now on, and through with
    /// whatever it was in.
    pub(super) fn notice_own_reset(&mut self, worker: WorkerId, phase: PhaseId) {
        let is_own = self.is_departing(worker) && phase == PhaseId { trial: self.trial, phase: Phase::Reset };
        if is_own && self.plan.has(Phase::Reset) && !self.workers[worker.0].has_part_in(phase) {
            for open in self.workers[worker.0].open() {
                self.worker_phase_ended(worker, open);
            }
            let steps = self.plan.worker(worker).steps[Phase::Reset].len();
            self.workers[worker.0].own_reset = Part::new(phase, steps);
        }
    }

    /// When the first of them is waited for no longer.
    pub(super) fn departure_deadline(&self) -> Option<ConductorTime> {
        let departing = self.workers.iter().filter(|worker| worker.standing == Standing::Departing);
        departing.filter_map(|worker| Some(worker.departure.as_ref()?.deadline)).min()
    }

    /// Gives up those that have taken too long.
    pub(super) fn give_up_departing(&mut self) {
        for worker in self.standing(Standing::Departing) {
            let Some(departure) = &self.workers[worker.0].departure else { continue };
            if departure.deadline > self.now {
                continue;
            }
            let reason = format!("{}; it did not finish in time", departure.reason);
            match self.stage {
                Stage::Connecting | Stage::Planning => self.shut_out(worker, End::Lost(reason)),
                _ => self.give_up(worker, &reason),
            }
        }
    }

    /// How a step that was not heard of ended, when its worker has finished its phase: whoever was told to stop, or
    /// leaves, need not name what it never began.
    pub(super) fn unheard(&self, worker: WorkerId) -> Outcome {
        if self.stopping.is_some() || self.is_departing(worker) {
            Outcome::Skipped(self.stopping.clone())
        } else {
            Outcome::Lost
        }
    }
}
