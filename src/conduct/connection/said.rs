//! Checks each message of a player against the plan and against its earlier messages. Pure.
//!
//! A correct player sends messages about steps of its plan, in trials that it was asked for, and reports each thing
//! once. Anything else is a fault. What is remembered is bounded by the worker's steps, whatever the player sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fault::Fault;
use crate::model::{ConductorTime, LogLevel, Mode, Plan, Step, StepId, WorkerId};
use crate::wire::PlayerMessage;
use crate::wire::bounds::{self, Bound};

const START: &str = "the start";
const FINAL_END: &str = "the final end";

/// What one worker's player has reported in this session.
#[derive(Debug)]
pub(super) struct Said {
    plan: Arc<Plan>,
    worker: WorkerId,
    /// The last trial for which the worker was asked to get ready.
    trial: u32,
    /// What was reported about each step.
    steps: BTreeMap<StepId, Vec<&'static str>>,
    /// How many messages in this trial were about no step.
    others: usize,
    warnings: usize,
    /// The second in which the last detail of the player's log arrived, and how many arrived in it.
    logged: (u64, usize),
}

impl Said {
    pub(super) fn new(plan: Arc<Plan>, worker: WorkerId) -> Self {
        Self { plan, worker, trial: 0, steps: BTreeMap::new(), others: 0, warnings: 0, logged: (0, 0) }
    }

    /// Records that the worker is asked to get ready for a phase of this trial.
    pub(super) fn asked(&mut self, trial: u32) {
        if trial > self.trial {
            (self.trial, self.others, self.warnings) = (trial, 0, 0);
            // Without a Reset, spawned steps keep running.
            self.steps.retain(|step, said| {
                let is_open = said.contains(&START) && !said.contains(&FINAL_END);
                is_open && is_spawned(&self.plan, self.worker, *step)
            });
        }
    }

    /// Checks and records a message.
    ///
    /// # Errors
    ///
    /// Returns an error if the player violates the protocol.
    pub(super) fn take(&mut self, message: &PlayerMessage) -> Result<(), Fault> {
        let (step, what) = match message {
            PlayerMessage::StepStarted(started) => (started.step, START),
            PlayerMessage::StepEnded(ended) => (ended.step, "the end"),
            PlayerMessage::SpawnedEnded(ended) => (ended.step, FINAL_END),
            PlayerMessage::BarrierReached(step) => (*step, "the arrival at the barrier"),
            PlayerMessage::Withdraw(step) => (*step, "the withdrawal"),
            PlayerMessage::PutWanted(step) => (*step, "the request for a file"),
            PlayerMessage::PutOver(step) => (*step, "the end of the transfer"),
            PlayerMessage::StepSettled(settled) => return self.step(settled.step).map(|_| ()),
            // Files that no step fetches are refused later, by the code that receives files.
            PlayerMessage::File(_)
            | PlayerMessage::FileEnded(_)
            | PlayerMessage::Log { level: LogLevel::Info | LogLevel::Debug, .. }
            | PlayerMessage::Unknown => return Ok(()),
            PlayerMessage::Warning { .. } | PlayerMessage::Stalled { .. } | PlayerMessage::Log { .. } => {
                return bounds::WARNINGS_SENT.check(self.warnings).map_err(|why| Fault::TooMuch("sent", why));
            }
            // Messages about phases, trials and the session as a whole.
            _ => {
                self.others += 1;
                return bounds::STAGES.check(self.others).map_err(|why| Fault::TooMuch("sent", why));
            }
        };
        self.once(step, what)?;
        if what == FINAL_END && !is_spawned(&self.plan, self.worker, step) {
            return Err(Fault::NotSpawned);
        }
        Ok(())
    }

    /// Returns what to pass on of a warning: the text itself, a note that there are too many, or nothing.
    pub(super) fn sentence(&mut self, text: String) -> Option<String> {
        const TOO_MANY: &str = "its player sent more warnings in this trial than are shown; the rest are left out";
        self.warnings += 1;
        shown(self.warnings, &bounds::WARNINGS, text, TOO_MANY)
    }

    /// Returns what to log of a detail of the player's log: the line itself, a note that there are too many in this
    /// second, or nothing.
    pub(super) fn detail(&mut self, text: String, now: ConductorTime) -> Option<String> {
        const TOO_MANY: &str = "too many log lines; further lines of this second are left out";
        let second = now.nanoseconds() / 1_000_000_000;
        if self.logged.0 != second {
            self.logged = (second, 0);
        }
        self.logged.1 += 1;
        shown(self.logged.1, &bounds::LOG_DETAILS, text, TOO_MANY)
    }

    /// Returns this step, if its trial has begun.
    fn step(&self, step: StepId) -> Result<&Step, Fault> {
        let StepId { trial, phase, .. } = step;
        if trial == 0 || trial > self.trial || !self.plan.has(phase) {
            return Err(Fault::NotBegun(step.phase_id()));
        }
        self.plan.step(step.of(self.worker)).ok_or(Fault::NoSuchStep(step))
    }

    fn once(&mut self, step: StepId, what: &'static str) -> Result<(), Fault> {
        let label = self.step(step)?.label.clone();
        // Of earlier trials, only spawned steps are remembered.
        if step.trial < self.trial && !self.steps.contains_key(&step) {
            return Err(Fault::TrialOver(label, step.trial));
        }
        let said = self.steps.entry(step).or_default();
        if said.contains(&what) {
            return Err(Fault::Twice(what, label, step.phase_id()));
        }
        said.push(what);
        Ok(())
    }
}

/// Returns what to show of the text with this number, counted from 1: the text itself, a note that there are too many,
/// or nothing.
fn shown(number: usize, bound: &Bound, text: String, too_many: &str) -> Option<String> {
    match number.checked_sub(bound.most()) {
        None | Some(0) => Some(text),
        Some(1) => Some(too_many.to_owned()),
        Some(_) => None,
    }
}

fn is_spawned(plan: &Plan, worker: WorkerId, step: StepId) -> bool {
    plan.step(step.of(worker)).is_some_and(|step| step.mode == Mode::Spawn)
}
