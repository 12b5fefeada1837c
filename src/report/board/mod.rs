//! What happens right now: the content of the live view, without a terminal.
//!
//! It takes the events of a run, and knows for each worker what it does, since when, and the last line that it printed. What
//! stands in the row of a worker is decided in `rows`, what went wrong is found in `failures`, and how all of it fits the
//! terminal is decided in `lines`.

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

/// A step is slow beyond twice the time that it ever took, and this long.
const SLOW_MARGIN: Duration = Duration::from_secs(5);
/// A step of which nothing is known is slow after so long.
const SLOW: Duration = Duration::from_mins(1);
/// So many lines are searched for the last one that is not empty.
const LAST_LINES: usize = 8;

/// What is known of the moment.
#[derive(Default)]
pub(crate) struct Board {
    plan: Option<Arc<Plan>>,
    trial: u32,
    /// How many trials were done before the run was resumed, and how many have begun since.
    done_before: u32,
    begun: u32,
    /// When the first of these began, and the latest.
    trials_began: Option<(ConductorTime, ConductorTime)>,
    /// Since when the players are being reached.
    began: Option<ConductorTime>,
    phase: Option<(Phase, ConductorTime)>,
    /// Whether the workers were told to go.
    gone: bool,
    /// Since when the check of the trial runs.
    checking: Option<ConductorTime>,
    /// Since when the metrics of the trial are measured.
    measuring: Option<ConductorTime>,
    workers: Vec<Worker>,
    done: u64,
    /// For each worker the first one with the same steps.
    alike: Vec<WorkerId>,
    /// The longest that each step took so far, on the workers that have the same steps.
    longest: BTreeMap<(WorkerId, Phase, usize), Duration>,
    failures: Failures,
    /// Why trials were added to reach a precision.
    precision: Option<String>,
}

#[derive(Default)]
struct Worker {
    standing: Standing,
    /// Why its connection is broken, and since when.
    broken: Option<(String, ConductorTime)>,
    /// What it runs, and since when; what it spawned is not what it is waited for.
    open: Vec<(usize, ConductorTime)>,
    /// How many of the phase's steps are over, and when the last of them was.
    ended: usize,
    since: Option<ConductorTime>,
    failures: usize,
    printed: Printed,
}

/// What a worker printed last.
#[derive(Default)]
struct Printed {
    last: Option<Output>,
    /// How much each step of the trial that may print more has printed, on both streams, as far as it is known.
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
    /// Takes one event.
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

    /// What steps of an earlier trial print is not shown any more.
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

    /// What a step left, if it counts, and what it printed last: that can come together with its end.
    fn left(&mut self, step: StepReference, result: &StepResult) {
        let fails = result.outcome.fails(self.plan.as_ref().and_then(|plan| plan.step(step)), step.phase);
        let Some(worker) = self.workers.get_mut(step.worker.0) else { return };
        worker.failures += usize::from(fails);
        worker.printed.take_all(step, result, result.outcome.is_failure());
    }

    /// Whether it is a step of the phase that is shown, and not of a Reset that a worker runs because it leaves.
    fn is_current(&self, step: StepReference) -> bool {
        self.phase.is_some_and(|(phase, _)| phase == step.phase)
    }

    fn is_spawned(&self, step: StepReference) -> bool {
        self.plan.as_ref().and_then(|plan| plan.step(step)).is_some_and(|step| step.mode == Mode::Spawn)
    }

    /// The step that a worker is at, and since when: the longest of what it runs, else the next one.
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

    /// Whether the step that a worker is at takes unusually long.
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

/// How many steps a trial has.
fn steps_of_trial(plan: &Plan) -> u64 {
    let steps = |phase| plan.workers.iter().map(|worker| worker.steps[phase].len()).sum::<usize>();
    plan.phases.iter().map(|phase| steps(*phase)).sum::<usize>() as u64
}

impl Printed {
    /// Takes the output of a stream, if there is more of it than was known.
    fn take(&mut self, step: StepReference, stream: Stream, output: &Output) {
        let [stdout, stderr] = self.lengths.entry(step).or_default();
        let known = if stream == Stream::Stdout { stdout } else { stderr };
        if output.printed() > *known {
            *known = output.printed();
            self.last = Some(output.clone());
        }
    }

    /// Takes both outputs of a step that is over. Which came last is not known: of a step that failed it is more often
    /// standard error that says why.
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

    /// The last line that is not empty, without control characters.
    fn line(&self) -> String {
        let lines = self.last.as_ref().map(|output| last_lines(output, LAST_LINES)).unwrap_or_default();
        let line = lines.iter().rev().find(|line| !line.trim().is_empty());
        line.map_or(String::new(), |line| on_one_line(line.trim()).into_owned())
    }
}
