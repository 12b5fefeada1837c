//! The comparison of runs with the first of them, and its result.

use super::differences::{self, Difference};
use super::run::ComparedRun;
use crate::model::{FAILED, INCOMPLETE, NOT_CARRIED_OUT, PASSED, on_one_line};
use crate::report::metrics::Told;
use crate::report::words;
use crate::statistics::{Failures, Probability, Verdict};
use crate::values::{MissingIn, Options, Summary, Values, failures};

/// A comparison of runs with the first of them.
pub(crate) struct Comparison {
    pub(super) runs: Vec<ComparedRun>,
    pub(super) names: Vec<String>,
    pub(super) summary: Summary,
    /// For each run but the first: the failures of the first run, the failures of this run, and the p-value for more
    /// failures.
    pub(super) failures: Vec<(Failures, Failures, Probability)>,
    /// For each run but the first: the differences of its configuration.
    pub(super) differences: Vec<Vec<Difference>>,
}

impl Comparison {
    /// Compares the other runs with the first.
    pub(crate) fn new(runs: Vec<ComparedRun>, options: &Options) -> Self {
        let values: Vec<Values> = runs.iter().map(|run| run.values().clone()).collect();
        let summary = Summary::of_runs(&values, options);
        let others = || values.iter().skip(1);
        let failures = values.first().map_or(Vec::new(), |base| others().map(|new| failures(base, new)).collect());
        let differences = runs.first().map_or(Vec::new(), |base| {
            runs.iter().skip(1).map(|new| differences::between(base, new, options.by.as_deref())).collect()
        });
        let is_twice = |run: &ComparedRun| runs.iter().filter(|other| other.name == run.name).count() > 1;
        let name = |run: &ComparedRun| on_one_line(if is_twice(run) { &run.folder } else { &run.name }).into_owned();
        let names = runs.iter().map(name).collect();
        Self { runs, names, summary, failures, differences }
    }

    /// Returns the exit status of the command.
    pub(crate) fn status(&self, is_strict: bool) -> u8 {
        let is_undecided = self.summary.verdicts().any(|verdict| matches!(verdict, Verdict::Undecided(_)));
        if self.summary.verdicts().any(|verdict| verdict == Verdict::Worse) || self.fail_more_often().next().is_some() {
            FAILED
        } else if !self.summary.missing.is_empty() || is_strict && is_undecided {
            INCOMPLETE
        } else if self.summary.compared().next().is_some() {
            PASSED
        } else {
            NOT_CARRIED_OUT
        }
    }

    pub(super) fn told(&self) -> Told<'_> {
        let points = self.runs.iter().map(|run| run.values().points.as_slice()).collect();
        let is_series = self.names.len() == 1;
        let baseline = if is_series { "the first of each" } else { self.names.first().map_or("", String::as_str) };
        let runs = if is_series { &[] } else { self.names.as_slice() };
        Told { points, runs, baseline: baseline.to_owned() }
    }

    /// Returns the positions of the runs that fail more often than the first.
    pub(super) fn fail_more_often(&self) -> impl Iterator<Item = usize> {
        let found = self.failures.iter().zip(1..).filter(|((_, _, p), _)| p.is_significant());
        found.map(|(_, run)| run)
    }

    /// Describes what a run does not have, as a message.
    pub(super) fn missing(&self, missing: &MissingIn) -> String {
        let point = self.runs[0].values().points.get(missing.point).map_or("", |point| point.name.as_str());
        let at_point = if point.is_empty() { String::new() } else { format!(" at {}", on_one_line(point)) };
        let name = &self.names[missing.run];
        match &missing.metric {
            None => format!("{name} does not have the point {}", on_one_line(point)),
            Some((metric, unit)) => {
                let unit = unit.as_deref().map(|unit| format!(", {}", on_one_line(unit))).unwrap_or_default();
                let worker = missing.worker.as_deref().map(|worker| format!(" of {worker}")).unwrap_or_default();
                format!("{name} has no value of {}{worker}{unit}{at_point}", on_one_line(metric))
            }
        }
    }

    /// Describes the failures of the runs that fail more often.
    pub(super) fn failing(&self) -> impl Iterator<Item = String> {
        self.fail_more_often().map(|run| {
            let (base, new, p) = &self.failures[run - 1];
            format!(
                "{} fails more often: {} of {}, {} of {} in {} (p = {:.3})",
                self.names[run],
                new.failed(),
                words::counted(new.trials(), "trial"),
                base.failed(),
                base.trials(),
                self.names[0],
                p.get()
            )
        })
    }

    /// Returns the result in one line: `worse: 1 worse, 2 same`.
    pub(super) fn conclusion(&self, is_strict: bool) -> String {
        let word = match self.status(is_strict) {
            PASSED => "not worse",
            FAILED => "worse",
            INCOMPLETE => "incomplete",
            _ => return "not comparable: no metric has values in both".to_owned(),
        };
        let count = |word: &str| self.summary.verdicts().filter(|verdict| verdict.word() == word).count();
        let verdicts = ["worse", "better", "different", "same", "undecided"].map(|word| (count(word), word));
        let others = [(self.summary.missing.len(), "missing"), (self.fail_more_often().count(), "failing more often")];
        let counts = verdicts.into_iter().chain(others).filter(|(count, _)| *count > 0);
        let parts: Vec<_> = counts.map(|(count, word)| format!("{count} {word}")).collect();
        if parts.is_empty() {
            format!("{word}: no metric has a verdict")
        } else {
            format!("{word}: {}", parts.join(", "))
        }
    }
}
