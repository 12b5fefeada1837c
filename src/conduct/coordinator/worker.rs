//! What the coordinator knows of one worker.

use std::collections::BTreeSet;

use crate::model::{ConductorTime, PhaseId, Start, StepId};

/// Whether a worker takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Its player has not answered yet.
    #[default]
    Connecting,
    /// It takes part.
    Live,
    /// Its player leaves: it takes part in no other phase, and what it does by itself is still heard.
    Departing,
    /// It was told that the run is over.
    Leaving,
    /// Its connection is over, or it was given up.
    Gone,
}

/// How far a step of a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
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
    of: Option<PhaseId>,
    /// It has not ended it.
    pub(super) is_open: bool,
    steps: Vec<Progress>,
    /// The step that was at work when the worker was lost.
    lost_at: Option<usize>,
}

/// A player that leaves.
#[derive(Debug)]
pub(super) struct Departure {
    /// Why, in its words.
    pub(super) reason: String,
    /// Until when its end is waited for.
    pub(super) deadline: ConductorTime,
}

impl Departure {
    /// What it does, to follow the worker's name.
    pub(super) fn leaves(&self) -> String {
        format!("leaves: {}", self.reason)
    }
}

/// One worker.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and every combination can be")]
pub(super) struct Worker {
    pub(super) standing: Standing,
    /// What it does in the current phase: it was armed for it.
    pub(super) part: Part,
    /// The Reset that it runs by itself, since its player leaves, whatever the current phase is.
    pub(super) own_reset: Part,
    /// Why and until when it leaves, when it does.
    pub(super) departure: Option<Departure>,
    /// It said that it was ready for the current phase.
    pub(super) received: bool,
    /// When it began the current phase: the start of its first step's process, or of its first steps' that run together.
    pub(super) first: Option<Start>,
    /// Spawned steps that were not seen to end.
    pub(super) spawned: BTreeSet<StepId>,
    /// When its part of the phase is over at the latest, by the plan.
    pub(super) due: Option<ConductorTime>,
    /// Its connection is broken, and is being made again.
    pub(super) broken: bool,
    /// When its connection was there again last, and how often it broke, in the phase; whether the last break was reported.
    pub(super) resumed: Option<ConductorTime>,
    pub(super) breaks: usize,
    pub(super) break_is_told: bool,
    /// It was lost in this trial, and may come back for the next.
    pub(super) lost: bool,
    /// Its player uses protocol version 1.
    pub(super) seed: bool,
}

impl Worker {
    /// It enters a phase, or has no part in what begins.
    pub(super) fn enter(&mut self, part: Part) {
        self.part = part;
        self.received = false;
        self.first = None;
        (self.resumed, self.breaks) = (None, 0);
    }

    /// What it has to do in this phase, as long as it has not ended it.
    pub(super) fn part_in(&mut self, phase: PhaseId) -> Option<&mut Part> {
        [&mut self.part, &mut self.own_reset].into_iter().find(|part| part.is_open && part.is_of(phase))
    }

    /// Whether it went through this phase, or is in it.
    pub(super) fn has_part_in(&self, phase: PhaseId) -> bool {
        [&self.part, &self.own_reset].into_iter().any(|part| part.is_of(phase))
    }

    /// The phases that it has not ended.
    pub(super) fn open(&self) -> Vec<PhaseId> {
        let open = [&self.part, &self.own_reset].into_iter().filter(|part| part.is_open);
        open.filter_map(|part| part.of).collect()
    }
}

impl Part {
    /// That of a phase with so many steps.
    pub(super) fn new(phase: PhaseId, steps: usize) -> Self {
        Self { of: Some(phase), is_open: true, steps: vec![Progress::Waiting; steps], lost_at: None }
    }

    pub(super) fn is_of(&self, phase: PhaseId) -> bool {
        self.of == Some(phase)
    }

    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
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

    /// Ends it; what of it was not seen to end.
    pub(super) fn leave(&mut self) -> Vec<usize> {
        if !self.is_open {
            return Vec::new();
        }
        self.is_open = false;
        let count = self.steps.len();
        (0..count).filter(|position| self.end(*position)).collect()
    }
}
