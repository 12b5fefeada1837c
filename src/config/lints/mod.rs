//! What only a look at a whole file, at all steps of a worker, or at all workers of a test can find.

pub(super) mod barriers;
pub(super) mod defaults;
pub(super) mod exec_limits;
pub(super) mod fetches;
pub(super) mod plan_bounds;
pub(super) mod puts;
pub(super) mod several_lines;
mod shell_text;
pub(super) mod spawns;
pub(super) mod stops;

use super::reader::{Document, Entry};
use super::source::Place;
use super::step::{ParsedStep, Task};
use crate::model::{Mode, Phase};

/// What the lints need to know of a worker's steps: all but the commands.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) steps: Vec<Note>,
    /// The spawned steps.
    spawned: Vec<Spawned>,
    /// How many steps there were so far.
    count: usize,
    group: usize,
    in_parallel: bool,
}

/// A spawned step: the place of its entry in its phase's section, which has its label.
#[derive(Debug, Clone, Copy)]
struct Spawned {
    phase: Phase,
    index: usize,
    position: usize,
}

impl Spawned {
    fn entry<'d>(&self, document: &'d Document) -> Option<&'d Entry> {
        document.section(self.phase.section())?.entries.get(self.index)
    }
}

/// A step that refers to others.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) phase: Phase,
    /// How many steps its worker has before it.
    position: usize,
    /// Neighbouring `parallel:` steps have one number, any other step has its own.
    pub(super) group: usize,
    pub(super) kind: NoteKind,
    pub(super) place: Place,
}

/// What the step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoteKind {
    /// It is a barrier.
    Barrier(String),
    /// It stops the step with this label.
    Stop(String),
    /// It fetches what fits this pattern.
    Fetch(String),
}

impl Notes {
    /// Takes note of a step. `place` tells where its task stands.
    pub(super) fn take(&mut self, phase: Phase, index: usize, parsed: &ParsedStep<'_>, place: impl FnOnce() -> Place) {
        let is_parallel = parsed.mode == Mode::Parallel;
        if !(is_parallel && self.in_parallel) {
            self.group += 1;
        }
        self.in_parallel = is_parallel;
        let position = self.count;
        self.count += 1;
        if parsed.mode == Mode::Spawn {
            self.spawned.push(Spawned { phase, index, position });
        }
        let kind = match parsed.task {
            Task::Barrier(name) => NoteKind::Barrier(name.to_owned()),
            Task::Stop(label) => NoteKind::Stop(label.to_owned()),
            Task::Fetch(pattern) => NoteKind::Fetch(pattern.to_owned()),
            Task::Command(_) | Task::Put { .. } => return,
        };
        self.steps.push(Note { phase, position, group: self.group, kind, place: place() });
    }

    /// A phase is over: its last step has no neighbour in the next one.
    pub(super) fn end_phase(&mut self) {
        self.in_parallel = false;
    }
}
