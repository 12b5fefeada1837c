//! A phase that is being run: which steps are at work, what comes next, what has taken too long.

use std::time::Duration;

use super::event::{SessionAction, StepEnd, StepKey};
use super::work::{Next, Work};
use crate::model::{Phase, PhaseId, PlayerTime};
use crate::wire::{ActionMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepMessage};

/// A phase that is being run.
#[derive(Debug)]
pub(super) struct Running {
    id: PhaseId,
    /// The next step that was not begun.
    position: usize,
    /// When the next process is to start, until one was begun: the instant of `go`, or of a barrier's release.
    instant: Option<PlayerTime>,
    /// The steps that the phase waits for: one, or neighbours that run together.
    open: Vec<Work>,
    /// Whether it was told to stop: steps are stopped, and the rest is skipped.
    stopping: bool,
    /// Why the rest is skipped, where that is not for the conductor to say.
    skipping: Option<String>,
    /// When the phase as a whole has taken too long, and how long that is.
    limit: Option<(Duration, PlayerTime)>,
    over_limit: bool,
    /// The labels of the steps that failed.
    failed: Vec<String>,
}

/// A step that was begun, as far as the phase can do that by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Its process has to be made.
    Process(StepKey),
    /// It waits for others.
    Waiting,
    /// Its files have to be transferred.
    Transfer(StepKey),
    /// The spawned step of this label has to be stopped.
    Stop(StepKey, String),
}

impl Running {
    pub(super) fn new(id: PhaseId, instant: Option<PlayerTime>, limit: Option<(Duration, PlayerTime)>) -> Self {
        let (open, position) = (Vec::new(), 0);
        Self {
            id,
            position,
            instant,
            open,
            stopping: false,
            skipping: None,
            limit,
            over_limit: false,
            failed: Vec::new(),
        }
    }

    /// When the process that is being made has to start. Neighbours that run together start at the same instant; what
    /// comes behind them follows at once.
    pub(super) fn instant(&self) -> Option<PlayerTime> {
        self.instant
    }

    /// Something came of what was to start at the instant.
    pub(super) fn instant_is_over(&mut self) {
        self.instant = None;
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

    /// The labels of the steps that failed.
    pub(super) fn failed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failed)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(super) fn id(&self) -> PhaseId {
        self.id
    }

    /// When something of it has taken too long, or is due.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        let phase = self.limit.filter(|_| !self.over_limit).map(|(_, at)| at);
        phase.into_iter().chain(self.open.iter().filter_map(Work::deadline)).min()
    }

    /// Stops the steps at work and skips the rest; `why` is for whoever did not say so.
    pub(super) fn stop(&mut self, why: Option<&str>, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        self.skip(why.map(str::to_owned));
        self.end_all(&OutcomeMessage::Stopped, now, actions);
    }

    fn end_all(&mut self, outcome: &OutcomeMessage, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        self.stopping = true;
        self.each(actions, now, |work, actions| work.stop(outcome, actions));
    }

    /// Does something to each step at work; what is over by that is told.
    fn each(
        &mut self,
        actions: &mut Vec<SessionAction>,
        now: PlayerTime,
        mut act: impl FnMut(&mut Work, &mut Vec<SessionAction>) -> bool,
    ) {
        for mut work in Work::extract(&mut self.open, |work| act(work, actions)) {
            let end = work.wait_ended(OutcomeMessage::Stopped, now);
            self.close(&work, end, actions);
        }
    }

    /// Stops what has taken too long, and does what is due.
    pub(super) fn time_passed(&mut self, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        self.each(actions, now, |work, actions| work.time_passed(now, actions));
        if let Some((after, at)) = self.limit
            && at <= now
            && !self.over_limit
        {
            self.over_limit = true;
            self.skip(Some(format!("{} took longer than {}", self.id.phase, humantime::format_duration(after))));
            let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
            self.end_all(&OutcomeMessage::TimedOut { after }, now, actions);
        }
    }

    /// Begins the next step, if the phase can go on.
    pub(super) fn begin_next(
        &mut self,
        plan: &PlanMessage,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) -> Option<Begun> {
        let steps = plan.steps(self.id.phase);
        loop {
            let step = steps.get(self.position).filter(|step| self.may_begin(step))?;
            let key = self.id.step(self.position);
            self.position += 1;
            if self.skips() {
                let why = self.skipping.clone();
                actions.push(StepEnd::of(OutcomeMessage::Skipped { why }).told(key, false));
                continue;
            }
            self.open.push(Work::new(key, step, plan, (now, self.instant)));
            if step.action.is_some() {
                self.instant_is_over();
            }
            return Some(match &step.action {
                None => Begun::Process(key),
                Some(ActionMessage::Fetch { .. } | ActionMessage::Put { .. }) => Begun::Transfer(key),
                Some(ActionMessage::Stop { label }) => Begun::Stop(key, label.clone()),
                Some(ActionMessage::Barrier { .. }) => {
                    actions.push(SessionAction::Send(PlayerMessage::BarrierReached(key)));
                    Begun::Waiting
                }
            });
        }
    }

    /// What starts when the barrier is passed at which it waits.
    pub(super) fn awaited(&self, plan: &PlanMessage) -> Vec<StepKey> {
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
    pub(super) fn work(&mut self, key: StepKey) -> Option<&mut Work> {
        self.open.iter_mut().find(|work| work.key == key)
    }

    /// Takes a spawned step out that has started: the phase waits for it no more.
    pub(super) fn take(&mut self, key: StepKey) -> Option<Work> {
        self.open.iter().position(|work| work.key == key).map(|index| self.open.remove(index))
    }

    /// The process of a step at work is over, or could not be made. Whether there is such a step.
    pub(super) fn process_ended(
        &mut self,
        key: StepKey,
        end: StepEnd,
        at: Option<PlayerTime>,
        actions: &mut Vec<SessionAction>,
    ) -> bool {
        let Some(work) = self.work(key) else { return false };
        if let Next::Over(end) = work.process_ended(end, at) {
            self.finish(key, end, actions);
        }
        true
    }

    /// Whoever waited for the end of this spawned step has waited for long enough.
    pub(super) fn spawned_ended(&mut self, target: StepKey, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        let waiting: Vec<_> = self.open.iter().filter(|work| work.waits_for() == Some(target)).collect();
        for key in waiting.into_iter().map(|work| work.key).collect::<Vec<_>>() {
            self.wait_ended(key, OutcomeMessage::Exit { status: 0 }, now, actions);
        }
    }

    /// The wait of a step that has no process is over.
    pub(super) fn wait_ended(
        &mut self,
        key: StepKey,
        outcome: OutcomeMessage,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) {
        if let Some(end) = self.work(key).map(|work| work.wait_ended(outcome, now)) {
            self.finish(key, end, actions);
        }
    }

    /// The files of a step at work are transferred, or can't be.
    pub(super) fn transfer_ended(
        &mut self,
        key: StepKey,
        outcome: OutcomeMessage,
        at: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) {
        if self.work(key).is_some_and(|work| work.transfers()) {
            self.wait_ended(key, outcome, at, actions);
        }
    }

    /// Nobody is there any more to transfer files to or from, or to say that all are at a barrier.
    pub(super) fn go_on_alone(&mut self, why: &str, now: PlayerTime, actions: &mut Vec<SessionAction>) {
        let outcome = OutcomeMessage::Unfulfilled { why: why.to_owned() };
        let fails = |work: &Work| work.transfers() || work.is_at_barrier();
        self.each(actions, now, |work, actions| fails(work) && work.stop(&outcome, actions));
    }

    /// This barrier is passed; what comes next starts at the instant.
    pub(super) fn released(
        &mut self,
        key: StepKey,
        at: Option<PlayerTime>,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) {
        if let Some(end) =
            self.work(key).filter(|work| work.is_at_barrier()).map(|work| work.released(at.unwrap_or(now)))
        {
            self.instant = at;
            self.finish(key, end, actions);
        }
    }

    /// This barrier will never be passed.
    pub(super) fn barrier_failed(
        &mut self,
        key: StepKey,
        why: String,
        now: PlayerTime,
        actions: &mut Vec<SessionAction>,
    ) {
        if self.work(key).is_some_and(|work| work.is_at_barrier()) {
            self.wait_ended(key, OutcomeMessage::Unfulfilled { why }, now, actions);
        }
    }

    fn finish(&mut self, key: StepKey, end: StepEnd, actions: &mut Vec<SessionAction>) {
        if let Some(work) = self.take(key) {
            self.close(&work, end, actions);
        }
    }

    fn close(&mut self, work: &Work, end: StepEnd, actions: &mut Vec<SessionAction>) {
        if end.outcome.is_failure() {
            self.failed.push(work.label.clone());
            self.failed_that_must_not(work);
        }
        actions.push(end.told(work.key, false));
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
pub(super) fn together(plan: &PlanMessage, id: PhaseId, position: usize) -> Vec<StepKey> {
    let steps = &plan.steps(id.phase).get(position..).unwrap_or_default();
    let together = |index: usize| index == 0 || (steps[0].parallel && steps[index].parallel);
    let started = (0..steps.len()).take_while(|index| steps[*index].action.is_none() && together(*index));
    started.map(|index| id.step(position + index)).collect()
}
