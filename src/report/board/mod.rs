//! The content of the live view, without a terminal.
//!
//! It processes the events of a run, and keeps for each worker its current step, the start of that step, and the last
//! line that it printed. `rows` decides what the row of a worker contains, `failures` finds what went wrong, and
//! `lines` fits everything into the terminal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::last_lines;
use crate::model::{
    Action, Bound, ConductorTime, Event, Mode, Output, Phase, Plan, Stamped, Step, StepReference, StepResult, Stream,
    WorkerId, on_one_line,
};

mod failures;
mod lines;
mod rows;
#[cfg(test)]
mod tests;

use failures::Failures;

pub(crate) use lines::BoardLine;

/// A step is slow if it takes longer than twice its longest duration so far plus this margin.
const SLOW_MARGIN: Duration = Duration::from_secs(5);
/// A step without a known duration is slow after this time.
const SLOW: Duration = Duration::from_mins(1);
/// The number of lines that are searched for the last non-empty one.
const LAST_LINES: usize = 8;

/// The current state of a run.
#[derive(Default)]
pub(crate) struct Board {
    plan: Option<Arc<Plan>>,
    trial: u32,
    /// The number of trials that were done before the run was resumed, and the number that have begun since.
    done_before: u32,
    begun: u32,
    /// When the first and the latest of the trials since then began.
    trials_began: Option<(ConductorTime, ConductorTime)>,
    /// When the run began to reach the players.
    began: Option<ConductorTime>,
    phase: Option<(Phase, ConductorTime)>,
    /// Whether `go` was sent to the workers.
    gone: bool,
    /// When the check of the trial began, while it runs.
    checking: Option<ConductorTime>,
    /// When the measurement of the trial's metrics began, while it runs.
    measuring: Option<ConductorTime>,
    workers: Vec<Worker>,
    done: u64,
    /// For each worker, the first worker with the same steps.
    alike: Vec<WorkerId>,
    /// The longest duration of each step so far, on all workers with the same steps.
    longest: BTreeMap<(WorkerId, Phase, usize), Duration>,
    failures: Failures,
    /// Why trials were added to reach a precision.
    precision: Option<String>,
}

#[derive(Default)]
struct Worker {
    standing: Standing,
    /// Why and since when the connection is broken.
    broken: Option<(String, ConductorTime)>,
    /// The running steps, each with its start. Spawned steps are left out, because the worker does not wait for them.
    open: Vec<(usize, ConductorTime)>,
    /// How many steps of the phase have ended, and when the last of them ended.
    ended: usize,
    since: Option<ConductorTime>,
    failures: usize,
    printed: Printed,
}

/// The last output of a worker.
#[derive(Default)]
struct Printed {
    last: Option<Output>,
    /// The known length of the output of each step of the trial that may print more, on both streams.
    lengths: BTreeMap<StepReference, [u64; 2]>,
}

#[derive(Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Away,
    Ready,
    In,
    Through,
    Lost(String),
}

impl Board {
    /// Processes an event.
    pub(crate) fn take(&mut self, Stamped { at, event }: &Stamped) {
        self.failures.take(*at, event);
        match event {
            Event::RunStarted { plan, .. } => {
                self.workers = plan.workers.iter().map(|_| Worker::default()).collect();
                (self.plan, self.began) = (Some(Arc::clone(plan)), Some(*at));
                self.alike = plan.first_alike();
            }
            Event::RunResumed { plan, done, .. } => {
                self.done_before = *done;
                self.done = u64::from(*done) * steps_of_trial(plan);
            }
            Event::WorkerConnected { worker, .. } => self.stand(*worker, Standing::Ready),
            Event::TrialStarted { trial, .. } => self.begin_trial(*trial, *at),
            Event::PhaseStarted { phase, .. } => self.begin(*phase, *at),
            Event::PhaseReceived { worker, .. } => self.stand(*worker, Standing::In),
            Event::PhaseGo { lead, .. } => self.go(at.plus(*lead)),
            Event::StepStarted { step, started } if self.is_current(*step) && !self.is_spawned(*step) => {
                self.workers[step.worker.0].open.push((step.position, started.at));
            }
            Event::OutputReceived { step, stream, output } if step.trial == self.trial => {
                if let Some(worker) = self.workers.get_mut(step.worker.0) {
                    worker.printed.take(*step, *stream, output);
                }
            }
            Event::StepEnded { step, result } => self.ended(*step, result, *at),
            Event::SpawnedEnded { step, result } => self.left(*step, result),
            Event::WorkerPhaseEnded { worker, .. } => self.stand(*worker, Standing::Through),
            Event::WorkerBroken { worker, reason } => self.breaks(*worker, Some((reason.clone(), *at))),
            Event::WorkerResumed { worker, .. } => self.breaks(*worker, None),
            Event::WorkerLost { worker, reason, .. } => self.stand(*worker, Standing::Lost(reason.clone())),
            Event::PhaseEnded { .. } => self.phase = None,
            Event::PrecisionJudged { judgement } => {
                self.precision = Some(on_one_line(&judgement.text(self.plan.as_deref())).into_owned());
                if let Some(plan) = &mut self.plan {
                    Plan::extend(plan, judgement.trials);
                }
            }
            Event::CheckStarted { .. } => self.checking = Some(*at),
            Event::CheckEnded { .. } => self.checking = None,
            Event::MeasuringStarted { .. } => self.measuring = Some(*at),
            Event::TrialEnded { .. } => self.measuring = None,
            _ => {}
        }
    }

    fn stand(&mut self, worker: WorkerId, standing: Standing) {
        if let Some(worker) = self.workers.get_mut(worker.0) {
            worker.standing = standing;
        }
    }

    fn breaks(&mut self, worker: WorkerId, broken: Option<(String, ConductorTime)>) {
        if let Some(worker) = self.workers.get_mut(worker.0) {
            worker.broken = broken;
        }
    }

    /// Begins a trial. The output of earlier trials is no longer shown.
    fn begin_trial(&mut self, trial: u32, at: ConductorTime) {
        self.trial = trial;
        self.begun += 1;
        self.trials_began = Some((self.trials_began.map_or(at, |(first, _)| first), at));
        for worker in &mut self.workers {
            worker.printed = Printed::default();
        }
    }

    fn begin(&mut self, phase: Phase, at: ConductorTime) {
        (self.phase, self.gone) = (Some((phase, at)), false);
        for worker in &mut self.workers {
            (worker.ended, worker.since, worker.printed.last) = (0, None, None);
            worker.open.clear();
            if !matches!(worker.standing, Standing::Lost(_)) {
                worker.standing = Standing::Ready;
            }
        }
    }

    fn go(&mut self, at: ConductorTime) {
        self.gone = true;
        self.workers.iter_mut().for_each(|worker| worker.since = Some(at));
    }

    fn ended(&mut self, step: StepReference, result: &StepResult, at: ConductorTime) {
        let is_current = self.is_current(step);
        self.left(step, result);
        let Some(worker) = self.workers.get_mut(step.worker.0) else { return };
        if is_current {
            worker.open.retain(|(position, _)| *position != step.position);
            worker.ended += 1;
            worker.since = Some(at);
        }
        self.done += 1;
        if let (Some(first), Some(took)) = (self.alike.get(step.worker.0), result.duration) {
            let longest = self.longest.entry((*first, step.phase, step.position)).or_default();
            *longest = took.max(*longest);
        }
    }

    /// Records the result of a step: a failure if it counts, and the last output, which can arrive with the result.
    fn left(&mut self, step: StepReference, result: &StepResult) {
        let fails = result.outcome.fails(self.plan.as_ref().and_then(|plan| plan.step(step)), step.phase);
        let Some(worker) = self.workers.get_mut(step.worker.0) else { return };
        worker.failures += usize::from(fails);
        worker.printed.take_all(step, result, result.outcome.is_failure());
    }

    /// Whether the step belongs to the current phase, and not to a Reset that a leaving worker runs.
    fn is_current(&self, step: StepReference) -> bool {
        self.phase.is_some_and(|(phase, _)| phase == step.phase)
    }

    fn is_spawned(&self, step: StepReference) -> bool {
        self.plan.as_ref().and_then(|plan| plan.step(step)).is_some_and(|step| step.mode == Mode::Spawn)
    }

    /// Returns the current step of a worker, and its start: the longest-running step, or else the next one.
    fn current(&self, id: WorkerId) -> Option<(usize, &Step, ConductorTime)> {
        let worker = &self.workers[id.0];
        let (phase, _) = self.phase.filter(|_| self.gone && worker.standing == Standing::In)?;
        let running = worker.open.iter().copied().min_by_key(|(_, since)| *since);
        let (position, since) = running.or_else(|| Some((worker.ended, worker.since?)))?;
        Some((position, self.plan.as_ref()?.worker_in(self.trial, id).steps[phase].get(position)?, since))
    }

    /// Whether a worker waits for others at a barrier.
    fn is_at_barrier(&self, worker: WorkerId) -> bool {
        self.current(worker).is_some_and(|(_, step, _)| matches!(step.action, Action::Barrier(_)))
    }

    /// Whether the current step of a worker takes unusually long.
    fn is_slow(&self, worker: WorkerId, position: usize, step: &Step, took: Duration) -> bool {
        let first = self.alike.get(worker.0).copied().unwrap_or(worker);
        let known = self.phase.and_then(|(phase, _)| self.longest.get(&(first, phase, position)));
        let usual = match (known, step.bound) {
            (_, Some(Bound::For(limit))) => limit + SLOW_MARGIN,
            (Some(longest), _) => *longest * 2 + SLOW_MARGIN,
            (None, Some(Bound::Timeout(limit))) => limit / 2,
            (None, None) => SLOW,
        };
        took > usual
    }
}

/// Returns the number of steps of a trial.
fn steps_of_trial(plan: &Plan) -> u64 {
    let steps = |phase| plan.workers.iter().map(|worker| worker.steps[phase].len()).sum::<usize>();
    plan.phases.iter().map(|phase| steps(*phase)).sum::<usize>() as u64
}

impl Printed {
    /// Records the output of a stream if it has grown.
    fn take(&mut self, step: StepReference, stream: Stream, output: &Output) {
        let [stdout, stderr] = self.lengths.entry(step).or_default();
        let known = if stream == Stream::Stdout { stdout } else { stderr };
        if output.printed() > *known {
            *known = output.printed();
            self.last = Some(output.clone());
        }
    }

    /// Records both outputs of a step that has ended. Which came last is unknown; if a step failed, standard error
    /// usually contains the reason.
    fn take_all(&mut self, step: StepReference, result: &StepResult, is_failure: bool) {
        let mut both = [(Stream::Stderr, &result.stderr), (Stream::Stdout, &result.stdout)];
        if is_failure {
            both.reverse();
        }
        for (stream, output) in both {
            self.take(step, stream, output);
        }
        if !result.may_print_more() {
            self.lengths.remove(&step);
        }
    }

    /// Returns the last non-empty line, without control characters.
    fn line(&self) -> String {
        let lines = self.last.as_ref().map(|output| last_lines(output, LAST_LINES)).unwrap_or_default();
        let line = lines.iter().rev().find(|line| !line.trim().is_empty());
        line.map_or(String::new(), |line| on_one_line(line.trim()).into_owned())
    }
}
