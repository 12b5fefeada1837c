//! Measures the metrics of a recorded run again, with the metrics of another test file. A run whose regular expression
//! was wrong need not be repeated.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::messages::{self, Refused};
use crate::conduct::{Fetched, History, ResultsFolder};
use crate::config::load_metrics;
use crate::metric::{Left, measure};
use crate::model::{Conclusion, Event, Plan, Reason, Stamped, Verdict};

/// Replaces the measurements among the events of a recorded run.
pub(super) struct Remeasure {
    config: PathBuf,
    files: Fetched,
    /// The plan with the new metrics, once it is known.
    plan: Option<Arc<Plan>>,
    left: Left,
    /// The verdict of the trial before it was measured, if it was recorded.
    before: Option<Verdict>,
    interrupted: bool,
    /// The new and the recorded verdict of the last attempt at each trial.
    ended: BTreeMap<u32, (Verdict, Verdict)>,
    /// The failures in the trials, with the new measurements.
    history: History,
}

impl Remeasure {
    pub(super) fn new(config: PathBuf, folder: ResultsFolder) -> Self {
        Self {
            config,
            files: Fetched { results: Some(folder), unwanted: crossbeam_channel::never() },
            plan: None,
            left: Left::default(),
            before: None,
            interrupted: false,
            ended: BTreeMap::new(),
            history: History::default(),
        }
    }

    /// Returns the events that replace this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the test file has errors.
    pub(super) fn take(&mut self, Stamped { at, event }: Stamped) -> Result<Vec<Stamped>, Refused> {
        self.left.take(&event);
        let events = match event {
            Event::RunStarted { plan, anchor } => vec![Event::RunStarted { plan: self.begin(&plan)?, anchor }],
            // The interrupt belongs to the part before, and the resumed run can have another plan.
            Event::RunResumed { plan, done, generation } => {
                (self.interrupted, self.before) = (false, None);
                vec![Event::RunResumed { plan: self.begin(&plan)?, done, generation }]
            }
            Event::MeasuringStarted { verdict, .. } => {
                self.before = Some(verdict);
                Vec::new()
            }
            Event::Measured { .. } => Vec::new(),
            Event::TrialEnded { trial, verdict } => self.trial_ended(trial, verdict),
            Event::RunEnded { conclusion } => vec![Event::RunEnded { conclusion: self.conclude(conclusion) }],
            Event::PrecisionJudged { judgement } => {
                if let Some(plan) = &mut self.plan {
                    Plan::extend(plan, judgement.trials);
                }
                vec![Event::PrecisionJudged { judgement }]
            }
            other => {
                self.interrupted |= matches!(other, Event::Interrupted { .. });
                vec![other]
            }
        };
        let events: Vec<Stamped> = events.into_iter().map(|event| Stamped { at, event }).collect();
        for stamped in &events {
            self.history.take(stamped);
        }
        Ok(events)
    }

    fn begin(&mut self, plan: &Plan) -> Result<Arc<Plan>, Refused> {
        let (metrics, diagnostics) = load_metrics(&self.config, plan);
        if self.plan.is_none() || diagnostics.has_errors() {
            messages::print_findings(&diagnostics);
        }
        let metrics = metrics.ok_or_else(|| messages::has_errors(&self.config, &diagnostics))?;
        let plan = Arc::new(Plan { metrics, ..plan.clone() });
        self.left = Left::new(&plan);
        self.plan = Some(Arc::clone(&plan));
        Ok(plan)
    }

    fn trial_ended(&mut self, trial: u32, recorded: Verdict) -> Vec<Event> {
        let before = self.before.take().unwrap_or(recorded);
        let plan = self.plan.as_ref().filter(|_| !self.interrupted);
        let all = plan.map(|plan| measure(plan, &self.left, &self.files)).unwrap_or_default();
        let mut verdict = before;
        let mut events = Vec::new();
        if !all.is_empty() {
            events.push(Event::MeasuringStarted { trial, verdict: before });
        }
        for measured in all {
            if plan.is_some_and(|plan| measured.failure(plan, trial, before == Verdict::Passed).is_some()) {
                verdict = verdict.max(Verdict::Failed);
            }
            events.push(Event::Measured { trial, measured });
        }
        self.ended.insert(trial, (verdict, recorded));
        events.push(Event::TrialEnded { trial, verdict });
        events
    }

    /// Returns the conclusion with the new measurements. Other reasons why the run did not pass remain.
    fn conclude(&mut self, conclusion: Conclusion) -> Conclusion {
        let Conclusion { verdict: recorded, mut reasons, hints } = conclusion;
        let is_failed = |reason: &Reason| matches!(reason, Reason::Failed(_));
        let failed = self.history.failed();
        // Recorded reasons about failed trials are replaced. If no trial failed, the failure came after the trials.
        if failed.is_some() || self.ended.values().any(|(_, recorded)| *recorded == Verdict::Failed) {
            reasons.retain(|reason| !is_failed(reason));
        }
        let others =
            if recorded == Verdict::Failed && !reasons.iter().any(is_failed) { Verdict::Passed } else { recorded };
        reasons.extend(failed);
        let worst = self.ended.values().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Passed);
        let mut verdict = worst.max(others);
        // The run may have stopped at a trial that no longer fails. Then it is incomplete.
        let planned = self.plan.as_ref().map_or(0, |plan| plan.trials as usize);
        let missing = planned.saturating_sub(self.ended.len());
        if verdict == Verdict::Passed && missing > 0 {
            verdict = Verdict::Incomplete;
            reasons.push(Reason::Incomplete(format!("{missing} of {planned} trials were not run")));
        }
        Conclusion { verdict, reasons, hints }
    }
}
