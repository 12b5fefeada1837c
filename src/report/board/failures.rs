//! What has gone wrong so far, for the top of the view: the first causes, each with its consequences.
//!
//! After a trial, only what is shown is kept: a run can have thousands of trials.

use crate::model::{ConductorTime, Event, Outcome, on_one_line};
use crate::report::Run;
use crate::report::causes::{Shown, causes, shown};

/// The maximum number of causes that are shown.
const MOST: usize = 3;

/// The causes so far.
#[derive(Default)]
pub(super) struct Failures {
    /// The record of the current trial.
    run: Run,
    /// Whether something has happened since the last update that can be a cause or a consequence.
    is_stale: bool,
    /// The first causes of earlier trials, and how many there are.
    earlier: (Vec<Failure>, usize),
    /// The first causes of the current trial, and how many there are.
    current: (Vec<Failure>, usize),
}

/// A cause, as the view shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What went wrong, and where.
    pub(super) title: String,
    /// The consequences.
    pub(super) consequences: Option<String>,
}

impl Failures {
    /// Processes an event.
    pub(super) fn take(&mut self, at: ConductorTime, event: &Event) {
        if matches!(event, Event::TrialStarted { .. }) {
            self.begin_trial();
        }
        self.is_stale |= match event {
            Event::StepEnded { result, .. } | Event::SpawnedEnded { result, .. } => {
                !matches!(result.outcome, Outcome::Passed | Outcome::Spawned)
            }
            Event::Measured { measured, .. } => measured.measurement.is_failure(),
            Event::CheckEnded { .. }
            | Event::BarrierEnded { .. }
            | Event::PhaseEnded { .. }
            | Event::WorkerLost { .. }
            | Event::WorkerUnreachable { .. } => true,
            _ => false,
        };
        self.run.record(at, event);
    }

    fn begin_trial(&mut self) {
        self.update();
        let (shown, count) = std::mem::take(&mut self.current);
        self.earlier.0.extend(shown);
        self.earlier.0.truncate(MOST);
        self.earlier.1 += count;
        self.run = Run { plan: self.run.plan.take(), start: self.run.start, ..Run::default() };
    }

    /// Finds the causes again if they may have changed.
    pub(super) fn update(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            let found = causes(&self.run, None);
            let first = found.iter().take(MOST).map(|cause| {
                let Shown { title, consequences, .. } = shown(&self.run, cause);
                let one_line = |text: &str| on_one_line(text).into_owned();
                Failure { title: one_line(&title), consequences: consequences.as_deref().map(one_line) }
            });
            self.current = (first.collect(), found.len());
        }
    }

    /// Returns the first causes, and how many others there are.
    pub(super) fn shown(&self) -> (Vec<&Failure>, usize) {
        let first: Vec<_> = self.earlier.0.iter().chain(&self.current.0).take(MOST).collect();
        let others = (self.earlier.1 + self.current.1).saturating_sub(first.len());
        (first, others)
    }
}
