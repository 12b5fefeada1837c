//! The end of a run: the workers' sessions are ended or abandoned.

use std::collections::BTreeSet;

use crate::conduct::event::Command;
use crate::model::{Blame, Event, Phase};
use crate::wait::Wait;

use super::worker::{Standing, Worker};
use super::{Coordinator, Stage};

impl Coordinator {
    pub(super) fn leave(&mut self) {
        let pending = self.who(|worker| !worker.is_gone());
        for worker in &pending {
            self.workers[worker.0].standing = Standing::Leaving;
        }
        self.wait(Stage::Leaving, pending, Some(Wait::Leave.time()));
        self.command_pending(&Command::Bye);
    }

    /// Leaves without waiting for any worker; the players' leases do the rest.
    pub(super) fn leave_now(&mut self) {
        let in_trial = self.is_in_trial();
        self.name_whose_reset_is_open();
        for worker in self.who(|worker| !worker.is_gone()) {
            self.command(worker, Command::Abandon);
            self.workers[worker.0].standing = Standing::Gone;
            if in_trial {
                self.close_all(worker, self.interrupted.map(Blame::Signal));
            }
        }
        if in_trial {
            let verdict = self.judge.end_trial(true);
            self.report(Event::TrialEnded { trial: self.trial, verdict });
        }
        self.finish();
    }

    /// Names the workers on which a Reset is due or running whose end this conductor will not see.
    fn name_whose_reset_is_open(&mut self) {
        let resets = self.current() == Some(Phase::Reset);
        if !self.plan.has(Phase::Reset) || !(self.dirty || resets) {
            return;
        }
        let is_due = |worker: &Worker| worker.is_departing() || (worker.is_live() && (worker.part.is_open || !resets));
        let names = |seed: bool| self.names(self.who(|worker| worker.seed == seed && is_due(worker)));
        let lease = humantime::format_duration(self.plan.settings.lease);
        let by_itself = format!("the players run it by themselves, at the latest after the lease of {lease}");
        let seed =
            "it is not run where it had not begun, because Python players do not run it by themselves".to_owned();
        for (names, then) in [(names(false), by_itself), (names(true), seed)] {
            if !names.is_empty() {
                let text = format!("this conductor left before the end of Reset on {names}; {then}");
                self.report(Event::Warning { worker: None, text: text.clone() });
                self.judge.incomplete(text);
            }
        }
    }

    pub(super) fn finish(&mut self) {
        let whole = (self.trial >= 1 || self.todo.left() == 0) && self.interrupted.is_none();
        let conclusion = self.judge.conclude(self.interrupted, whole);
        self.report(Event::RunEnded { conclusion });
        self.wait(Stage::Over, BTreeSet::new(), None);
    }
}
