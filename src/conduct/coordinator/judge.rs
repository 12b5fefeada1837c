//! The verdicts: of each trial, and of the run with its reasons.

use std::sync::Arc;

use crate::model::{Conclusion, Gate, Outcome, Phase, Plan, Reason, StepReference, StepResult, Verdict, WorkerId};

/// Gathers what speaks against a run.
#[derive(Debug)]
pub(super) struct Judge {
    plan: Arc<Plan>,
    not_carried_out: Vec<String>,
    incomplete: Vec<String>,
    first_failure: Option<String>,
    failures: usize,
    trial_failed: bool,
    trial_incomplete: bool,
    worst: Verdict,
}

impl Judge {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            not_carried_out: Vec::new(),
            incomplete: Vec::new(),
            first_failure: None,
            failures: 0,
            trial_failed: false,
            trial_incomplete: false,
            worst: Verdict::Passed,
        }
    }

    /// The run, or a part of it, could not be carried out. The same text is said once.
    pub(super) fn not_carried_out(&mut self, text: String) {
        if !self.not_carried_out.contains(&text) {
            self.not_carried_out.push(text);
        }
    }

    /// Something was not seen to its end.
    pub(super) fn incomplete(&mut self, text: String) {
        self.trial_incomplete = true;
        self.incomplete.push(text);
    }

    /// A worker could not be heard of any more.
    pub(super) fn lost(&mut self, worker: WorkerId, reason: &str) {
        let name = &self.plan.worker(worker).name;
        self.incomplete.push(format!("worker `{name}` was lost: {reason}"));
    }

    /// Whether this outcome makes its trial a failed one.
    pub(super) fn counts(&self, step: StepReference, outcome: &Outcome) -> bool {
        let gate = self.plan.worker(step.worker).steps[step.phase].get(step.position).map(|step| step.gate);
        outcome.is_failure() && step.phase != Phase::Reset && gate != Some(Gate::MayFail)
    }

    /// A step failed in a way that counts.
    pub(super) fn failed(&mut self, step: StepReference, how: &str) {
        self.trial_failed = true;
        self.failures += 1;
        if self.first_failure.is_none() {
            let (trial, phase) = (step.trial, step.phase);
            let name = &self.plan.worker(step.worker).name;
            let text = self.failure(step, how);
            self.first_failure = Some(format!("{text} on worker `{name}` in {phase} of trial {trial}"));
        }
    }

    /// What the test's own check came to. One that could not be started has not judged the trial: that is our trouble.
    pub(super) fn check(&mut self, trial: u32, outcome: &Outcome) {
        if let Outcome::NotStarted(_) = outcome {
            self.trial_incomplete = true;
            self.not_carried_out(format!("`check` of trial {trial} {}", outcome.how_it_failed()));
        } else if outcome.is_failure() {
            self.trial_failed = true;
            self.failures += 1;
            let text = format!("`check` of trial {trial} {}", outcome.how_it_failed());
            self.first_failure.get_or_insert(text);
        } else if *outcome == Outcome::Lost {
            self.incomplete(format!("the result of `check` of trial {trial} is unknown"));
        } else if *outcome != Outcome::Passed {
            self.incomplete(format!("`check` of trial {trial} was stopped"));
        }
    }

    /// A step's label.
    pub(super) fn label(&self, step: StepReference) -> &str {
        let steps = &self.plan.worker(step.worker).steps[step.phase];
        steps.get(step.position).map_or("?", |step| step.label.as_str())
    }

    /// What is to be said of a step that failed, without its worker.
    pub(super) fn failure(&self, step: StepReference, how: &str) -> String {
        format!("step `{}` {how}", self.label(step))
    }

    /// The verdict of the trial that is over now; the next one begins.
    pub(super) fn end_trial(&mut self, incomplete: bool) -> Verdict {
        let verdict = match (incomplete || self.trial_incomplete, self.trial_failed) {
            (true, _) => Verdict::Incomplete,
            (false, true) => Verdict::Failed,
            (false, false) => Verdict::Passed,
        };
        self.trial_failed = false;
        self.trial_incomplete = false;
        self.worst = self.worst.max(verdict);
        verdict
    }

    /// Whether a step failed in any trial.
    pub(super) fn has_failures(&self) -> bool {
        self.failures > 0
    }

    /// The verdict of the run. `whole` says that everything that was asked for was run.
    pub(super) fn conclude(&mut self, interrupted: Option<i32>, whole: bool) -> Conclusion {
        let mut reasons: Vec<Reason> = interrupted.map(Reason::Interrupted).into_iter().collect();
        reasons.extend(self.not_carried_out.drain(..).map(Reason::NotCarriedOut));
        let complete = whole && self.incomplete.is_empty();
        reasons.extend(self.incomplete.drain(..).map(Reason::Incomplete));
        if let Some(mut text) = self.first_failure.take() {
            if self.failures > 1 {
                text = format!("{text}, and {} more", self.failures - 1);
            }
            reasons.push(Reason::Failed(text));
        }
        let worst = if self.failures > 0 { self.worst.max(Verdict::Failed) } else { self.worst };
        Conclusion { verdict: if complete { worst } else { Verdict::Incomplete }, reasons }
    }
}

/// How a step failed, to follow its name.
pub(super) fn how(result: &StepResult) -> String {
    let how = result.outcome.how_it_failed();
    result.attempts_in_vain().map_or(how.clone(), |attempts| format!("{how} ({attempts})"))
}
