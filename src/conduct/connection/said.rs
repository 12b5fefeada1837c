//! What a player may say, pure: each message against the plan and against what came before.
//!
//! An honest player speaks of steps of its plan, in trials that it was asked for, and says each thing once. Whoever does
//! otherwise is at fault. What is remembered is bounded by the worker's steps, whatever the player sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Mode, Phase, Plan, Step, WorkerId};
use crate::wire::{PlayerMessage, bounds};

/// What was said of a step, one bit for each.
type Words = u8;

const STARTED: Words = 1;
const ENDED: Words = 1 << 1;
const SPAWNED_ENDED: Words = 1 << 2;
const AT_BARRIER: Words = 1 << 3;
const WITHDRAWN: Words = 1 << 4;
const PUT_WANTED: Words = 1 << 5;
const PUT_OVER: Words = 1 << 6;

/// What one worker's player has said in this session.
#[derive(Debug)]
pub(super) struct Said {
    plan: Arc<Plan>,
    worker: WorkerId,
    /// The last trial that the worker was asked for.
    trial: u32,
    steps: BTreeMap<(u32, Phase, usize), Words>,
    /// How much was said in this trial that is of no step.
    others: usize,
    warnings: usize,
}

/// What becomes of a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sentence {
    /// It is passed on.
    PassedOn,
    /// It is the first that is left out: that is said in its place.
    TooMany,
    /// It is left out.
    LeftOut,
}

impl Said {
    pub(super) fn new(plan: Arc<Plan>, worker: WorkerId) -> Self {
        Self { plan, worker, trial: 0, steps: BTreeMap::new(), others: 0, warnings: 0 }
    }

    /// The worker is asked to get ready for a phase of this trial.
    pub(super) fn asked(&mut self, trial: u32) {
        if trial > self.trial {
            (self.trial, self.others, self.warnings) = (trial, 0, 0);
            // What was spawned without a Reset lives on.
            self.steps.retain(|_, words| *words & STARTED != 0 && *words & SPAWNED_ENDED == 0);
            let spawned = |(phase, position)| is_spawned(&self.plan, self.worker, phase, position);
            self.steps.retain(|(_, phase, position), _| spawned((*phase, *position)));
        }
    }

    /// Takes a message.
    ///
    /// # Errors
    ///
    /// Says what an honest player would not have said.
    pub(super) fn take(&mut self, message: &PlayerMessage) -> Result<(), String> {
        match message {
            PlayerMessage::StepStarted(step) => {
                self.once(step.trial, step.phase.into(), step.step, STARTED, "the start")
            }
            PlayerMessage::StepEnded(step) => self.once(step.trial, step.phase.into(), step.step, ENDED, "the end"),
            PlayerMessage::SpawnedEnded(step) => {
                let (trial, phase, position) = (step.trial, step.phase.into(), step.step);
                self.once(trial, phase, position, SPAWNED_ENDED, "the final end")?;
                if !is_spawned(&self.plan, self.worker, phase, position) {
                    return Err(
                        "its player reported the end of a spawned step, but the step was not spawned".to_owned()
                    );
                }
                Ok(())
            }
            PlayerMessage::StepSettled(step) => self.step(step.trial, step.phase.into(), step.step).map(|_| ()),
            PlayerMessage::BarrierReached { trial, phase, step } => {
                self.once(*trial, (*phase).into(), *step, AT_BARRIER, "the arrival at the barrier")
            }
            PlayerMessage::Withdraw { trial, phase, step } => {
                self.once(*trial, (*phase).into(), *step, WITHDRAWN, "the withdrawal")
            }
            PlayerMessage::PutWanted { trial, phase, step } => {
                self.once(*trial, (*phase).into(), *step, PUT_WANTED, "the request for a file")
            }
            PlayerMessage::PutOver { trial, phase, step } => {
                self.once(*trial, (*phase).into(), *step, PUT_OVER, "the end of the transfer")
            }
            // What no step fetches is refused where files are taken.
            PlayerMessage::File(_) | PlayerMessage::FileEnded(_) => Ok(()),
            PlayerMessage::Warning { .. } | PlayerMessage::Stalled { .. } => {
                bounds::WARNINGS_SENT.check(self.warnings).map_err(|why| format!("its player sent {why}"))
            }
            PlayerMessage::PlanTaken
            | PlayerMessage::Armed { .. }
            | PlayerMessage::PhaseEnded { .. }
            | PlayerMessage::TrialEnded { .. }
            | PlayerMessage::Leaving { .. }
            | PlayerMessage::Left { .. } => {
                self.others += 1;
                bounds::STAGES.check(self.others).map_err(|why| format!("its player sent {why}"))
            }
        }
    }

    /// A sentence for people is to be passed on.
    pub(super) fn sentence(&mut self) -> Sentence {
        self.warnings += 1;
        let most = bounds::WARNINGS.most();
        match self.warnings {
            count if count <= most => Sentence::PassedOn,
            count if count == most + 1 => Sentence::TooMany,
            _ => Sentence::LeftOut,
        }
    }

    /// The step of this place, in a trial that has begun.
    fn step(&self, trial: u32, phase: Phase, position: usize) -> Result<&Step, String> {
        if trial == 0 || trial > self.trial || !self.plan.has(phase) {
            return Err(format!("its player sent a message about {phase} of trial {trial}, which has not begun"));
        }
        let step = self.plan.worker(self.worker).steps[phase].get(position);
        step.ok_or_else(|| {
            format!("its player sent a message about step {position} of {phase}, which the plan does not have")
        })
    }

    fn once(&mut self, trial: u32, phase: Phase, position: usize, word: Words, what: &str) -> Result<(), String> {
        let label = self.step(trial, phase, position)?.label.clone();
        // What is left of earlier trials is what was spawned in them.
        if trial < self.trial && !self.steps.contains_key(&(trial, phase, position)) {
            return Err(format!("its player sent a message about step `{label}` of trial {trial}, which is over"));
        }
        let words = self.steps.entry((trial, phase, position)).or_default();
        if *words & word != 0 {
            return Err(format!("its player reported {what} of step `{label}` in {phase} of trial {trial} twice"));
        }
        *words |= word;
        Ok(())
    }
}

fn is_spawned(plan: &Plan, worker: WorkerId, phase: Phase, position: usize) -> bool {
    plan.worker(worker).steps[phase].get(position).is_some_and(|step| step.mode == Mode::Spawn)
}
