//! Workers whose connections break and are made again, and lost ones that come back for the next trial.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{Event, WorkerId};
use crate::wait::Wait;

use super::worker::Standing;
use super::{Coordinator, Stage};

/// So many breaks of a connection in a phase are reported one by one; of the others, each that doubles their number.
const TOLD: usize = 10;

impl Coordinator {
    /// The player is held by somebody whose conductor is gone.
    pub(super) fn held(&mut self, worker: WorkerId, text: String, within: Duration) {
        if self.stage == Stage::Connecting && self.pending.contains(&worker) {
            let free = self.now.plus(within + Wait::Connection.time());
            self.deadline = self.deadline.map(|deadline| deadline.max(free));
            self.report(Event::Warning { worker: Some(worker), text });
        }
    }

    /// The connection is broken. Until it is there again, or the worker is lost, no phase begins without it, and it is
    /// not blamed for being late.
    pub(super) fn broken(&mut self, worker: WorkerId, reason: String) {
        if std::mem::replace(&mut self.workers[worker.0].broken, true) {
            return;
        }
        if self.stage == Stage::Arming && self.workers[worker.0].part.is_open {
            self.pending.insert(worker);
        }
        let entry = &mut self.workers[worker.0];
        entry.breaks += 1;
        let breaks = entry.breaks;
        entry.break_is_told = breaks <= TOLD || breaks.is_power_of_two();
        if entry.break_is_told {
            let often = if breaks > TOLD { format!(" ({breaks} times in this phase)") } else { String::new() };
            self.report(Event::WorkerBroken { worker, reason: reason + &often });
        }
    }

    /// The connection is there again, and what was missed is on its way.
    pub(super) fn resumed(&mut self, worker: WorkerId, silent: Duration) {
        if !std::mem::replace(&mut self.workers[worker.0].broken, false) {
            return;
        }
        self.workers[worker.0].resumed = Some(self.now);
        if self.workers[worker.0].break_is_told {
            self.report(Event::WorkerResumed { worker, silent });
        }
        if self.stage == Stage::Arming && self.workers[worker.0].received {
            self.pending.remove(&worker);
        }
        if self.pending.contains(&worker) && self.deadline.is_none() {
            self.deadline = self.limit.map(|limit| self.now.plus(limit));
        }
    }

    /// Workers that were lost in the trial before and whose players are tried again.
    pub(super) fn lost(&self) -> BTreeSet<WorkerId> {
        let ids = self.plan.workers().map(|(id, _)| id);
        ids.filter(|id| self.workers[id.0].lost).collect()
    }

    /// Goes on to the next trial, with everybody who can come back.
    pub(super) fn gather(&mut self) {
        let lost = self.lost();
        if lost.is_empty() {
            return self.begin_trial();
        }
        for worker in &lost {
            let entry = &mut self.workers[worker.0];
            entry.standing = Standing::Connecting;
            entry.broken = false;
        }
        self.connect();
    }

    /// Whether all who were lost are here again; who is not is named.
    pub(super) fn everybody_is_back(&mut self) -> bool {
        let missing = std::mem::take(&mut self.faults);
        for (worker, end) in &missing {
            let name = &self.plan.worker(*worker).name;
            self.judge.incomplete(format!("worker `{name}` could not be reached again: {}", end.reason()));
        }
        if !missing.is_empty() {
            self.trials_were_left_out();
        }
        missing.is_empty()
    }

    /// Says that not all trials were run.
    fn trials_were_left_out(&mut self) {
        let left = self.plan.trials - self.trial;
        if left > 0 {
            self.judge
                .incomplete(format!("{left} of {} trials were not run, because a worker was lost", self.plan.trials));
        }
    }
}
