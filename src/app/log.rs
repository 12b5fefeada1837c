//! The log of a run: a report like the others, told line by line to whoever keeps the log.
//!
//! The seed logs each trial, and so do we; with `-v` there is a line for everything that happens.

use std::io;
use std::sync::Arc;

use crate::model::{BarrierResult, Event, Phase, Plan, Reporter, Stamped, StepReference, WorkerId, on_one_line};
use crate::report::skew_of_several;

/// Logs the events of a run.
#[derive(Debug, Default)]
pub(super) struct LogReporter {
    plan: Option<Arc<Plan>>,
}

impl LogReporter {
    fn worker(&self, worker: WorkerId) -> &str {
        self.plan.as_ref().map_or("?", |plan| plan.name(worker))
    }

    fn step(&self, step: StepReference) -> String {
        let planned = self.plan.as_ref().and_then(|plan| plan.step(step));
        let label = planned.map_or("?", |step| step.label.as_str());
        format!("{}: {} of {}", self.worker(step.worker), on_one_line(label), step.phase)
    }
}

impl Reporter for LogReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        let trials = self.plan.as_ref().map_or(0, |plan| plan.trials);
        match &stamped.event {
            Event::RunStarted { plan, .. } => {
                tracing::debug!("Run {}", plan.run);
                self.plan = Some(Arc::clone(plan));
            }
            Event::WorkerConnected { worker, player } => {
                tracing::debug!("{}: connected to {}", self.worker(*worker), on_one_line(&player.to_string()));
            }
            Event::TrialStarted { trial } => tracing::info!("Starting trial {trial} of {trials}"),
            Event::PhaseStarted { trial, phase } => tracing::debug!("Trial {trial}: {phase} begins"),
            Event::PhaseReceived { phase, worker, .. } => {
                tracing::debug!("{}: ready for {phase}", self.worker(*worker));
            }
            Event::PhaseGo { phase, lead, .. } => tracing::debug!("{phase}: starts in {lead:.1?}"),
            Event::OutputReceived { .. } | Event::OutputEnded { .. } => {}
            Event::StepStarted { step, .. } => tracing::debug!("{} started", self.step(*step)),
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => {
                tracing::debug!("{} {}", self.step(*step), result.outcome.in_detail());
            }
            Event::BarrierReleased { phase, name, lead, .. } => {
                tracing::debug!("{phase}: barrier `{}` is released in {lead:.1?}", on_one_line(name));
            }
            Event::BarrierEnded { phase, barrier, .. } => tell_barrier(*phase, barrier),
            Event::WorkerPhaseEnded { phase, worker, .. } => {
                tracing::debug!("{}: finished {phase}", self.worker(*worker));
            }
            Event::PhaseEnded { trial, phase, skew } => {
                let skew = skew_of_several(skew.as_ref()).map(|skew| format!("; start skew {skew}"));
                tracing::debug!("Trial {trial}: {phase} ended{}", skew.unwrap_or_default());
            }
            Event::WorkerBroken { worker, reason } => {
                tracing::warn!("{}: {}; reconnecting", self.worker(*worker), on_one_line(reason));
            }
            Event::WorkerResumed { worker, silent } => {
                tracing::info!("{}: reconnected after {silent:.1?}", self.worker(*worker));
            }
            Event::WorkerLost { worker, reason } => {
                tracing::warn!("{} is lost: {}", self.worker(*worker), on_one_line(reason));
            }
            Event::Warning { worker, text } => {
                let worker = worker.map(|worker| format!("{}: ", self.worker(worker))).unwrap_or_default();
                tracing::warn!("{worker}{}", on_one_line(text));
            }
            Event::CheckStarted { trial } => tracing::debug!("Trial {trial}: check begins"),
            Event::CheckEnded { trial, result } => {
                tracing::debug!("Trial {trial}: check {}", result.outcome.in_detail());
            }
            Event::TrialEnded { trial, verdict } => tracing::info!("Trial {trial} of {trials}: {}", verdict.word()),
            Event::RunEnded { conclusion } => tracing::debug!("Run ended: {}", conclusion.verdict.word()),
        }
        Ok(())
    }
}

fn tell_barrier(phase: Phase, barrier: &BarrierResult) {
    let name = on_one_line(&barrier.name);
    match &barrier.passed {
        Ok(_) => tracing::debug!("{phase}: barrier `{name}` was passed"),
        Err(why) => tracing::warn!("{phase}: barrier `{name}` was not passed: {}", on_one_line(why)),
    }
}
