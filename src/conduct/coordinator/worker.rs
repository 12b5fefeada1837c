//! What the coordinator knows of one worker.

use crate::conduct::event::StepPlace;
use crate::model::Start;

/// Whether a worker takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its player has not answered yet.
    Connecting,
    /// It takes part.
    Live,
    /// It was told that the run is over.
    Leaving,
    /// Its connection is over, or it was given up.
    Gone,
}

/// How far a step of the current phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing was heard of it.
    Waiting,
    /// Its process was started.
    Started,
    /// It is over, as far as the phase is concerned.
    Ended,
}

/// One worker.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and every combination can be")]
pub(super) struct Worker {
    pub(super) standing: Standing,
    /// It is in the current phase: it was armed for it and has not ended it.
    pub(super) in_phase: bool,
    /// It said that it was ready for the current phase.
    pub(super) received: bool,
    /// The steps of the current phase.
    pub(super) steps: Vec<Progress>,
    /// The step that was at work when it was lost.
    lost_at: Option<usize>,
    /// When it began the current phase: the start of its first step's process, or of its first steps' that run together.
    pub(super) first: Option<Start>,
    /// Spawned steps that were not seen to end.
    pub(super) spawned: Vec<StepPlace>,
    /// Its connection is broken, and is being made again.
    pub(super) broken: bool,
    /// It was lost in this trial, and may come back in the next.
    pub(super) lost: bool,
    /// It is driven over the seed's wire.
    pub(super) seed: bool,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            standing: Standing::Connecting,
            in_phase: false,
            received: false,
            steps: Vec::new(),
            lost_at: None,
            first: None,
            spawned: Vec::new(),
            broken: false,
            lost: false,
            seed: false,
        }
    }

    /// It enters a phase of so many steps.
    pub(super) fn enter(&mut self, steps: usize) {
        self.in_phase = true;
        self.received = false;
        self.first = None;
        self.steps = vec![Progress::Waiting; steps];
        self.lost_at = None;
    }

    /// Marks a step as started, if it has not been yet.
    pub(super) fn start(&mut self, position: usize) -> bool {
        match self.steps.get_mut(position) {
            Some(step) if *step == Progress::Waiting => {
                *step = Progress::Started;
                true
            }
            _ => false,
        }
    }

    /// Marks a barrier as begun, if it has not been yet.
    pub(super) fn arrive(&mut self, position: usize) {
        if let Some(step) = self.steps.get_mut(position).filter(|step| **step == Progress::Waiting) {
            *step = Progress::Started;
        }
    }

    /// Marks a step as ended, if it has not been yet.
    pub(super) fn end(&mut self, position: usize) -> bool {
        match self.steps.get_mut(position) {
            Some(step) if *step != Progress::Ended => {
                *step = Progress::Ended;
                true
            }
            _ => false,
        }
    }

    /// The same of a step that is lost with its worker.
    pub(super) fn lose(&mut self, position: usize) -> bool {
        let was_open = self.end(position);
        if was_open {
            self.lost_at.get_or_insert(position);
        }
        was_open
    }

    /// The step that it is at, or was when it was lost.
    pub(super) fn at(&self) -> Option<usize> {
        self.lost_at.or_else(|| self.steps.iter().position(|step| *step != Progress::Ended))
    }

    /// Leaves the phase; what of it was not seen to end.
    pub(super) fn leave(&mut self) -> Vec<usize> {
        if !self.in_phase {
            return Vec::new();
        }
        self.in_phase = false;
        let count = self.steps.len();
        (0..count).filter(|position| self.end(*position)).collect()
    }
}
