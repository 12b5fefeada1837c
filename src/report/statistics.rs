//! Statistics over trials: the durations of steps and phases, and the start skews. Warm-up trials do not count; the
//! trials of all points are combined.
//!
//! Workers with the same steps, such as those of a range, share a row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{Run, words};
use crate::model::{Phase, Plan, StepReference, WorkerId};

/// The minimum, median and maximum of some durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) count: usize,
    pub(super) minimum: Duration,
    pub(super) median: Duration,
    pub(super) maximum: Duration,
}

impl Spread {
    /// Returns the spread of at least one duration. The median of an even number of durations is the mean of the two in
    /// the middle.
    pub(super) fn of(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        let count = durations.len();
        let (minimum, maximum) = (*durations.first()?, *durations.last()?);
        let median = (durations[(count - 1) / 2] + durations[count / 2]) / 2;
        Some(Self { count, minimum, median, maximum })
    }
}

/// The subject of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    /// The whole phase, from the order to prepare to its end.
    Phase,
    /// The start skew of the phase.
    StartSkew,
    /// A step of the phase, by position, on workers with the same steps.
    Step,
}

/// A row of the statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) phase: Phase,
    pub(super) subject: Subject,
    /// The name of the subject, such as the label of the step.
    pub(super) what: String,
    /// The worker of the step, or how many there are.
    pub(super) who: String,
    /// The position of the step in the phase.
    pub(super) position: Option<usize>,
    pub(super) spread: Spread,
}

/// Describes the extent of the rows: `20 trials, over all points`.
pub(super) fn extent(run: &Run) -> String {
    let is_series = run.plan().is_some_and(|plan| plan.points.len() > 1);
    format!("{}{}", words::counted(run.together().count(), "trial"), if is_series { ", over all points" } else { "" })
}

/// Returns the rows of a run, phase by phase. A run with fewer than two trials has none.
pub(super) fn rows(run: &Run) -> Vec<Row> {
    let Some(plan) = run.plan().filter(|_| run.together().count() > 1) else { return Vec::new() };
    let steps = steps(run);
    let of_phase = |&phase: &Phase| {
        let phases = || run.together().filter_map(move |trial| trial.phases.get(phase));
        let took = phases().filter_map(|phase| Some(phase.end?.since(phase.start))).collect();
        let skew = phases().filter_map(|phase| phase.skew.as_ref().filter(|skew| skew.workers > 1));
        let skew = skew.map(|skew| skew.spread).collect();
        let whole = [(Subject::Phase, "phase", took), (Subject::StartSkew, "start skew", skew)].into_iter();
        let whole = whole.filter_map(move |(subject, what, durations)| {
            let (what, who, spread) = (what.to_owned(), String::new(), Spread::of(durations)?);
            Some(Row { phase, subject, what, who, position: None, spread })
        });
        whole.chain(steps.iter().filter(move |row| row.phase == phase).cloned()).collect::<Vec<_>>()
    };
    plan.phases.iter().flat_map(of_phase).collect()
}

fn steps(run: &Run) -> Vec<Row> {
    let alike = run.plan().map(Plan::first_alike).unwrap_or_default();
    let mut groups: BTreeMap<(Phase, WorkerId, usize), BTreeMap<WorkerId, Vec<Duration>>> = BTreeMap::new();
    let together: BTreeSet<u32> = run.together().map(|trial| trial.number).collect();
    for finished in run.results().filter(|finished| together.contains(&finished.reference.trial)) {
        let StepReference { phase, worker, position, .. } = finished.reference;
        let (Some(first), Some(duration)) = (alike.get(worker.0), finished.result().duration) else { continue };
        let group = groups.entry((phase, *first, position)).or_default();
        group.entry(worker).or_default().push(duration);
    }
    let mut rows: Vec<(WorkerId, Row)> = Vec::new();
    for ((phase, _, position), group) in groups {
        let Some(&first) = group.keys().next() else { continue };
        let step = run.worker(first).and_then(|worker| worker.steps[phase].get(position));
        let what = step.map_or(String::new(), |step| step.label.as_str().to_owned());
        let who = if group.len() == 1 { run.name(first).to_owned() } else { words::counted(group.len(), "worker") };
        let (subject, position) = (Subject::Step, Some(position));
        let spread = Spread::of(group.into_values().flatten().collect());
        rows.extend(spread.map(|spread| (first, Row { phase, subject, what, who, position, spread })));
    }
    // The rows are in the order of the workers, which is that of the test file.
    rows.sort_by_key(|(first, row)| (row.phase, *first));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_middle_between_the_two_in_the_middle() {
        let of = |times: &[u64]| Spread::of(times.iter().map(|time| Duration::from_millis(*time)).collect());
        let spread = of(&[40, 10, 20, 90]).unwrap();
        assert_eq!(spread.median, Duration::from_millis(30));
        assert_eq!((spread.minimum, spread.maximum), (Duration::from_millis(10), Duration::from_millis(90)));
        assert_eq!(of(&[7]).unwrap().median, Duration::from_millis(7));
        assert_eq!(of(&[]), None);
    }
}
