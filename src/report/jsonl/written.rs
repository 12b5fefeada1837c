//! From events to lines.

use std::borrow::Cow;
use std::time::Duration;

use super::left::{Left, Text};
use super::line::{Barrier, RecordedEvent, RunStarted, Skew, StepName, Waited, utc};
use crate::model::{
    BarrierResult, ClockAnchor, Conclusion, Event, Output, Phase, Plan, Reason, StartSkew, Step, StepReference,
    WorkerId, WorkerPlan,
};
use crate::report::words;

/// So many bytes of what a check printed are in the line of its end.
const BEGINNING: usize = 4000;

/// The names that the plan has for what events refer to.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) Option<&'a Plan>);

impl<'a> Names<'a> {
    fn worker(self, worker: WorkerId) -> Text<'a> {
        self.0.map_or("?", |plan| plan.name(worker)).into()
    }

    fn planned(self, step: StepReference) -> Option<&'a Step> {
        self.0?.step(step)
    }

    /// A step's place and label.
    pub(super) fn step(self, step: StepReference) -> StepName<'a> {
        let StepReference { trial, phase, worker, position } = step;
        let label = self.planned(step).map_or("?", |step| step.label.as_str()).into();
        StepName { trial, phase, worker: self.worker(worker), position, label }
    }

    fn skew(self, skew: &StartSkew) -> Skew<'a> {
        Skew {
            spread_ns: skew.spread.into(),
            bound_ns: skew.bound.into(),
            workers: skew.workers,
            unknown: skew.unknown.iter().map(|worker| self.worker(*worker)).collect(),
            unknown_workers: skew.unknown.len(),
        }
    }

    fn barrier(self, trial: u32, phase: Phase, barrier: &'a BarrierResult) -> Barrier<'a> {
        let waited =
            |(worker, time): &(WorkerId, Duration)| Waited { worker: self.worker(*worker), waited_ns: (*time).into() };
        Barrier {
            trial,
            phase,
            name: (&barrier.name).into(),
            passed: barrier.passed.is_ok(),
            reason: barrier.passed.as_ref().err().map(Cow::from),
            waited: barrier.waited.iter().map(waited).collect(),
            waited_workers: barrier.waited.len(),
            release_skew: barrier.passed.as_ref().ok().and_then(Option::as_ref).map(|skew| self.skew(skew)),
        }
    }
}

impl<'a> RecordedEvent<'a> {
    /// The run begins.
    pub(super) fn run_started(plan: &'a Plan, anchor: &ClockAnchor) -> Self {
        let settings = &plan.settings;
        Self::RunStarted(RunStarted {
            version: env!("CARGO_PKG_VERSION").into(),
            run: plan.run.as_str().into(),
            config: plan.file.to_string_lossy(),
            utc: utc(anchor, anchor.conductor),
            trials: plan.trials,
            phases: plan.phases.clone(),
            workers: plan.workers.len(),
            step_timeout_ns: settings.step_timeout.map(Into::into),
            reset_timeout_ns: settings.reset_timeout.into(),
            connect_timeout_ns: settings.connect_timeout.into(),
            lease_ns: settings.lease.into(),
            max_start_skew_ns: settings.max_start_skew.map(Into::into),
        })
    }

    /// A worker of the plan.
    pub(super) fn worker_planned(worker: &'a WorkerPlan) -> Self {
        Self::WorkerPlanned {
            worker: worker.name.as_str().into(),
            file: worker.file.to_string_lossy(),
            player: worker.player.to_string().into(),
            shell: (&worker.shell).into(),
            directory: worker.directory.as_deref().map(Cow::from),
        }
    }

    /// A step of the plan.
    pub(super) fn step_planned(worker: &'a WorkerPlan, phase: Phase, position: usize, step: &'a Step) -> Self {
        let (worker, label) = (worker.name.as_str().into(), step.label.as_str().into());
        Self::StepPlanned { worker, phase, position, label, action: words::action(step).into() }
    }

    /// Why the run is not simply passed.
    pub(super) fn reason(reason: &'a Reason) -> Self {
        Self::Reason { kind: words::reason(reason).into(), text: reason.text().into() }
    }

    /// The run is over.
    pub(super) fn run_ended(conclusion: &Conclusion) -> Self {
        Self::RunEnded { verdict: conclusion.verdict, exit_status: conclusion.exit_status() }
    }

    /// An event that is one line; none for those that are several.
    pub(super) fn of(event: &'a Event, names: Names<'a>) -> Option<Self> {
        let left = |step: StepReference, result| Left::new(names.planned(step), result);
        Some(match event {
            Event::WorkerConnected { worker, player } => {
                Self::WorkerConnected { worker: names.worker(*worker), player: player.into() }
            }
            Event::TrialStarted { trial } => Self::TrialStarted { trial: *trial },
            Event::PhaseStarted { trial, phase } => Self::PhaseStarted { trial: *trial, phase: *phase },
            Event::PhaseReceived { trial, phase, worker } => {
                Self::PhaseReceived { trial: *trial, phase: *phase, worker: names.worker(*worker) }
            }
            Event::PhaseGo { trial, phase, lead } => {
                Self::PhaseGo { trial: *trial, phase: *phase, lead_ns: (*lead).into() }
            }
            Event::StepStarted { step, started } => Self::StepStarted { step: names.step(*step), started: *started },
            Event::StepEnded { step, result } => Self::StepEnded { step: names.step(*step), left: left(*step, result) },
            Event::SpawnedEnded { step, result } => {
                Self::SpawnedEnded { step: names.step(*step), left: left(*step, result) }
            }
            Event::WorkerPhaseEnded { trial, phase, worker } => {
                Self::WorkerPhaseEnded { trial: *trial, phase: *phase, worker: names.worker(*worker) }
            }
            Event::BarrierReleased { trial, phase, name, lead } => {
                Self::BarrierReleased { trial: *trial, phase: *phase, name: name.into(), lead_ns: (*lead).into() }
            }
            Event::BarrierEnded { trial, phase, barrier } => Self::BarrierEnded(names.barrier(*trial, *phase, barrier)),
            Event::PhaseEnded { trial, phase, skew } => {
                let start_skew = skew.as_ref().map(|skew| names.skew(skew));
                Self::PhaseEnded { trial: *trial, phase: *phase, start_skew }
            }
            Event::WorkerBroken { worker, reason } => {
                Self::WorkerBroken { worker: names.worker(*worker), reason: reason.into() }
            }
            Event::WorkerResumed { worker, silent } => {
                Self::WorkerResumed { worker: names.worker(*worker), silent_ns: (*silent).into() }
            }
            Event::WorkerLost { worker, reason } => {
                Self::WorkerLost { worker: names.worker(*worker), reason: reason.into() }
            }
            Event::Warning { worker, text } => {
                Self::Warning { worker: worker.map(|worker| names.worker(worker)), text: text.into() }
            }
            Event::CheckEnded { trial, result } => Self::CheckEnded {
                trial: *trial,
                left: Left::new(None, result),
                stdout: beginning(&result.stdout),
                stderr: beginning(&result.stderr),
            },
            Event::TrialEnded { trial, verdict } => Self::TrialEnded { trial: *trial, verdict: *verdict },
            Event::RunStarted { .. }
            | Event::OutputReceived { .. }
            | Event::OutputEnded { .. }
            | Event::RunEnded { .. } => return None,
        })
    }
}

/// How an output begins; its length stands beside it.
fn beginning(output: &Output) -> Text<'static> {
    let mut bytes = vec![0; usize::try_from(output.length()).unwrap_or(BEGINNING).min(BEGINNING)];
    // What can't be read back is told by the format whose matter the whole outputs are.
    let read = output.read_exact_at(0, &mut bytes).is_ok();
    String::from_utf8_lossy(if read { &bytes } else { &[] }).into_owned().into()
}
