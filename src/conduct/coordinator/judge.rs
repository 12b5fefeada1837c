//! The verdicts of each trial and of the run, with the reasons.

use crate::conduct::event::End;
use crate::model::{Conclusion, Hint, Outcome, Plan, Reason, StepReference, StepResult, Verdict, WorkerId};

/// The result of a trial that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::conduct) struct Past {
    pub(in crate::conduct) verdict: Verdict,
    first_failure: Option<String>,
    failures: usize,
    not_carried_out: Vec<String>,
}

/// Collects everything that counts against a run.
#[derive(Debug, Default)]
pub(in crate::conduct) struct Judge {
    not_carried_out: Vec<String>,
    incomplete: Vec<String>,
    first_failure: Option<String>,
    failures: usize,
    /// How many of these failures happened before the run was resumed.
    recalled: usize,
    /// The verdict of the trial so far, and the worst verdict of the run.
    pub(super) trial: Verdict,
    worst: Verdict,
    hints: Vec<Hint>,
}

impl Judge {
    /// Records that the run, or a part of it, could not be carried out. The same text is recorded once.
    pub(in crate::conduct) fn not_carried_out(&mut self, text: String) {
        if !self.not_carried_out.contains(&text) {
            self.not_carried_out.push(text);
        }
    }

    /// Records why the trial, or the run, is incomplete.
    pub(super) fn incomplete(&mut self, text: String) {
        self.trial = Verdict::Incomplete;
        self.incomplete.push(text);
    }

    /// Records that a worker was lost.
    pub(super) fn lost(&mut self, plan: &Plan, worker: WorkerId, end: &End) {
        self.hint(end.hint);
        self.incomplete.push(format!("worker `{}` was lost: {}", plan.name(worker), end.reason));
    }

    /// Records what the user can do about the run.
    pub(super) fn hint(&mut self, hint: Option<Hint>) {
        if let Some(hint) = hint {
            hint.add_to(&mut self.hints);
        }
    }

    /// Records that a step failed in a way that counts.
    pub(in crate::conduct) fn failed(&mut self, plan: &Plan, step: StepReference, how: &str) {
        let StepReference { trial, phase, worker, .. } = step;
        let (label, name, trial) = (plan.label(step), plan.name(worker), plan.trial_text(trial));
        self.fails(format!("step `{label}` {how} on worker `{name}` in {phase} of {trial}"));
    }

    /// Records that something failed, such as a metric that could not be measured.
    pub(in crate::conduct) fn fails(&mut self, text: String) {
        self.trial = self.trial.max(Verdict::Failed);
        self.failures += 1;
        self.first_failure.get_or_insert(text);
    }

    /// Records the result of `check`. A check that could not be started has not judged the trial: the conductor is to
    /// blame.
    pub(in crate::conduct) fn check(&mut self, plan: &Plan, trial: u32, outcome: &Outcome) {
        let of = plan.trial_text(trial);
        let failed = || format!("`check` of {of} {}", outcome.how_it_failed());
        match outcome {
            Outcome::Passed => {}
            Outcome::NotStarted(_) => {
                self.trial = Verdict::Incomplete;
                self.not_carried_out(failed());
            }
            outcome if outcome.is_failure() => self.fails(failed()),
            Outcome::Lost => self.incomplete(format!("the result of `check` of {of} is unknown")),
            _ => self.incomplete(format!("`check` of {of} was stopped")),
        }
    }

    /// Returns the verdict of the trial, which has ended; the next one begins.
    pub(super) fn end_trial(&mut self, incomplete: bool) -> Verdict {
        let verdict = std::mem::replace(&mut self.trial, Verdict::Passed);
        let verdict = if incomplete { Verdict::Incomplete } else { verdict };
        self.worst = self.worst.max(verdict);
        verdict
    }

    /// Whether something failed in any trial, or if the run was resumed, since then.
    pub(super) fn has_failures(&self) -> bool {
        self.failures > self.recalled
    }

    /// Returns what counts against this trial, the only one that was judged. `verdict` is the recorded one.
    pub(in crate::conduct) fn past(self, trial: u32, verdict: Verdict) -> Past {
        let Self { mut first_failure, mut failures, not_carried_out, .. } = self;
        if verdict == Verdict::Failed && failures == 0 {
            (first_failure, failures) = (Some(format!("trial {trial} failed")), 1);
        }
        Past { verdict, first_failure, failures, not_carried_out }
    }

    /// Adds what counted against a trial before the run was resumed.
    pub(in crate::conduct) fn recall(&mut self, Past { verdict, first_failure, failures, not_carried_out }: Past) {
        self.worst = self.worst.max(verdict);
        self.failures += failures;
        self.recalled += failures;
        self.first_failure = self.first_failure.take().or(first_failure);
        for text in not_carried_out {
            self.not_carried_out(text);
        }
    }

    /// Returns the verdict of the run. `whole` means that everything that was requested was run.
    pub(in crate::conduct) fn conclude(&mut self, interrupted: Option<i32>, whole: bool) -> Conclusion {
        // Judgements after the last trial count, too.
        let verdict =
            if whole && self.incomplete.is_empty() { self.worst.max(self.trial) } else { Verdict::Incomplete };
        let mut reasons: Vec<Reason> = interrupted.map(Reason::Interrupted).into_iter().collect();
        reasons.extend(self.not_carried_out.drain(..).map(Reason::NotCarriedOut));
        reasons.extend(self.incomplete.drain(..).map(Reason::Incomplete));
        if let Some(mut text) = self.first_failure.take() {
            if self.failures > 1 {
                text = format!("{text}, and {} more", self.failures - 1);
            }
            reasons.push(Reason::Failed(text));
        }
        Conclusion { verdict, reasons, hints: std::mem::take(&mut self.hints) }
    }
}

/// How a step failed, worded to follow its name.
pub(in crate::conduct) fn how(result: &StepResult) -> String {
    let how = result.outcome.how_it_failed();
    result.attempts_in_vain().map_or(how.clone(), |attempts| format!("{how} ({attempts})"))
}
