//! What the coordinator knows of one worker.

use std::collections::BTreeSet;

use crate::model::{ConductorTime, PhaseId, PointId, Start, StepId};

/// Whether a worker takes part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Its player has not answered yet.
    #[default]
    Connecting,
    /// Its player has answered, and does not have the plan yet.
    Connected,
    /// It takes part.
    Live,
    /// Its player leaves, for this reason: it takes part in no other phase, and what it does by itself is still heard.
    Departing(String),
    /// It was told that the run is over.
    Leaving,
    /// It was lost in this trial, and may come back for the next.
    Lost,
    /// Its connection is over.
    Gone,
}

/// How far a step of a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing was heard of it.
    Waiting,
    /// Its process was started.
    Started,
    /// It is over, as far as the phase is concerned.
    Ended,
}

/// A worker's part in a phase.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The trial and the phase; nothing before the first.
    pub(super) of: Option<PhaseId>,
    /// Its player leaves and runs this Reset by itself, whatever phase the others are in.
    pub(super) is_own: bool,
    /// The worker has not ended it.
    pub(super) is_open: bool,
    /// The worker said that it was ready for it.
    pub(super) received: bool,
    pub(super) steps: Vec<Progress>,
    /// The `must:` step that failed first: the rest is skipped.
    pub(super) must: Option<usize>,
    /// The step that was lost first, when the worker was lost.
    pub(super) lost_at: Option<usize>,
}

/// One worker.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Worker {
    pub(super) standing: Standing,
    /// What it does in the phase that it was armed for last, or in a Reset of its own.
    pub(super) part: Part,
    /// The phase that it was armed for last, unless it has no steps in it, and when it began that: the start of its first
    /// step's process, or of its first steps' that run together. A Reset of its own changes nothing in it.
    pub(super) first: Option<(PhaseId, Option<Start>)>,
    /// Spawned steps that were not seen to end.
    pub(super) spawned: BTreeSet<StepId>,
    /// Until when it is waited for, unless its connection breaks.
    pub(super) due: Option<ConductorTime>,
    /// Its connection is broken, and is being made again.
    pub(super) broken: bool,
    /// When its connection was there again last, and how often it broke, in the phase; whether the last break was reported.
    pub(super) resumed: Option<ConductorTime>,
    pub(super) breaks: usize,
    pub(super) break_is_told: bool,
    /// The point whose plan its player has, or was sent last, in this session.
    pub(super) point: Option<PointId>,
    /// It was lost since the last trial, and is asked to come back once.
    pub(super) came_back: bool,
    /// Its player uses protocol version 1.
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

    /// Whether nothing of what it says is heard any more.
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

    /// It enters a phase.
    pub(super) fn enter(&mut self, part: Part) {
        self.first = part.of.filter(|_| !part.steps.is_empty()).map(|phase| (phase, None));
        self.part = part;
        (self.resumed, self.breaks) = (None, 0);
    }

    /// When it began this phase, if it said so.
    pub(super) fn began(&self, phase: PhaseId) -> Option<Start> {
        self.first.filter(|(of, _)| *of == phase).and_then(|(_, start)| start)
    }
}

impl Part {
    /// That of a phase with so many steps.
    pub(super) fn new(phase: PhaseId, steps: usize) -> Self {
        Self { of: Some(phase), is_open: true, steps: vec![Progress::Waiting; steps], ..Self::default() }
    }

    /// Whether the worker is in this phase with the others.
    pub(super) fn is_in(&self, phase: PhaseId) -> bool {
        self.of == Some(phase) && self.is_open && !self.is_own
    }

    /// Marks a step as having come so far, if it has not yet.
    pub(super) fn advance(&mut self, position: usize, to: Progress) -> bool {
        let step = self.steps.get_mut(position).filter(|step| **step < to);
        step.map(|step| *step = to).is_some()
    }

    /// Marks a step as lost with its worker, if it has not ended.
    pub(super) fn lose(&mut self, position: usize) -> bool {
        let was_open = self.advance(position, Progress::Ended);
        if was_open {
            self.lost_at.get_or_insert(position);
        }
        was_open
    }

    /// The step that it is at, or was when it was lost.
    pub(super) fn at(&self) -> Option<usize> {
        self.lost_at.or_else(|| self.steps.iter().position(|step| *step != Progress::Ended))
    }

    /// Ends it; what of it was not seen to end.
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
