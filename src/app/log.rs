//! The log of a run: a report that is written to the log line by line.
//!
//! The Python program logs each trial, and so does this one. With `-v`, every event is logged.

use std::io;
use std::sync::Arc;

use crate::config::{Diagnostic, Diagnostics};
use crate::model::{
    Action, BarrierResult, Event, Excuse, Measured, Phase, Plan, PlayerDescription, Reporter, Stamped, StepReference,
    StepResult, WorkerId, on_one_line,
};
use crate::report::{counted, skew_of_several};

/// The maximum number of findings about the Python program that are logged for one file.
const MOST_ABOUT_PYTHON: usize = 10;

/// Logs the events of a run.
#[derive(Debug)]
pub(super) struct LogReporter {
    plan: Option<Arc<Plan>>,
    /// Findings in the configuration that only matter to the Python program and are not logged yet.
    about_python: Vec<Diagnostic>,
    /// Whether a text report goes to the same place as the log. If so, its lines about lost workers and the like are
    /// not logged as well.
    is_told: bool,
}

impl LogReporter {
    /// Creates the reporter. `diagnostics` are the findings in the configuration; `is_told` means that a text report
    /// goes to the same place as the log.
    pub(super) fn new(diagnostics: &Diagnostics, is_told: bool) -> Self {
        Self { plan: None, about_python: diagnostics.about_python().cloned().collect(), is_told }
    }

    /// Logs what the Python program does not accept or reads differently in the file of a worker with a Python player.
    fn tell_about_python(&mut self, worker: WorkerId) {
        let Some(plan) = &self.plan else { return };
        let file = &plan.worker(worker).file;
        let found = std::mem::take(&mut self.about_python).into_iter();
        let (told, kept): (Vec<_>, Vec<_>) = found.partition(|finding| &finding.path == file);
        self.about_python = kept;
        for finding in told.iter().take(MOST_ABOUT_PYTHON) {
            let line = finding.position().map(|position| format!(":{}", position.line)).unwrap_or_default();
            let file = file.to_string_lossy();
            tracing::warn!("{}{line}: {} ({})", on_one_line(&file), finding.message, finding.name());
        }
        if told.len() > MOST_ABOUT_PYTHON {
            let more = counted(told.len() - MOST_ABOUT_PYTHON, "more finding");
            tracing::warn!("{more}; `conductor validate --python` shows all");
        }
    }

    fn worker(&self, worker: WorkerId) -> &str {
        self.plan.as_ref().map_or("?", |plan| plan.name(worker))
    }

    /// Returns the prefix of a text about a worker, or nothing if the text is about no worker.
    fn about(&self, worker: Option<WorkerId>) -> String {
        worker.map(|worker| format!("{}: ", self.worker(worker))).unwrap_or_default()
    }

    fn step(&self, step: StepReference) -> String {
        let planned = self.plan.as_ref().and_then(|plan| plan.step(step));
        let label = planned.map_or("?", |step| step.label.as_str());
        format!("{}: {} of {}", self.worker(step.worker), on_one_line(label), step.phase)
    }

    /// Logs a failure that counts as a warning, unless the text report goes to the same place. Steps that wait at a
    /// barrier are left out: a barrier that was not passed has a line of its own.
    fn step_ended(&self, step: StepReference, result: &StepResult) {
        let text = || format!("{} {}", self.step(step), on_one_line(&result.outcome.in_detail()));
        let planned = self.plan.as_ref().and_then(|plan| plan.step(step));
        let is_barrier = planned.is_some_and(|step| matches!(step.action, Action::Barrier(_)));
        // A failure in Reset does not count, but users look for it.
        let is_told =
            result.outcome.is_failure() && result.outcome.excuse(planned, step.phase) != Some(Excuse::MayFail);
        if is_told && !is_barrier && !self.is_told {
            tracing::warn!("{}", text());
        } else {
            tracing::debug!("{}", text());
        }
    }

    fn barrier(&self, phase: Phase, barrier: &BarrierResult) {
        let name = on_one_line(&barrier.name);
        match &barrier.passed {
            Ok(_) => tracing::debug!("{phase}: barrier `{name}` was passed"),
            Err(why) => {
                let why = why.text(self.plan.as_deref());
                tracing::warn!("{phase}: barrier `{name}` was not passed: {}", on_one_line(&why));
            }
        }
    }
}

/// Whether the log, at its current level, has a line about an event or needs it for a later line.
pub(super) fn is_about(event: &Event) -> bool {
    let is_only_for_debug = match event {
        Event::OutputReceived { .. } => return false,
        Event::StepEnded { result, .. } | Event::SpawnedEnded { result, .. } => !result.outcome.is_failure(),
        Event::StepStarted { .. }
        | Event::PhaseStarted { .. }
        | Event::PhaseReceived { .. }
        | Event::PhaseGo { .. }
        | Event::PhaseEnded { .. }
        | Event::WorkerPhaseEnded { .. }
        | Event::BarrierReleased { .. } => true,
        _ => false,
    };
    !is_only_for_debug || tracing::enabled!(tracing::Level::DEBUG)
}

/// Whether the text report has a line with the same content.
fn is_in_results(event: &Event) -> bool {
    match event {
        Event::WorkerLost { .. } | Event::OutputFailed { .. } | Event::Warning { .. } => true,
        Event::BarrierEnded { barrier, .. } => barrier.passed.is_err(),
        _ => false,
    }
}

impl LogReporter {
    /// Logs an event about a connection that breaks.
    fn of_connection(&self, event: &Event) {
        match event {
            Event::WorkerBroken { worker, reason } => {
                tracing::warn!("{}: {}; reconnecting", self.worker(*worker), on_one_line(reason));
            }
            Event::WorkerResumed { worker, silent } => {
                tracing::info!("{}: reconnected after {silent:.1?}", self.worker(*worker));
            }
            Event::WorkerLost { worker, reason, .. } => {
                tracing::warn!("{} is lost: {}", self.worker(*worker), on_one_line(reason));
            }
            Event::WorkerUnreachable { worker, reason, .. } => {
                tracing::debug!("{}{}", self.about(Some(*worker)), on_one_line(reason));
            }
            _ => {}
        }
    }

    /// Logs an event about a trial as a whole.
    fn of_trial(&self, event: &Event) {
        let trials = self.plan.as_ref().map_or(0, |plan| plan.trials);
        let about = |trial: &u32| self.plan.as_ref().map(|plan| plan.about_trial(*trial)).unwrap_or_default();
        match event {
            Event::RunResumed { done, .. } => tracing::info!("Resuming the run: {done} of {trials} trials are done"),
            Event::TrialStarted { trial, attempt: 1, .. } => {
                tracing::info!("Starting trial {trial} of {trials}{}", about(trial));
            }
            Event::TrialStarted { trial, attempt, .. } => {
                tracing::info!("Starting trial {trial} of {trials}{}, attempt {attempt}", about(trial));
            }
            Event::CheckStarted { trial } => tracing::debug!("Trial {trial}: check begins"),
            Event::CheckEnded { trial, result } => {
                tracing::debug!("Trial {trial}: check {}", result.outcome.in_detail());
            }
            Event::MeasuringStarted { trial, .. } => tracing::debug!("Trial {trial}: measuring begins"),
            Event::Measured { trial, measured: Measured { metric, worker, unit, measurement } } => {
                let (about, text) = (self.about(*worker), measurement.text(unit.as_deref()));
                tracing::debug!("Trial {trial}: {about}{metric}: {}", on_one_line(&text));
            }
            Event::TrialEnded { trial, verdict } => tracing::info!("Trial {trial} of {trials}: {}", verdict.word()),
            _ => {}
        }
    }
}

impl Reporter for LogReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match &stamped.event {
            Event::RunStarted { plan, .. } => {
                tracing::debug!("Run {}", plan.run);
                self.plan = Some(Arc::clone(plan));
            }
            Event::WorkerConnected { worker, player } => {
                tracing::debug!("{}: connected to {}", self.worker(*worker), on_one_line(&player.to_string()));
                if *player == PlayerDescription::Seed {
                    self.tell_about_python(*worker);
                    if self.plan.as_ref().is_some_and(|plan| !plan.settings.versions.is_empty()) {
                        tracing::info!("{}: a Python player does not support `versions`", self.worker(*worker));
                    }
                }
            }
            Event::PhaseStarted { trial, phase } => tracing::debug!("Trial {trial}: {phase} begins"),
            Event::PhaseReceived { phase, worker, .. } => {
                tracing::debug!("{}: ready for {phase}", self.worker(*worker));
            }
            Event::PhaseGo { phase, lead, .. } => tracing::debug!("{phase}: starts in {lead:.1?}"),
            event if self.is_told && is_in_results(event) => {}
            Event::StepStarted { step, .. } => tracing::debug!("{} started", self.step(*step)),
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => self.step_ended(*step, result),
            Event::BarrierReleased { phase, name, lead, .. } => {
                tracing::debug!("{phase}: barrier `{}` is released in {lead:.1?}", on_one_line(name));
            }
            Event::BarrierEnded { phase, barrier, .. } => self.barrier(*phase, barrier),
            Event::WorkerPhaseEnded { phase, worker, .. } => {
                tracing::debug!("{}: finished {phase}", self.worker(*worker));
            }
            Event::PhaseEnded { trial, phase, skew } => {
                let skew = skew_of_several(skew.as_ref()).map(|skew| format!("; start skew {skew}"));
                tracing::debug!("Trial {trial}: {phase} ended{}", skew.unwrap_or_default());
            }
            Event::OutputFailed { worker, text } => tracing::error!("{}{}", self.about(*worker), on_one_line(text)),
            Event::Warning { worker, text } => tracing::warn!("{}{}", self.about(*worker), on_one_line(text)),
            Event::RunEnded { conclusion } => tracing::debug!("Run ended: {}", conclusion.verdict.word()),
            Event::PrecisionJudged { judgement } => {
                tracing::info!("{}", on_one_line(&judgement.text(self.plan.as_deref())));
                if let Some(plan) = &mut self.plan {
                    Plan::extend(plan, judgement.trials);
                }
            }
            other => {
                self.of_connection(other);
                self.of_trial(other);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::report::testing::{failed, lost, measured, passed};

    /// Counts the bytes of a log.
    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(bytes.len(), Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_that_the_log_does_not_get_would_not_be_logged() {
        for (level, all) in [(tracing::Level::INFO, false), (tracing::Level::DEBUG, true)] {
            let count = Count::default();
            let written = || count.0.load(Ordering::Relaxed);
            let writer = count.clone();
            let log = tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).finish();
            let mut left_out = 0;
            tracing::subscriber::with_default(log, || {
                for run in [passed(), failed(), lost(), measured()] {
                    let mut log = LogReporter::new(&Diagnostics::default(), false);
                    for stamped in run {
                        let before = written();
                        log.report(&stamped).unwrap();
                        assert!(is_about(&stamped.event) || written() == before, "{:?}", stamped.event);
                        let is_output = matches!(stamped.event, Event::OutputReceived { .. });
                        left_out += usize::from(!is_about(&stamped.event) && !is_output);
                    }
                }
            });
            assert!(written() > 0);
            assert_eq!(left_out == 0, all, "{level}");
        }
    }
}
