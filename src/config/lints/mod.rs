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
use crate::model::{Mode, Phase, Step};

/// What the lints need to know of a worker's steps: those that are spawned, and those that
/// run no command.
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
    step: Step,
    place: Place,
}

impl Notes {
    /// Takes note of a step. `place` tells where that stands.
    pub(super) fn take(&mut self, phase: Phase, step: &Step, place: impl FnOnce() -> Place) {
        let is_parallel = step.mode == Mode::Parallel;
        if !(is_parallel && self.in_parallel) {
            self.group += 1;
        }
        self.in_parallel = is_parallel;
        self.count += 1;
        if step.mode == Mode::Spawn || step.command().is_none() {
            let note = Note { phase, position: self.count, group: self.group, step: step.clone(), place: place() };
            self.steps.push(note);
        }
    }

    /// A phase is over: its last step has no neighbour in the next one.
    pub(super) fn end_phase(&mut self) {
        self.in_parallel = false;
    }
}
