//! The coordinator's state of one worker.

use std::collections::BTreeSet;

use crate::model::{ConductorTime, PhaseId, PointId, Start, StepId};

/// Whether a worker takes part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Its player has not answered yet.
    #[default]
    Connecting,
    /// Its player has answered, but does not have the plan yet.
    Connected,
    /// It takes part.
    Live,
    /// Its player leaves, for this reason. It takes part in no other phase, but its messages are still processed.
    Departing(String),
    /// It was told that the run has ended.
    Leaving,
    /// It was lost in this trial, and may come back for the next one.
    Lost,
    /// Its connection has ended.
    Gone,
}

/// The progress of a step in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing was reported about it.
    Waiting,
    /// Its process was started.
    Started,
    /// It has ended, as far as the phase is concerned.
    Ended,
}

/// A worker's part in a phase.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The trial and the phase; `None` before the first.
    pub(super) of: Option<PhaseId>,
    /// Whether its player leaves and runs this Reset by itself, whatever phase the others are in.
    pub(super) is_own: bool,
    /// Whether the worker has not ended it yet.
    pub(super) is_open: bool,
    /// Whether the worker has reported that it is ready for it.
    pub(super) received: bool,
    pub(super) steps: Vec<Progress>,
    /// The first `must:` step that failed. The rest is skipped.
    pub(super) must: Option<usize>,
    /// The first step that was lost, when the worker was lost.
    pub(super) lost_at: Option<usize>,
}

/// The state of one worker.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Worker {
    pub(super) standing: Standing,
    /// Its part in the phase for which it was armed last, or in a Reset that it runs by itself.
    pub(super) part: Part,
    /// The phase for which it was armed last, unless it has no steps in it, and when it began that: the start of the
    /// process of its first step, or of the first of its steps that run together. A Reset that it runs by itself does
    /// not change this.
    pub(super) first: Option<(PhaseId, Option<Start>)>,
    /// The spawned steps whose end was not seen.
    pub(super) spawned: BTreeSet<StepId>,
    /// The time limit for the worker, unless its connection breaks.
    pub(super) due: Option<ConductorTime>,
    /// Whether its connection is broken, and is being restored.
    pub(super) broken: bool,
    /// When its connection was last restored, and how often it broke, in the phase; whether the last break was
    /// reported.
    pub(super) resumed: Option<ConductorTime>,
    pub(super) breaks: usize,
    pub(super) break_is_told: bool,
    /// The point of the plan that its player has, or was sent last, in this session.
    pub(super) point: Option<PointId>,
    /// Whether it was lost since the last trial, and is asked once to come back.
    pub(super) came_back: bool,
    /// Whether its player uses protocol version 1.
    pub(super) seed: bool,
}

impl Worker {
    pub(super) fn is_live(&self) -> bool {
        self.standing == Standing::Live
    }

    /// Whether its player leaves.
    pub(super) fn is_departing(&self) -> bool {
        matches!(self.standing, Standing::Departing(_))
    }

    /// Whether its messages are no longer processed.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.standing, Standing::Lost | Standing::Gone)
    }

    /// Why its player leaves, if it does.
    pub(super) fn leaves(&self) -> Option<&str> {
        match &self.standing {
            Standing::Departing(reason) => Some(reason),
            _ => None,
        }
    }

    /// Enters a phase.
    pub(super) fn enter(&mut self, part: Part) {
        self.first = part.of.filter(|_| !part.steps.is_empty()).map(|phase| (phase, None));
        self.part = part;
        (self.resumed, self.breaks) = (None, 0);
    }

    /// When it began this phase, if it has reported that.
    pub(super) fn began(&self, phase: PhaseId) -> Option<Start> {
        self.first.filter(|(of, _)| *of == phase).and_then(|(_, start)| start)
    }
}

impl Part {
    /// Creates the part in a phase with this many steps.
    pub(super) fn new(phase: PhaseId, steps: usize) -> Self {
        Self { of: Some(phase), is_open: true, steps: vec![Progress::Waiting; steps], ..Self::default() }
    }

    /// Whether the worker is in this phase with the others.
    pub(super) fn is_in(&self, phase: PhaseId) -> bool {
        self.of == Some(phase) && self.is_open && !self.is_own
    }

    /// Advances a step to this state. Returns whether it had not come that far before.
    pub(super) fn advance(&mut self, position: usize, to: Progress) -> bool {
        let step = self.steps.get_mut(position).filter(|step| **step < to);
        step.map(|step| *step = to).is_some()
    }

    /// Marks a step as lost with its worker, if it has not ended. Returns whether it did.
    pub(super) fn lose(&mut self, position: usize) -> bool {
        let was_open = self.advance(position, Progress::Ended);
        if was_open {
            self.lost_at.get_or_insert(position);
        }
        was_open
    }

    /// The step at which the worker is, or was when it was lost.
    pub(super) fn at(&self) -> Option<usize> {
        self.lost_at.or_else(|| self.steps.iter().position(|step| *step != Progress::Ended))
    }

    /// Ends the part. Returns the steps whose end was not seen.
    pub(super) fn leave(&mut self) -> Vec<usize> {
        self.is_open = false;
        (0..self.steps.len()).filter(|position| self.advance(*position, Progress::Ended)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phase;

    #[test]
    fn a_worker_that_is_lost_was_at_the_step_that_was_lost_first() {
        let mut part = Part::new(PhaseId { trial: 1, phase: Phase::Run }, 3);
        assert_eq!(part.at(), Some(0));
        assert!(part.lose(1) && part.lose(0) && !part.lose(1));
        assert_eq!(part.at(), Some(1));
        assert_eq!((part.leave(), part.at()), (vec![2], Some(1)));
    }
}
