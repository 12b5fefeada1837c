//! What a session does if its conductor is gone: it waits until its lease expires, stops its steps, and runs Reset.

use std::time::Duration;

use super::event::Turn;
use super::{Session, SessionAction, Stage};
use crate::model::{Phase, PhaseId, PlayerTime};
use crate::player::note::Note;
use crate::wait::Wait;
use crate::wire::{OutcomeMessage, PlayerMessage, cleaned};

impl Session {
    /// Records that something was received from the conductor.
    pub fn heard(&mut self, at: PlayerTime) {
        if let Some((_, heard)) = &mut self.lease {
            *heard = at.max(*heard);
        }
    }

    /// Returns what the next conductor has to know about a session that ended without its own conductor. For the
    /// clean-up of a dead session, this is only what failed: the death has already been reported.
    pub fn summary(&self, is_clean_up: bool) -> Option<String> {
        let reason = self.orphaned.as_ref()?;
        let failed: Vec<_> = self.failed.iter().map(|label| format!("`{label}`")).collect();
        let but = if failed.is_empty() { String::new() } else { format!(", but {} failed", failed.join(", ")) };
        if is_clean_up {
            return (!failed.is_empty()).then(|| cleaned(&format!("Reset was run for it{but}")));
        }
        let text = if self.begun.is_some_and(|begun| begun.phase == Phase::Reset) {
            format!("{reason}; its steps were stopped and Reset was run{but}")
        } else {
            format!("{reason}; no Reset was needed")
        };
        Some(cleaned(&text))
    }

    /// Reduces the lease to at most `most`.
    pub fn shorten_lease(&mut self, most: Duration) {
        if let Some((lease, _)) = &mut self.lease {
            *lease = most.min(*lease);
        }
    }

    /// Returns when the conductor is considered gone, unless something is received from it before.
    pub(super) fn lease_end(&self) -> Option<PlayerTime> {
        let (lease, heard) = self.lease.filter(|_| self.orphaned.is_none() && !self.is_finished())?;
        let end = heard.plus(Wait::ConductorSilence.given(lease));
        Some(self.plan_by.map_or(end, |plan_by| end.min(plan_by)))
    }

    /// Orphans the session if its conductor has been silent for too long.
    pub(super) fn keep_lease(&mut self, turn: &mut Turn) {
        if let Some((lease, _)) = self.lease.filter(|_| self.lease_end().is_some_and(|end| end <= turn.now)) {
            let reason = if self.plan_by.is_some_and(|end| end <= turn.now) {
                format!("its conductor sent no plan for {}", humantime::format_duration(Wait::Plan.time()))
            } else {
                format!("nothing was received from the conductor for {}", humantime::format_duration(lease))
            };
            self.orphan(reason, None, turn);
            self.may_come_back = self.plan.is_some() && !self.ends_with_lease;
        }
    }

    /// Orphans the session: stops its steps; `advance` continues from there.
    pub(super) fn orphan(&mut self, reason: String, reset_limit: Option<Duration>, turn: &mut Turn) {
        // Even if the session waits for its conductor: the caller knows that it will not come back.
        self.may_come_back = false;
        if let (Stage::Running(running), Some(most)) = (&mut self.stage, reset_limit) {
            running.shorten(most, turn.now);
        }
        self.reset_limit = [self.reset_limit, reset_limit].into_iter().flatten().min();
        if self.orphaned.is_some() || self.is_finished() {
            return;
        }
        turn.push(SessionAction::Report(Note::Orphaned(reason.clone())));
        turn.send(PlayerMessage::Leaving { reason: reason.clone() });
        match &mut self.stage {
            // A Reset continues.
            Stage::Running(running) if running.is_reset() => self.go_on_alone(&reason, turn),
            Stage::Running(_) => self.stop_steps(Some(reason.clone()), &OutcomeMessage::Stopped, turn),
            Stage::Armed(_) => self.stage = Stage::Idle,
            _ => {}
        }
        self.orphaned = Some(reason);
    }

    /// Whether the plan has a Reset.
    fn wants_reset(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.phases.contains(&Phase::Reset))
    }

    /// Whether something is left that a conductor would have ended before an orderly `Bye`. Without a Reset phase,
    /// spawned steps are left running.
    pub(super) fn has_to_clean_up(&self) -> bool {
        self.wants_reset() && (self.touched.is_some() || !self.works.is_empty())
    }

    /// Finishes without a conductor: runs Reset if it is due, then stops all processes.
    pub(super) fn clean_up(&mut self, turn: &mut Turn) {
        match self.touched {
            Some(trial) if self.wants_reset() => {
                // If the conductor has skipped a Reset and started another trial, run the Reset of that trial.
                let trial = self.begun.map_or(trial, |begun| begun.trial.max(trial));
                self.begin(PhaseId { trial, phase: Phase::Reset }, None, turn);
                self.advance(turn);
            }
            _ => self.sweep(None, turn),
        }
    }
}
