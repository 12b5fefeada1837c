//! The sample of a metric at a point: the values that count, in the order of the trials.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::Phase;
use crate::statistics::{Comparison, Design, Drift, Location, Pair, Pairs, Sample, Trend, outliers};

use super::block::Unusual;
use super::table::{Trial, Value, Values};

/// The shortest start skew that can explain an unusual value.
const LEAST_SKEW: Duration = Duration::from_millis(1);

/// The values of a metric at a point.
pub(super) struct Sampled<'a> {
    /// The values that count, in the order of their trials.
    rows: Vec<(&'a Trial, f64)>,
    sample: Option<Sample>,
    /// The number of values outside the expected range.
    pub(super) outside: usize,
    /// The number of values that are the metric's `default`.
    pub(super) defaults: usize,
    /// The number of trials that were to be measured.
    pub(super) trials: usize,
}

impl<'a> Sampled<'a> {
    /// Collects the values among these rows that count at this point.
    pub(super) fn new(values: &'a Values, rows: &[&'a Value], point: usize) -> Self {
        let at_point = |trial: &Trial| trial.point == point && trial.is_wanted();
        let is_counted = |row: &&&'a Value| at_point(&values.trials[row.trial]) && values.counted(row).is_ok();
        let mut counted: Vec<&'a Value> = rows.iter().filter(is_counted).copied().collect();
        counted.sort_by_key(|row| row.trial);
        let outside = counted.iter().filter(|row| row.reading.is_outside()).count();
        let defaults = counted.iter().filter(|row| row.reading.is_default()).count();
        let number = |row: &Value| values.counted(row).ok().map(|value| (&values.trials[row.trial], value));
        let rows: Vec<_> = counted.into_iter().filter_map(number).collect();
        let sample = Sample::new(rows.iter().map(|(_, value)| *value).collect());
        let trials = values.trials.iter().filter(|trial| at_point(trial)).count();
        Self { rows, sample, outside, defaults, trials }
    }

    /// Returns the number of values.
    pub(super) fn counted(&self) -> usize {
        self.sample.as_ref().map_or(0, Sample::len)
    }

    /// Returns the median and its interval.
    pub(super) fn location(&self) -> Option<Location> {
        self.sample.as_ref().map(Location::of)
    }

    /// Compares it with a baseline. Trials that were run again are not paired, because their round was much earlier.
    pub(super) fn compare(&self, base: &Self, design: Design) -> Option<Comparison> {
        match design {
            Design::Unpaired => Some(Comparison::unpaired(base.sample.as_ref()?, self.sample.as_ref()?)),
            Design::Paired => {
                let of_round = base.rounds();
                let pair = |(round, new)| Some(Pair { base: *of_round.get(&round)?, new });
                let pairs = self.rounds().into_iter().filter_map(pair).collect();
                Pairs::new(pairs).map(|pairs| Comparison::paired(&pairs))
            }
        }
    }

    /// Returns the number of values that are not paired because their trials were run again later.
    pub(super) fn run_again(&self) -> usize {
        self.rows.iter().filter(|(trial, _)| trial.attempt > 1).count()
    }

    fn rounds(&self) -> BTreeMap<u32, f64> {
        let in_its_round = self.rows.iter().filter(|(trial, _)| trial.attempt == 1);
        in_its_round.map(|(trial, value)| (trial.round, *value)).collect()
    }

    /// Returns whether the values rise or fall during the run.
    pub(super) fn drift(&self) -> Option<Drift> {
        Trend::of(self.sample.as_ref()?).drift()
    }

    /// Returns the values that are far from the others, with what happened in their trials before they were measured:
    /// in phases up to `phase`. Events after Collect cannot be the reason.
    pub(super) fn unusual(&self, skews: &UnusualSkews, phase: Option<Phase>) -> Vec<Unusual> {
        let last = phase.unwrap_or(Phase::Collect);
        let found = self.sample.as_ref().map(outliers).unwrap_or_default();
        let unusual = found.into_iter().filter_map(|outlier| {
            let (trial, value) = *self.rows.get(outlier.position)?;
            let late = skews.of_trial(trial).filter(|(phase, _)| *phase <= last).map(|(phase, skew)| {
                format!("the workers started {phase} {:.3} ms apart", skew.as_secs_f64() * 1000.0)
            });
            let happened = trial.notes.iter().filter(|(phase, _)| *phase <= last).map(|(_, text)| text.clone());
            Some(Unusual { trial: trial.number, value, notes: late.chain(happened).collect() })
        });
        unusual.collect()
    }
}

/// The start skews of a run that are far above those of its other trials.
pub(super) struct UnusualSkews(BTreeSet<(Phase, Duration)>);

impl UnusualSkews {
    /// Finds the unusual start skews of a run.
    pub(super) fn of(values: &Values) -> Self {
        let mut phases: BTreeMap<Phase, Vec<Duration>> = BTreeMap::new();
        for (phase, skew) in values.trials.iter().flat_map(|trial| &trial.skews) {
            phases.entry(*phase).or_default().push(*skew);
        }
        let unusual = phases.into_iter().flat_map(|(phase, skews)| {
            let sample = Sample::new(skews.iter().map(Duration::as_secs_f64).collect());
            let far = sample.map_or(Vec::new(), |sample| {
                let is_late = |skew: f64| skew > sample.median() && skew >= LEAST_SKEW.as_secs_f64();
                outliers(&sample).into_iter().filter(|outlier| is_late(outlier.value)).collect()
            });
            far.into_iter().map(move |outlier| (phase, skews[outlier.position]))
        });
        Self(unusual.collect())
    }

    /// Iterates over the unusual start skews of a trial.
    fn of_trial<'a>(&'a self, trial: &'a Trial) -> impl Iterator<Item = &'a (Phase, Duration)> {
        trial.skews.iter().filter(|skew| self.0.contains(skew))
    }
}
