//! A phase that is being run: which steps are at work, what comes next, what has taken too long.

use std::time::Duration;

use super::event::{StepEnd, Turn};
use super::work::Work;
use crate::model::{Phase, PhaseId, PlayerTime, StepId, nanoseconds};
use crate::wire::{OutcomeMessage, PlanMessage, StepMessage};

/// A phase that is being run.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: PhaseId,
    /// The next step that was not begun.
    position: usize,
    /// When the next process is to start, until something came of one: the instant of `go`, or of a barrier's release.
    /// Neighbours that run together start at the same instant; what comes behind them follows at once.
    pub(super) instant: Option<PlayerTime>,
    /// The steps that the phase waits for: one, or neighbours that run together.
    open: Vec<Work>,
    /// Whether it was told to stop: steps are stopped, and the rest is skipped.
    pub(super) stopping: bool,
    /// Why the rest is skipped, where that is not for the conductor to say.
    skipping: Option<String>,
    /// When the phase as a whole has taken too long, and how long that is.
    limit: Option<(Duration, PlayerTime)>,
    over_limit: bool,
    /// The labels of the steps that failed.
    pub(super) failed: Vec<String>,
}

impl Running {
    pub(super) fn new(id: PhaseId, instant: Option<PlayerTime>, limit: Option<(Duration, PlayerTime)>) -> Self {
        Self {
            id,
            position: 0,
            instant,
            open: Vec::new(),
            stopping: false,
            skipping: None,
            limit,
            over_limit: false,
            failed: Vec::new(),
        }
    }

    pub(super) fn is_reset(&self) -> bool {
        self.id.phase == Phase::Reset
    }

    /// From now on it may take at most so long, when it has a limit: only a Reset has one.
    pub(super) fn shorten(&mut self, most: Duration, now: PlayerTime) {
        if let Some(limit) = self.limit.as_mut().filter(|(_, end)| now.plus(most) < *end) {
            *limit = (most, now.plus(most));
        }
    }

    /// When something of it has taken too long, or is due.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let phase = self.limit.filter(|_| !self.over_limit).map(|(_, at)| at);
        phase.into_iter().chain(self.open.iter().filter_map(Work::deadline)).min()
    }

    /// Stops the steps at work and skips the rest; `why` is for whoever did not say so.
    pub(super) fn stop(&mut self, why: Option<&str>, turn: &mut Turn) {
        self.skip(why.map(str::to_owned));
        self.end_all(&OutcomeMessage::Stopped, turn);
    }

    fn end_all(&mut self, outcome: &OutcomeMessage, turn: &mut Turn) {
        self.stopping = true;
        self.each(turn, |work, turn| work.stop(outcome, turn));
    }

    /// Does something to each step at work; what is over by that is told.
    fn each(&mut self, turn: &mut Turn, mut act: impl FnMut(&mut Work, &mut Turn) -> bool) {
        for mut work in self.open.extract_if(.., |work| act(work, turn)).collect::<Vec<_>>() {
            let end = work.wait_ended(OutcomeMessage::Stopped, turn.now);
            self.close(&work, end, turn);
        }
    }

    /// Stops what has taken too long, and does what is due.
    pub(super) fn time_passed(&mut self, turn: &mut Turn) {
        self.each(turn, super::work::Work::time_passed);
        if let Some((after, at)) = self.limit
            && at <= turn.now
            && !self.over_limit
        {
            self.over_limit = true;
            self.skip(Some(format!("{} took longer than {}", self.id.phase, humantime::format_duration(after))));
            let after = nanoseconds(after);
            self.end_all(&OutcomeMessage::TimedOut { after }, turn);
        }
    }

    /// Begins the next step, if the phase can go on, as far as it can by itself.
    pub(super) fn begin_next<'a>(
        &mut self,
        plan: &'a PlanMessage,
        turn: &mut Turn,
    ) -> Option<(StepId, &'a StepMessage)> {
        let steps = plan.steps(self.id.phase);
        loop {
            let step = steps.get(self.position).filter(|step| self.may_begin(step))?;
            let key = self.id.step(self.position);
            self.position += 1;
            if !self.skips() {
                self.open.push(Work::new(key, step, plan, (turn.now, self.instant)));
                return Some((key, step));
            }
            let why = self.skipping.clone();
            turn.step_ended(key, StepEnd::of(OutcomeMessage::Skipped { why }));
        }
    }

    /// What starts when the barrier is passed at which it waits.
    pub(super) fn awaited(&self, plan: &PlanMessage) -> Vec<StepId> {
        let at_barrier = matches!(&self.open[..], [work] if work.is_at_barrier());
        if at_barrier && !self.skips() { together(plan, self.id, self.position) } else { Vec::new() }
    }

    fn skips(&self) -> bool {
        self.stopping || self.skipping.is_some()
    }

    /// The rest is skipped for this reason, unless there was another before.
    fn skip(&mut self, why: Option<String>) {
        if !self.skips() {
            self.skipping = why;
        }
    }

    fn may_begin(&self, step: &StepMessage) -> bool {
        let together = step.parallel && self.open.iter().all(|work| work.parallel);
        self.open.is_empty() || (together && !self.skips())
    }

    /// Whether every one of `steps` steps is over.
    pub(super) fn is_over(&self, steps: usize) -> bool {
        self.open.is_empty() && self.position >= steps
    }

    /// The step at work with this key.
    pub(super) fn work(&mut self, key: StepId) -> Option<&mut Work> {
        self.open.iter_mut().find(|work| work.key == key)
    }

    /// Takes a spawned step out that has started: the phase waits for it no more.
    pub(super) fn take(&mut self, key: StepId) -> Option<Work> {
        self.open.iter().position(|work| work.key == key).map(|index| self.open.remove(index))
    }

    /// The process of a step at work is over, or could not be made. Whether there is such a step.
    pub(super) fn process_ended(&mut self, key: StepId, end: StepEnd, at: Option<PlayerTime>, turn: &mut Turn) -> bool {
        let Some(work) = self.work(key) else { return false };
        if let Some(end) = work.process_ended(end, at) {
            self.finish(key, end, turn);
        }
        true
    }

    /// Whoever waited for the end of this spawned step has waited for long enough.
    pub(super) fn spawned_ended(&mut self, target: StepId, at: PlayerTime, turn: &mut Turn) {
        let waiting: Vec<_> = self.open.iter().filter(|work| work.waits_for() == Some(target)).collect();
        for key in waiting.into_iter().map(|work| work.key).collect::<Vec<_>>() {
            self.wait_ended(key, OutcomeMessage::Exit { status: 0 }, at, turn);
        }
    }

    /// The wait of a step that has no process is over.
    pub(super) fn wait_ended(&mut self, key: StepId, outcome: OutcomeMessage, at: PlayerTime, turn: &mut Turn) {
        if let Some(end) = self.work(key).map(|work| work.wait_ended(outcome, at)) {
            self.finish(key, end, turn);
        }
    }

    /// The files of a step at work are transferred, or can't be.
    pub(super) fn transfer_ended(&mut self, key: StepId, outcome: OutcomeMessage, at: PlayerTime, turn: &mut Turn) {
        if self.work(key).is_some_and(|work| work.transfers()) {
            self.wait_ended(key, outcome, at, turn);
        }
    }

    /// Nobody is there any more to transfer files to or from, or to say that all are at a barrier.
    pub(super) fn go_on_alone(&mut self, why: &str, turn: &mut Turn) {
        let outcome = OutcomeMessage::Unfulfilled { why: why.to_owned() };
        let fails = |work: &Work| work.transfers() || work.is_at_barrier();
        self.each(turn, |work, turn| fails(work) && work.stop(&outcome, turn));
    }

    /// This barrier is passed; what comes next starts at the instant.
    pub(super) fn released(&mut self, key: StepId, at: Option<PlayerTime>, turn: &mut Turn) {
        if let Some(end) =
            self.work(key).filter(|work| work.is_at_barrier()).map(|work| work.released(at.unwrap_or(turn.now)))
        {
            self.instant = at;
            self.finish(key, end, turn);
        }
    }

    /// This barrier will never be passed.
    pub(super) fn barrier_failed(&mut self, key: StepId, why: String, turn: &mut Turn) {
        if self.work(key).is_some_and(|work| work.is_at_barrier()) {
            self.wait_ended(key, OutcomeMessage::Unfulfilled { why }, turn.now, turn);
        }
    }

    fn finish(&mut self, key: StepId, end: StepEnd, turn: &mut Turn) {
        if let Some(work) = self.take(key) {
            self.close(&work, end, turn);
        }
    }

    fn close(&mut self, work: &Work, end: StepEnd, turn: &mut Turn) {
        if end.outcome.is_failure() {
            self.failed.push(work.label.clone());
            self.failed_that_must_not(work);
        }
        turn.step_ended(work.key, end);
    }

    /// A step has failed: when it must not, the rest of its phase is skipped.
    pub(super) fn failed_that_must_not(&mut self, work: &Work) {
        if work.must && self.id == work.key.phase_id() {
            self.skip(Some(match work.barrier() {
                Some(name) => format!("barrier `{name}` failed"),
                None => format!("`must:` step `{}` failed", work.label),
            }));
        }
    }
}

/// The steps from this position on that start at the same instant: one, or neighbours that run together; only those that
/// are commands.
pub(super) fn together(plan: &PlanMessage, id: PhaseId, position: usize) -> Vec<StepId> {
    let steps = &plan.steps(id.phase).get(position..).unwrap_or_default();
    let together = |index: usize| index == 0 || (steps[0].parallel && steps[index].parallel);
    let started = (0..steps.len()).take_while(|index| steps[*index].action.is_none() && together(*index));
    started.map(|index| id.step(position + index)).collect()
}
