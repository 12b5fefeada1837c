//! What happens within a phase: steps start and end; workers finish, are stopped, or are lost.

use std::time::Duration;

use crate::conduct::event::{Command, End};
use crate::model::{
    Blame, Event, Forced, OnFailure, Outcome, Phase, PhaseId, Process, Start, Step, StepId, StepReference, StepResult,
    WorkerId, signal_name,
};
use crate::wait::Wait;

use super::judge::how;
use super::worker::{Part, Progress};
use super::{Coordinator, Rest, Stage};

impl Coordinator {
    pub(super) fn armed(&mut self, worker: WorkerId, id: PhaseId, round_trip: Duration) {
        if !self.is_in(worker, id) || std::mem::replace(&mut self.workers[worker.0].part.received, true) {
            return;
        }
        self.lead.ready(round_trip);
        let PhaseId { trial, phase } = id;
        self.report(Event::PhaseReceived { trial, phase, worker });
        if !self.workers[worker.0].broken {
            self.answered(Stage::Arming, worker);
        }
    }

    pub(super) fn step_started(&mut self, worker: WorkerId, place: StepId, started: Start) {
        if !self.part(worker, place.phase_id()).is_some_and(|part| part.advance(place.position, Progress::Started)) {
            return;
        }
        if self.is_in(worker, place.phase_id()) {
            // The step starts with `go` if no other comes before it.
            let starts =
                Step::first_together(&self.plan.worker_in(place.trial, worker).steps[place.phase], place.position) == 0;
            if let Some((_, first)) = self.workers[worker.0].first.as_mut().filter(|_| starts) {
                first.get_or_insert(started);
            }
            self.lead.started(started.late);
            self.barriers.started(worker, place.position, started);
        }
        self.report(Event::StepStarted { step: place.of(worker), started });
    }

    pub(super) fn step_ended(&mut self, worker: WorkerId, place: StepId, mut result: StepResult) {
        if !self.part(worker, place.phase_id()).is_some_and(|part| part.advance(place.position, Progress::Ended)) {
            return;
        }
        result.because = self.blame(place.of(worker), &result.outcome);
        if let Outcome::Skipped(why @ None) = &mut result.outcome {
            *why = self.why_stopped();
        }
        if result.outcome == Outcome::Spawned {
            self.workers[worker.0].spawned.insert(place);
        }
        self.result(worker, place, result, |step, result| Event::StepEnded { step, result });
    }

    /// Reports the end of a step, and everything that follows from it.
    fn result(
        &mut self,
        worker: WorkerId,
        place: StepId,
        result: StepResult,
        told: impl FnOnce(StepReference, StepResult) -> Event,
    ) {
        let (step, outcome, how) = (place.of(worker), result.outcome.clone(), how(&result));
        let warnings = what_stays(&result, self.plan.has(Phase::Reset));
        self.report(told(step, result));
        for what in warnings {
            let text = format!("step `{}` in {} of trial {} {what}", self.plan.label(step), step.phase, step.trial);
            self.report(Event::Warning { worker: Some(worker), text });
        }
        let part = &mut self.workers[worker.0].part;
        let must_pass = self.plan.step(step).is_some_and(|planned| planned.must_pass(step.phase));
        if part.of == Some(place.phase_id()) && must_pass && outcome.is_failure() {
            part.must.get_or_insert(place.position);
        }
        if self.is_in(worker, place.phase_id()) {
            self.not_at_barrier(worker, place.position, &outcome);
        }
        self.judge_step(step, &outcome, &how);
    }

    /// Reports a step that is lost with its worker. The loss of the worker is what counts against the run.
    pub(super) fn step_lost(&mut self, worker: WorkerId, place: StepId, result: StepResult) {
        let step = place.of(worker);
        let result = StepResult { because: Some(Blame::Worker(worker)), ..result };
        if self.workers[worker.0].spawned.remove(&place) {
            self.report(Event::SpawnedEnded { step, result });
        } else if self.part(worker, place.phase_id()).is_some_and(|part| part.lose(place.position)) {
            self.report(Event::StepEnded { step, result });
        }
    }

    pub(super) fn spawned_ended(&mut self, worker: WorkerId, place: StepId, mut result: StepResult) {
        if !self.workers[worker.0].spawned.remove(&place) {
            return;
        }
        // A step that ended after Reset had begun was ended by it, whatever its exit status: that is what Reset is for.
        // A player that leaves starts its Reset when it announces that.
        let ended = result.started.zip(result.duration).map_or(self.now, |(started, ran)| started.at.plus(ran));
        let by_reset = self.workers[worker.0].is_departing() || self.reset_began.is_some_and(|began| ended >= began);
        if result.outcome.is_failure() && by_reset {
            result.outcome = Outcome::Stopped;
        }
        self.result(worker, place, result, |step, result| Event::SpawnedEnded { step, result });
    }

    fn judge_step(&mut self, step: StepReference, outcome: &Outcome, how: &str) {
        if *outcome == Outcome::Lost {
            let (label, name) = (self.plan.label(step), self.plan.name(step.worker));
            self.judge.incomplete(format!("the result of step `{label}` of worker `{name}` is unknown"));
        } else if outcome.fails(self.plan.step(step), step.phase) {
            self.judge.failed(&self.plan, step, how);
            if self.plan.settings.on_failure == OnFailure::Stop {
                self.rest = self.rest.max(Rest::CollectAndReset);
                if matches!(self.current(), Some(Phase::Startup | Phase::Run)) {
                    self.stop_phase(Blame::Step(step));
                }
            }
        } else if step.phase == Phase::Reset && outcome.is_failure() {
            let text = format!("step `{}` {how} in reset of trial {}", self.plan.label(step), step.trial);
            self.report(Event::Warning { worker: Some(step.worker), text });
        }
    }

    pub(super) fn worker_phase_ended(&mut self, worker: WorkerId, id: PhaseId) {
        if self.part(worker, id).is_none() {
            return;
        }
        if self.stage == Stage::Arming && !self.workers[worker.0].is_departing() {
            return self.give_up(worker, End::lost("its player ended a phase that had not begun"));
        }
        if self.is_in(worker, id) {
            self.comes_no_more(worker, false);
        }
        let outcome = self.unheard(worker);
        let open = self.close_steps(worker, id, &outcome, None);
        if open > 0 && outcome == Outcome::Lost {
            let name = self.plan.name(worker);
            self.judge.incomplete(format!("worker `{name}` did not report how {open} of its steps ended"));
        }
        let PhaseId { trial, phase } = id;
        self.report(Event::WorkerPhaseEnded { trial, phase, worker });
        self.answered(Stage::Running, worker);
    }

    /// Why the phase was told to stop, as a message.
    pub(super) fn why_stopped(&self) -> Option<String> {
        self.stopping.map(|blame| blame.why_stopped(&self.plan))
    }

    /// What else kept this step from being carried out, if anything did.
    fn blame(&self, step: StepReference, outcome: &Outcome) -> Option<Blame> {
        let worker = &self.workers[step.worker.0];
        let place = PhaseId { trial: step.trial, phase: step.phase };
        let stopping = self.stopping.filter(|_| self.is_in(step.worker, place));
        let leaves = worker.is_departing().then_some(Blame::Worker(step.worker));
        let must = worker.part.must.map(|position| Blame::Step(StepReference { position, ..step }));
        match outcome {
            // The player reports why it skips a step, unless the conductor knows.
            Outcome::Skipped(Some(_)) => must.or(stopping).or(leaves),
            Outcome::Skipped(None) => stopping.or(leaves).or(must),
            Outcome::Stopped => stopping.or(leaves),
            // A player that leaves transfers no files, and waits for no other worker.
            Outcome::Unfulfilled(_) => leaves,
            _ => None,
        }
    }

    /// Stops the current phase on every worker that is in it, for this reason. A second call has no effect.
    pub(super) fn stop_phase(&mut self, why: Blame) {
        if self.current().is_none() || self.stopping.is_some() {
            return;
        }
        self.stopping = Some(why);
        let phase = self.phase_id();
        let inside = self.who(|worker| worker.part.is_in(phase));
        self.wait(Stage::Running, inside, Some(Wait::PhaseStop.time()));
        self.command_pending(&Command::Stop(phase));
    }

    /// Gives up a worker: it is no longer waited for.
    pub(super) fn give_up(&mut self, worker: WorkerId, end: End) {
        self.command(worker, Command::Abandon);
        self.ended(worker, end);
    }

    /// Handles the loss of a worker: its open steps are closed, and the other workers continue.
    pub(super) fn lose(&mut self, worker: WorkerId, end: &End) {
        self.comes_no_more(worker, true);
        self.judge.lost(&self.plan, worker, end);
        self.report(Event::WorkerLost { worker, reason: end.reason.clone(), hint: end.hint });
        self.close_all(worker, Some(Blame::Worker(worker)));
    }

    /// Closes the open steps of a worker, whose results are unknown.
    pub(super) fn close_all(&mut self, worker: WorkerId, because: Option<Blame>) {
        if let Some(phase) = self.workers[worker.0].part.of {
            self.close_steps(worker, phase, &Outcome::Lost, because);
        }
        for place in std::mem::take(&mut self.workers[worker.0].spawned) {
            let result = StepResult { because, ..StepResult::without_output(Outcome::Lost) };
            self.report(Event::SpawnedEnded { step: place.of(worker), result });
        }
    }

    fn close_steps(&mut self, worker: WorkerId, phase: PhaseId, outcome: &Outcome, because: Option<Blame>) -> usize {
        let open = self.workers[worker.0].part.leave();
        for position in &open {
            let step = phase.step(*position).of(worker);
            let because = because.or_else(|| self.blame(step, outcome));
            self.report(Event::StepEnded {
                step,
                result: StepResult { because, ..StepResult::without_output(outcome.clone()) },
            });
        }
        open.len()
    }

    /// The phase that is armed or running.
    pub(super) fn current(&self) -> Option<Phase> {
        matches!(self.stage, Stage::Arming | Stage::Running).then(|| self.phase())
    }

    /// Whether a worker is in this phase together with the others.
    pub(super) fn is_in(&self, worker: WorkerId, phase: PhaseId) -> bool {
        self.current().is_some() && phase == self.phase_id() && self.workers[worker.0].part.is_in(phase)
    }

    /// The step of the current phase at which a worker is, or was when it was lost.
    pub(super) fn at(&self, worker: WorkerId) -> Option<&Step> {
        let part = &self.workers[worker.0].part;
        let position = part.at().filter(|_| part.is_in(self.phase_id()))?;
        self.plan.worker_in(self.trial, worker).steps[self.phase()].get(position)
    }

    /// A worker's part in this phase, which may be a Reset that it runs by itself, unless it has ended the phase.
    fn part(&mut self, worker: WorkerId, phase: PhaseId) -> Option<&mut Part> {
        self.notice_own_reset(worker, phase);
        Some(&mut self.workers[worker.0].part).filter(|part| part.is_open && part.of == Some(phase))
    }
}

/// Describes processes that outlived their step, could not be stopped, or did not end with the first signal.
pub(super) fn what_stays(result: &StepResult, with_reset: bool) -> Vec<String> {
    let mut said = Vec::new();
    if result.leaky {
        let who = match &result.holders[..] {
            [] => "an unknown process".to_owned(),
            holders => Process::list(holders),
        };
        let then = if with_reset {
            "; stopped after the trial, if still running"
        } else {
            "; not stopped after the trial, because this run has no Reset"
        };
        said.push(format!("is leaky: its output is still open in {who}{then}"));
    }
    if !result.not_stopped.is_empty() {
        said.push(format!("could not be stopped: {}", Process::list(&result.not_stopped)));
    } else if let Some(Forced { signal, after }) = result.forced.as_deref() {
        said.push(format!(
            "had to be stopped with {} and ended {after:.1?} after the first signal",
            signal_name(*signal)
        ));
    }
    said
}
