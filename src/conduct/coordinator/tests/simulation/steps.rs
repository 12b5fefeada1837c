//! Steps of simulated runs: how they begin, run and end.

use std::sync::Arc;
use std::time::Duration;

use super::{Due, Fault, STEP, Simulation, StepAction, WAY, next};
use crate::conduct::event::{ConnectionEvent, End};
use crate::model::{
    Bound, Ending, Event, Mode, Outcome, Output, Phase, PlayerTime, Start, Step, StepId, StepReference, StepResult,
    Unkept, WorkerId,
};

impl Simulation<'_> {
    /// Makes a spawned step die. A worker that waits for a line of it waits in vain.
    pub(super) fn dies(&mut self, worker: WorkerId, place: StepId, status: i32) {
        let player = &mut self.players[worker.0];
        if player.is_gone || !player.spawned.remove(&place) {
            return;
        }
        let (at, in_phase) = (player.at, player.phase == Some(place.phase_id()));
        let step = self.step(worker, place);
        let all: Vec<Fault> = self.faults.iter().cloned().collect();
        let died = all.into_iter().find(|fault| matches!(fault, Fault::Dies(step, ..) if *step == place.of(worker)));
        self.simulated.came_to_pass.extend(died);
        let result = StepResult::without_output(Outcome::Failed(Ending::Exit(status)));
        self.says(worker, ConnectionEvent::SpawnedEnded(place, result));
        if in_phase && step.is_some_and(|step| step.must_pass(place.phase)) {
            self.players[worker.0].failed.get_or_insert(place);
        }
        if let Some(at) = at.filter(|at| self.awaits(worker, *at)) {
            let why = "it ended without printing the line".to_owned();
            self.happens(Due::Ends(worker, at, Outcome::Unfulfilled(why)));
        }
    }

    fn awaits(&self, worker: WorkerId, place: StepId) -> bool {
        self.step(worker, place).is_some_and(|step| matches!(step.action, StepAction::Await { .. }))
    }

    /// Makes a worker begin a step, or skip what is left.
    pub(super) fn begins(&mut self, worker: WorkerId, place: StepId) {
        let Some(step) = self.step(worker, place) else {
            self.players[worker.0].phase = None;
            return self.says(worker, ConnectionEvent::PhaseEnded(place.phase_id()));
        };
        let own = place.of(worker);
        if let Some(failed) = self.players[worker.0].failed {
            self.simulated.skipped_for.insert(own, failed.of(worker));
            let skipped = StepResult::without_output(Outcome::Skipped(Some("a `must:` step failed".to_owned())));
            self.says(worker, ConnectionEvent::StepEnded(place, skipped));
            return self.later(Duration::ZERO, Due::Continues(worker, next(place)));
        }
        let player = &mut self.players[worker.0];
        (player.at, player.withdrawn) = (Some(place), false);
        match &step.action {
            StepAction::Barrier(_) => {
                self.says(worker, ConnectionEvent::BarrierReached(place, WAY));
                if let Some(Bound::Timeout(limit)) = step.bound {
                    self.later(limit, Due::Withdraws(worker, place));
                }
            }
            StepAction::Await { .. } if player.spawned.is_empty() => {
                let why = "it has ended without printing the line".to_owned();
                self.happens(Due::Ends(worker, place, Outcome::Unfulfilled(why)));
            }
            StepAction::Await { .. } => self.later(STEP * 2, Due::Printed(worker, place)),
            StepAction::Fetch(_) if !self.has_files(own) => {
                let why = "there is no file".to_owned();
                self.happens(Due::Ends(worker, place, Outcome::Unfulfilled(why)));
            }
            _ => self.runs(worker, place, &step),
        }
    }

    /// Whether a worker has the files that its last step of Run writes: not if a step of Run was skipped or stopped.
    fn has_files(&self, step: StepReference) -> bool {
        !self.simulated.events.iter().any(|stamped| match &stamped.event {
            Event::StepEnded { step: before, result } => {
                let is_of_run = (before.trial, before.worker, before.phase) == (step.trial, step.worker, Phase::Run);
                is_of_run && matches!(result.outcome, Outcome::Skipped(_) | Outcome::Stopped)
            }
            _ => false,
        })
    }

    /// Creates a step's process, or injects a fault instead.
    fn runs(&mut self, worker: WorkerId, place: StepId, step: &Step) {
        let own = place.of(worker);
        if self.comes_to_pass(&Fault::NotStarted(own)) {
            return self.happens(Due::Ends(worker, place, Outcome::NotStarted("no such shell".to_owned())));
        }
        if self.comes_to_pass(&Fault::Loses(own)) {
            self.says(worker, ConnectionEvent::StepStarted(place, self.start(Duration::ZERO)));
            self.players[worker.0].is_gone = true;
            return self.later(STEP / 2, Due::Says(worker, ConnectionEvent::Ended(End::lost("nothing heard"))));
        }
        let all: Vec<Fault> = self.faults.iter().cloned().collect();
        let mut outcome = (STEP, Outcome::Passed);
        let (mut late, mut dies) = (Duration::ZERO, None);
        for fault in all {
            match fault {
                Fault::Fails(step, status) if step == own => outcome.1 = Outcome::Failed(Ending::Exit(status)),
                Fault::Slow(step, time) if step == own => outcome.0 = time,
                Fault::Late(step, time) if step == own => {
                    late = time;
                    self.simulated.came_to_pass.insert(fault.clone());
                }
                Fault::Dies(step, after, status) if step == own => dies = Some((after, status)),
                Fault::DiskFull(step) if step == own => {
                    self.simulated.came_to_pass.insert(fault.clone());
                    let text = "cannot save the output of the steps: no space left on device".to_owned();
                    self.says(worker, ConnectionEvent::OutputFailed(text));
                }
                _ => {}
            }
        }
        let start = self.start(late);
        self.says(worker, ConnectionEvent::StepStarted(place, start));
        if step.mode == Mode::Spawn {
            self.players[worker.0].spawned.insert(place);
            if let Some((after, status)) = dies {
                self.later(after, Due::Dies(worker, place, status));
            }
            return self.happens(Due::Ends(worker, place, Outcome::Spawned));
        }
        self.later(outcome.0, Due::Ends(worker, place, outcome.1));
    }

    fn start(&self, late: Duration) -> Start {
        let (at, player) = (self.now.plus(late), PlayerTime::from_nanoseconds(self.now.nanoseconds()));
        Start { at, error: Duration::ZERO, player, late: Duration::ZERO }
    }

    /// Ends a step: its player reports that.
    pub(super) fn ended(&mut self, worker: WorkerId, place: StepId, outcome: Outcome) {
        let own = place.of(worker);
        if let Outcome::Failed(Ending::Exit(status)) = outcome {
            self.comes_to_pass(&Fault::Fails(own, status));
        }
        if outcome.is_failure() && self.step(worker, place).is_some_and(|step| step.must_pass(place.phase)) {
            self.players[worker.0].failed.get_or_insert(place);
        }
        let mut result = StepResult::without_output(outcome);
        if self.faults.contains(&Fault::DiskFull(own)) {
            let unkept = Unkept { bytes: 4096, why: "no space left on device".into() };
            result.stdout = Output::new(Arc::new(Vec::new()), 0, Some(unkept));
        }
        self.says(worker, ConnectionEvent::StepEnded(place, result));
    }
}
