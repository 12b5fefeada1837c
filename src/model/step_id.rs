//! Identifiers of workers, phases and steps.

use serde::{Deserialize, Serialize};

use super::Phase;

/// The position of a worker in [`Plan::workers`](super::Plan::workers), which identifies it instead of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub usize);

/// A phase of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PhaseId {
    /// The trial, from 1.
    pub trial: u32,
    /// The phase.
    pub phase: Phase,
}

/// A step of some worker in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId {
    /// The trial, from 1.
    pub trial: u32,
    /// The phase.
    pub phase: Phase,
    /// The position in the worker's phase, from 0. Messages call it `step`.
    #[serde(rename = "step")]
    pub position: usize,
}

impl PhaseId {
    /// Returns the id of the step at this position.
    pub fn step(self, position: usize) -> StepId {
        StepId { trial: self.trial, phase: self.phase, position }
    }
}

impl StepId {
    /// Returns the phase of the step.
    pub fn phase_id(self) -> PhaseId {
        PhaseId { trial: self.trial, phase: self.phase }
    }

    /// Returns the reference to this step of `worker`.
    pub fn of(self, worker: WorkerId) -> StepReference {
        let Self { trial, phase, position } = self;
        StepReference { trial, phase, worker, position }
    }
}

/// A step of a certain worker in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct StepReference {
    /// The trial, from 1.
    pub trial: u32,
    /// The phase.
    pub phase: Phase,
    /// The worker.
    pub worker: WorkerId,
    /// The step's position in the worker's phase, from 0.
    pub position: usize,
}
