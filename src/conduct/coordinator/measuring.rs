//! The metrics of a trial: when they are measured, what they mean for the trial, and whether trials are added.

use std::collections::BTreeSet;

use crate::metric::unmeasured;
use crate::model::{Event, Measured, Verdict};
use crate::wait::Wait;

use super::{Action, Coordinator, Stage};

impl Coordinator {
    /// Measures a trial that was not interrupted, if it has metrics or the output of `check` may contain some.
    pub(super) fn measure_trial(&mut self) {
        if (self.plan.metrics.is_empty() && self.plan.check_in(self.trial).is_none()) || self.interrupted.is_some() {
            return self.trial_over();
        }
        self.wait(Stage::Measuring, BTreeSet::new(), None);
        self.measured_by = Some(self.now.plus(Wait::Metrics.time()));
        if !self.plan.metrics.is_empty() {
            self.measuring_starts();
        }
        self.actions.push(Action::Measure);
    }

    fn measuring_starts(&mut self) {
        let (trial, verdict) = (self.trial, self.verdict_so_far());
        self.report(Event::MeasuringStarted { trial, verdict });
    }

    /// Records the metrics of the trial.
    pub(super) fn measured(&mut self, trial: u32, all: Vec<Measured>) {
        if self.stage != Stage::Measuring || trial != self.trial {
            return;
        }
        self.measured_by = None;
        if self.plan.metrics.is_empty() && !all.is_empty() {
            self.measuring_starts();
        }
        let had_passed = self.verdict_so_far() == Verdict::Passed;
        for measured in all {
            if let Some(text) = measured.failure(&self.plan, trial, had_passed) {
                self.judge.fails(text);
            }
            self.report(Event::Measured { trial, measured });
        }
        self.trial_over();
    }

    /// Stops waiting for the metrics, because of an interrupt.
    pub(super) fn stop_measuring(&mut self) {
        self.measured_by = None;
        self.actions.push(Action::StopMeasuring);
        self.judge.incomplete(format!("the metrics of trial {} were not measured", self.trial));
        self.trial_over();
    }

    /// Gives up metrics that take too long to read.
    pub(super) fn give_up_measuring(&mut self) {
        if self.measured_by.is_some_and(|due| due <= self.now) {
            let limit = humantime::format_duration(Wait::Metrics.time());
            let all = unmeasured(&self.plan, &format!("reading the metrics took longer than {limit}"));
            self.actions.push(Action::StopMeasuring);
            self.measured(self.trial, all);
        }
    }

    /// Adds trials after all planned ones, if medians are not precise enough. Returns whether it did.
    pub(super) fn adds_trials(&mut self) -> bool {
        let Some(precision) = &self.precision else { return false };
        let judgement = loop {
            let judgement = precision.judge(&self.plan, self.todo.last());
            self.todo.extend(judgement.trials);
            // A run that was resumed with fewer trials already has the trials of some rounds.
            if judgement.added == 0 || self.todo.left() > 0 {
                break judgement;
            }
        };
        self.report(Event::PrecisionJudged { judgement });
        self.todo.left() > 0
    }
}
