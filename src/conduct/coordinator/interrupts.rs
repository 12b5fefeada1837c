//! Interrupts: what the first one ends, what the next one ends, and the messages about that.

use crate::conduct::event::End;
use crate::model::{Blame, Event, OnInterrupt, Phase};

use super::{Action, Coordinator, Rest, Stage};

impl Coordinator {
    /// Describes what an interrupt would do now, and another one after it, as a message.
    pub(in crate::conduct) fn interrupt_means(&self) -> &'static str {
        let has_reset = self.plan.has(Phase::Reset);
        let stops = if has_reset && self.dirty {
            "stopping and running Reset; interrupt again to exit immediately"
        } else {
            "stopping; interrupt again to exit immediately"
        };
        if self.interrupted.is_some() {
            return if self.skips_collect() { stops } else { "exiting" };
        }
        let collects = self.collects();
        match self.current() {
            Some(Phase::Reset) => "finishing Reset; interrupt again to exit immediately",
            Some(Phase::Collect) if collects && has_reset => {
                "finishing Collect, then running Reset; interrupt again to skip to Reset"
            }
            Some(Phase::Collect) if collects => "finishing Collect; interrupt again to stop it",
            Some(_) if collects && has_reset => {
                "stopping, then running Collect and Reset; interrupt again to skip to Reset"
            }
            Some(_) if collects => "stopping, then running Collect; interrupt again to skip it",
            Some(_) => stops,
            None => match self.stage {
                Stage::EndingTrial => "ending the trial; interrupt again to exit immediately",
                Stage::Checking => "stopping `check`",
                Stage::Measuring => "skipping the metrics of the trial",
                _ => "exiting",
            },
        }
    }

    /// Whether the second interrupt skips Collect, which the first one did not skip.
    fn skips_collect(&self) -> bool {
        let has_more = matches!(self.current(), Some(phase) if phase != Phase::Reset);
        self.rest == Rest::CollectAfterInterrupt && has_more
    }

    /// Whether the first interrupt leaves Collect to be run: if nothing was started, there is nothing to collect.
    fn collects(&self) -> bool {
        self.plan.settings.on_interrupt == OnInterrupt::Collect && self.dirty && self.plan.has(Phase::Collect)
    }

    pub(super) fn interrupt(&mut self, signal: i32) {
        if self.interrupted.is_some() {
            if self.skips_collect() {
                return self.stop_for_reset(signal);
            }
            return self.leave_now();
        }
        self.interrupted = Some(signal);
        self.report(Event::Interrupted { signal });
        match self.stage {
            Stage::Connecting => {
                for worker in self.pending.clone() {
                    self.give_up(worker, End::closed());
                }
            }
            Stage::Planning => self.leave(),
            Stage::Arming | Stage::Running if self.phase() != Phase::Reset => {
                if !self.collects() {
                    return self.stop_for_reset(signal);
                }
                self.rest = Rest::CollectAfterInterrupt;
                // Collect itself continues.
                if self.phase() != Phase::Collect {
                    self.stop_phase(Blame::Signal(signal));
                }
            }
            Stage::Leaving => self.leave_now(),
            Stage::Checking => self.actions.push(Action::StopCheck),
            Stage::Measuring => self.stop_measuring(),
            Stage::Arming | Stage::Running | Stage::EndingTrial | Stage::Over => {}
        }
    }

    /// Stops the current phase; only Reset is still run.
    fn stop_for_reset(&mut self, signal: i32) {
        self.rest = Rest::ResetAlone;
        self.stop_phase(Blame::Signal(signal));
    }
}
