//! From events to the lines of the `jsonl` report.

use super::left::Left;
use super::line::{Barrier, Cut, Happened, LABEL, Names, RunStarted, Skew, Started, StepName, TEXT};
use super::line::{beginning, nanoseconds, path, text, utc};
use crate::model::{
    ClockAnchor, Conclusion, Event, Phase, Plan, PlayerDescription, Reason, Step, StepResult, WorkerPlan,
};
use crate::report::words;

impl<'a> Happened<'a> {
    /// The run begins.
    pub(super) fn run_started(plan: &'a Plan, anchor: &ClockAnchor) -> Self {
        let settings = &plan.settings;
        Self::RunStarted(RunStarted {
            version: env!("CARGO_PKG_VERSION"),
            run: plan.run.as_str(),
            config: path(&plan.file),
            utc: utc(anchor, anchor.conductor),
            trials: plan.trials,
            phases: plan.phases.iter().map(|phase| phase.word()).collect(),
            workers: plan.workers.len(),
            step_timeout_ns: settings.step_timeout.map(nanoseconds),
            reset_timeout_ns: nanoseconds(settings.reset_timeout),
            connect_timeout_ns: nanoseconds(settings.connect_timeout),
            lease_ns: nanoseconds(settings.lease),
            max_start_skew_ns: settings.max_start_skew.map(nanoseconds),
        })
    }

    /// A worker of the plan.
    pub(super) fn worker_planned(worker: &'a WorkerPlan) -> Self {
        Self::WorkerPlanned {
            worker: worker.name.as_str(),
            file: path(&worker.file),
            player: worker.player.to_string(),
            shell: text(&worker.shell),
            directory: worker.directory.as_deref().map(text),
        }
    }

    /// A step of the plan.
    pub(super) fn step_planned(worker: &'a WorkerPlan, phase: Phase, position: usize, step: &'a Step) -> Self {
        Self::StepPlanned {
            worker: worker.name.as_str(),
            phase: phase.word(),
            position,
            label: Cut(step.label.as_str().into(), LABEL),
            action: Cut(words::action(step).into(), TEXT),
        }
    }

    /// A step is over, or goes on in the background.
    pub(super) fn step_ended(step: StepName<'a>, planned: Option<&Step>, result: &'a StepResult) -> Self {
        Self::StepEnded { step, left: Left::new(planned, result) }
    }

    /// A spawned step is over.
    pub(super) fn spawned_ended(step: StepName<'a>, planned: Option<&Step>, result: &'a StepResult) -> Self {
        Self::SpawnedEnded { step, left: Left::new(planned, result) }
    }

    /// Why the run is not simply passed.
    pub(super) fn reason(reason: &'a Reason) -> Self {
        Self::Reason { kind: words::reason(reason), text: Cut(reason.text().into(), TEXT) }
    }

    /// The run is over.
    pub(super) fn run_ended(conclusion: &Conclusion) -> Self {
        Self::RunEnded { verdict: conclusion.verdict.word(), exit_status: conclusion.exit_status() }
    }

    /// An event that is a line as it is; none for those that are more than that.
    pub(super) fn plain(event: &'a Event, names: Names<'a>) -> Option<Self> {
        Some(match event {
            Event::WorkerConnected { worker, player } => connected(names.worker(*worker), player),
            Event::TrialStarted { trial } => Self::TrialStarted { trial: *trial },
            Event::PhaseStarted { trial, phase } => Self::PhaseStarted { trial: *trial, phase: phase.word() },
            Event::PhaseReceived { trial, phase, worker } => {
                Self::PhaseReceived { trial: *trial, phase: phase.word(), worker: names.worker(*worker) }
            }
            Event::PhaseGo { trial, phase, lead } => {
                Self::PhaseGo { trial: *trial, phase: phase.word(), lead_ns: nanoseconds(*lead) }
            }
            Event::StepStarted { step, started } => {
                Self::StepStarted { step: names.step(*step), started: Started::new(started) }
            }
            Event::WorkerPhaseEnded { trial, phase, worker } => {
                Self::WorkerPhaseEnded { trial: *trial, phase: phase.word(), worker: names.worker(*worker) }
            }
            Event::BarrierReleased { trial, phase, name, lead } => Self::BarrierReleased {
                trial: *trial,
                phase: phase.word(),
                name: Cut(name.as_str().into(), LABEL),
                lead_ns: nanoseconds(*lead),
            },
            Event::BarrierEnded { trial, phase, barrier } => {
                Self::BarrierEnded(Barrier::new(*trial, *phase, barrier, names))
            }
            Event::PhaseEnded { trial, phase, skew } => {
                let start_skew = skew.as_ref().map(|skew| Skew::new(skew, names));
                Self::PhaseEnded { trial: *trial, phase: phase.word(), start_skew }
            }
            Event::WorkerBroken { worker, reason } => {
                Self::WorkerBroken { worker: names.worker(*worker), reason: text(reason) }
            }
            Event::WorkerResumed { worker, silent } => {
                Self::WorkerResumed { worker: names.worker(*worker), silent_ns: nanoseconds(*silent) }
            }
            Event::WorkerLost { worker, reason } => {
                Self::WorkerLost { worker: names.worker(*worker), reason: text(reason) }
            }
            Event::Warning { worker, text: words } => {
                Self::Warning { worker: worker.map(|worker| names.worker(worker)), text: text(words) }
            }
            Event::CheckEnded { trial, result } => Self::CheckEnded {
                trial: *trial,
                left: Left::new(None, result),
                stdout: beginning(&result.stdout),
                stderr: beginning(&result.stderr),
            },
            Event::TrialEnded { trial, verdict } => Self::TrialEnded { trial: *trial, verdict: verdict.word() },
            Event::RunStarted { .. }
            | Event::OutputReceived { .. }
            | Event::OutputEnded { .. }
            | Event::StepEnded { .. }
            | Event::SpawnedEnded { .. }
            | Event::RunEnded { .. } => return None,
        })
    }
}

fn connected<'a>(worker: &'a str, player: &'a PlayerDescription) -> Happened<'a> {
    let (kind, version, host) = match player {
        PlayerDescription::Seed => ("seed", None, None),
        PlayerDescription::Session { version, host } => ("session", Some(text(version)), Some(text(host))),
    };
    Happened::WorkerConnected { worker, kind, version, host }
}
