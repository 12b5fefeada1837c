//! The summary of one run or of several: medians with their intervals, and the differences of points.

use std::collections::BTreeSet;

use crate::model::{Margin, WorkerId};
use crate::statistics::{Design, Failures, Probability, Verdict};

use super::block::{Against, Block, Compared, Line};
use super::gate;
use super::layout::{self, Base, Slot};
use super::sampled::{Sampled, UnusualSkews};
use super::table::{Kind, Metric, Trial, Value, Values};

/// The summary of the metrics of one run or of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The metrics.
    pub blocks: Vec<Block>,
    /// The number of lines that were judged together.
    pub judged: usize,
    /// Metrics and points of the first run that are missing in another run.
    pub missing: Vec<MissingIn>,
}

/// A metric or point of the first run that is missing in another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingIn {
    /// The position of the other run.
    pub run: usize,
    /// The metric with its unit; `None` if the whole point is missing.
    pub metric: Option<(String, Option<String>)>,
    /// The worker.
    pub worker: Option<String>,
    /// The position of the point in the first run.
    pub point: usize,
}

/// The options for comparing runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// The parameter in which compared points may differ.
    pub by: Option<String>,
    /// The threshold for all metrics, instead of their own.
    pub threshold: Option<Margin>,
}

impl Summary {
    /// Summarizes one run, comparing each point with its baseline.
    pub fn of_run(values: &Values) -> Self {
        let runs = std::slice::from_ref(values);
        Self::new(runs, &layout::of_run(values), None)
    }

    /// Summarizes several runs, comparing each with the first, point by point.
    pub fn of_runs(runs: &[Values], options: &Options) -> Self {
        let slots = layout::of_runs(runs, options.by.as_deref());
        let mut summary = Self::new(runs, &slots, options.threshold);
        summary.missing = missing(runs, &slots, &summary.blocks);
        summary
    }

    /// Summarizes runs in order of time, comparing each with the previous one, point by point.
    pub fn of_history(runs: &[Values]) -> Self {
        Self::new(runs, &layout::of_history(runs), None)
    }

    fn new(runs: &[Values], slots: &[Slot], threshold: Option<Margin>) -> Self {
        let skews: Vec<_> = runs.iter().map(UnusualSkews::of).collect();
        let blocks = metrics(runs).into_iter().map(|(metric, worker)| block(runs, &skews, slots, metric, worker));
        let mut blocks: Vec<_> = blocks.collect();
        if let Some(threshold) = threshold {
            for block in &mut blocks {
                block.metric.threshold = threshold;
            }
        }
        let judged = gate::judge_all(&mut blocks, slots);
        Self { blocks, judged, missing: Vec::new() }
    }

    /// Iterates over all comparisons.
    pub fn compared(&self) -> impl Iterator<Item = &Compared> {
        self.blocks.iter().flat_map(|block| &block.lines).filter_map(Line::compared)
    }

    /// Iterates over all verdicts.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.compared().filter_map(|compared| Some(compared.judgement?.verdict))
    }
}

/// Returns how often the trials of two runs failed, and the p-value of `new` failing more often. Only points that both
/// runs have count.
pub fn failures(base: &Values, new: &Values) -> (Failures, Failures, Probability) {
    let of = |own: &Values, other: &Values| {
        let is_common = |trial: &Trial| {
            let parameters = &own.points[trial.point].parameters;
            other.points.iter().any(|point| point.parameters == *parameters)
        };
        let (failed, trials) = own.failures(is_common);
        Failures::new(failed, trials).unwrap_or_default()
    };
    let (base, new) = (of(base, new), of(new, base));
    (base, new, new.more_often_than(base))
}

/// Returns the metrics of all runs, separately for each worker, in the order in which they were first measured.
fn metrics(runs: &[Values]) -> Vec<(Metric, Option<String>)> {
    let mut all: Vec<(Metric, Option<String>)> = Vec::new();
    for values in runs {
        let mut of_metrics = vec![BTreeSet::new(); values.metrics.len()];
        for row in &values.rows {
            of_metrics[row.metric].insert(row.worker);
        }
        let measured = values.metrics.iter().zip(of_metrics).filter(|(metric, _)| metric.kind != Kind::Time);
        for (metric, workers) in measured {
            for worker in with_values(workers) {
                let worker = worker.map(|worker| values.worker(worker).to_owned());
                if !all.iter().any(|(known, of)| known.is_same(metric) && *of == worker) {
                    all.push((metric.clone(), worker));
                }
            }
        }
    }
    all
}

/// Returns the workers that have their own values; only `None` if values combine those of several workers.
pub(super) fn with_values(workers: BTreeSet<Option<WorkerId>>) -> Vec<Option<WorkerId>> {
    let has_several = workers.len() > 1;
    // A metric that was not measured has no worker either, but does not combine several.
    let workers: Vec<_> = workers.into_iter().filter(|worker| worker.is_some() || !has_several).collect();
    if workers.is_empty() { vec![None] } else { workers }
}

/// Creates the block of a metric.
fn block(runs: &[Values], skews: &[UnusualSkews], slots: &[Slot], metric: Metric, worker: Option<String>) -> Block {
    let rows: Vec<Vec<&Value>> = runs.iter().map(|values| values.rows_of(&metric, worker.as_deref())).collect();
    let sampled: Vec<Sampled<'_>> =
        slots.iter().map(|slot| Sampled::new(&runs[slot.run], &rows[slot.run], slot.point)).collect();
    let mut design = None;
    let mut lines = Vec::new();
    for ((at, slot), own) in slots.iter().enumerate().zip(&sampled) {
        let against = match slot.base {
            Base::Nothing => Against::Nothing,
            Base::Own => Against::Baseline,
            Base::Absent => Against::NoBaseline,
            Base::At(base) => {
                let of_one_run = slots[base].run == slot.run;
                let wanted = if of_one_run { runs[slot.run].design } else { Design::Unpaired };
                own.compare(&sampled[base], wanted).map_or(Against::NoValues, |comparison| {
                    design = Some(wanted);
                    Against::Compared(Compared { comparison, threshold: 0.0, judgement: None })
                })
            }
        };
        lines.push(Line {
            run: slot.run,
            point: slot.point,
            location: own.location(),
            counted: own.counted(),
            outside: own.outside,
            defaults: own.defaults,
            trials: own.trials,
            run_again: if is_paired(runs, slots, at) { own.run_again() } else { 0 },
            against,
            unusual: own.unusual(&skews[slot.run], metric.phase),
            drift: own.drift(),
        });
    }
    Block { metric, worker, design, lines }
}

/// Returns whether the values of a line are paired with those of other lines.
fn is_paired(runs: &[Values], slots: &[Slot], line: usize) -> bool {
    let of_one_run = |base: usize, other: usize| slots[base].run == slots[other].run;
    let is_compared = match slots[line].base {
        Base::At(base) => of_one_run(base, line),
        Base::Own => (0..slots.len()).any(|other| slots[other].base == Base::At(line) && of_one_run(line, other)),
        Base::Nothing | Base::Absent => false,
    };
    is_compared && runs[slots[line].run].design == Design::Paired
}

/// Returns the metrics and points for which the first run has values and another run has none.
fn missing(runs: &[Values], slots: &[Slot], blocks: &[Block]) -> Vec<MissingIn> {
    let mut missing = Vec::new();
    for (first, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.base == Base::Own) {
        for run in 1..runs.len() {
            let is_own = |at: &usize| slots[*at].run == run && slots[*at].base == Base::At(first);
            let own: Vec<usize> = (0..slots.len()).filter(is_own).collect();
            if own.is_empty() {
                missing.push(MissingIn { run, metric: None, worker: None, point: slot.point });
                continue;
            }
            for block in blocks.iter().filter(|block| block.lines[first].counted > 0) {
                if own.iter().any(|at| block.lines[*at].counted == 0) {
                    let metric = Some((block.metric.name.clone(), block.metric.unit.clone()));
                    missing.push(MissingIn { run, metric, worker: block.worker.clone(), point: slot.point });
                }
            }
        }
    }
    missing
}
