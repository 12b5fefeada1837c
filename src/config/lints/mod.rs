//! What only a look at a whole file, at all steps of a worker, or at all workers of a test can find.

pub(super) mod barriers;
pub(super) mod bounds;
pub(super) mod defaults;
pub(super) mod fetches;
pub(super) mod puts;
pub(super) mod several_lines;
mod shell_text;
pub(super) mod spawns;
pub(super) mod stops;

use super::Place;
use super::step::ParsedStep;
use crate::model::{Action, Mode, Phase};

/// What the lints need to know of a worker's steps: those that other steps or workers refer to, or that refer to others.
#[derive(Debug, Default)]
pub(super) struct Notes {
    steps: Vec<Note>,
    /// How many steps there were so far.
    count: usize,
    group: usize,
    in_parallel: bool,
}

/// One of these steps.
#[derive(Debug)]
struct Note {
    phase: Phase,
    /// Which of its worker's steps it is.
    position: usize,
    /// Neighbouring `parallel:` steps have one number, any other step has its own.
    group: usize,
    kind: NoteKind,
    place: Place,
}

/// What the step is.
#[derive(Debug)]
enum NoteKind {
    /// It is spawned, and has this label.
    Spawn(String),
    /// It is a barrier.
    Barrier(String),
    /// It stops the step with this label.
    Stop(String),
    /// It fetches what fits this pattern.
    Fetch(String),
}

impl Notes {
    /// Takes note of a step. `place` tells where that stands.
    pub(super) fn take(&mut self, phase: Phase, label: &str, parsed: &ParsedStep, place: impl FnOnce() -> Place) {
        let step = &parsed.step;
        let is_parallel = step.mode == Mode::Parallel;
        if !(is_parallel && self.in_parallel) {
            self.group += 1;
        }
        self.in_parallel = is_parallel;
        self.count += 1;
        let kind = match &step.action {
            Action::Command(_) if step.mode == Mode::Spawn => NoteKind::Spawn(label.to_owned()),
            Action::Barrier(name) => NoteKind::Barrier(name.clone()),
            Action::Stop(label) => NoteKind::Stop(label.to_string()),
            Action::Fetch(pattern) => NoteKind::Fetch(pattern.clone()),
            Action::Command(_) | Action::Put { .. } => return,
        };
        self.steps.push(Note { phase, position: self.count, group: self.group, kind, place: place() });
    }

    /// A phase is over: its last step has no neighbour in the next one.
    pub(super) fn end_phase(&mut self) {
        self.in_parallel = false;
    }
}
