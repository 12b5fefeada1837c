//! A run in numbers, as text.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Run, Trial, words};
use crate::model::{Conclusion, Outcome, Plan, PointId, Verdict, on_one_line};

/// The maximum number of points without trials that are named.
const POINTS: usize = 3;

/// Returns the run in numbers, to be placed after its verdict: trials, steps, workers, failures that do not count,
/// warnings, duration.
pub(super) fn facts(Ended { run, at, conclusion, .. }: Ended<'_>) -> Vec<String> {
    let mut parts: Vec<String> = run.plan().map(|plan| trials(run, plan, conclusion)).into_iter().collect();
    let has_steps = run.results().next().is_some();
    parts.push(format!("{}{}", if has_steps { "steps: " } else { "" }, run.counts()));
    parts.extend(run.plan().map(|plan| words::counted(plan.workers.len(), "worker")));
    let excused = run.results().filter(|finished| finished.excuse().is_some()).count();
    if excused > 0 {
        parts.push(format!("{} not counted", words::counted(excused, "failure")));
    }
    if !run.warnings.is_empty() {
        parts.push(words::counted(run.warnings.len(), "warning"));
    }
    parts.extend(run.took(at).map(words::duration));
    parts
}

/// Describes how many trials were run, and how many of these failed.
fn trials(run: &Run, plan: &Plan, conclusion: &Conclusion) -> String {
    let all = words::counted(plan.trials as usize, "trial");
    let is_failed = |trial: &&Trial| trial.verdict == Some(Verdict::Failed);
    let failed = run.trials.values().filter(is_failed).count();
    let warm_up = run.trials.values().filter(is_failed).filter(|trial| trial.slot.warm_up).count();
    // Other numbers of failures do not include warm-up trials.
    let warm_up = if warm_up == 0 { String::new() } else { format!(", {warm_up} of them warm-up") };
    match (failed, run.ended_trials()) {
        (0, ended) if words::verdict(conclusion) == "passed" => format!("{ended} of {all}"),
        (0, ended) => format!("{ended} of {all} ended"),
        (failed, ended) if ended == plan.trials as usize => format!("{failed} of {all} failed{warm_up}"),
        (failed, ended) => format!("{ended} of {all} ended, {failed} failed{warm_up}"),
    }
}

impl Run {
    /// Lists how many steps ended in which way.
    pub(super) fn counts(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for finished in self.results() {
            *counts.entry(finished.result().outcome.word()).or_default() += 1;
        }
        let counted = |word: &&str| counts.get(word).map(|count| format!("{count} {word}"));
        let counted: Vec<String> = Outcome::WORDS.iter().filter_map(counted).collect();
        if counted.is_empty() { "no step was run".to_owned() } else { counted.join(", ") }
    }

    /// Returns a line that explains why trials were added to reach a precision, or why no more were added.
    pub(super) fn precision_line(&self) -> Option<String> {
        let judgement = self.precision.as_ref()?;
        Some(on_one_line(&judgement.text(self.plan())).into_owned())
    }

    /// Returns a line that says that trials of earlier configurations are left out, and names the points without other
    /// trials.
    pub(super) fn left_out_line(&self) -> Option<String> {
        let out =
            self.trials.values().filter(|trial| trial.generation != self.generation && !trial.slot.warm_up).count();
        let plan = self.plan().filter(|_| out > 0)?;
        let counted: BTreeSet<PointId> = self.together().map(|trial| trial.slot.point).collect();
        let all = plan.points.iter().zip((0..).map(PointId)).filter(|(point, _)| !point.name.is_empty());
        let empty: Vec<&str> =
            all.filter(|(_, id)| !counted.contains(id)).map(|(point, _)| point.name.as_str()).collect();
        let are = if out == 1 { "is" } else { "are" };
        let line = format!("{} with an earlier configuration {are} not in the tables", words::counted(out, "trial"));
        let named = empty.iter().take(POINTS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let line = match empty.len().saturating_sub(POINTS) {
            _ if empty.is_empty() => line,
            0 => format!("{line}; there are no others of {named}"),
            more => format!("{line}; there are no others of {named}, and {more} more"),
        };
        Some(on_one_line(&line).into_owned())
    }
}
