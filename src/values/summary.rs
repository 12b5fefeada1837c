//! The summary of one run or of several: medians with their intervals, and how points differ.

use std::collections::BTreeSet;

use crate::model::{Margin, WorkerId};
use crate::statistics::{Design, Failures, Probability, Verdict};

use super::block::{Against, Block, Compared, Line};
use super::gate;
use super::layout::{self, Base, Slot};
use super::sampled::{Sampled, UnusualSkews};
use super::table::{Kind, Metric, Trial, Value, Values};

/// What is said of the metrics of one run or of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The metrics.
    pub blocks: Vec<Block>,
    /// How many lines were judged together.
    pub judged: usize,
    /// What the first run has and another one has not.
    pub missing: Vec<MissingIn>,
}

/// Something of the first run that another one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingIn {
    /// The position of the other run.
    pub run: usize,
    /// The metric with its unit; none where the whole point is missing.
    pub metric: Option<(String, Option<String>)>,
    /// The worker.
    pub worker: Option<String>,
    /// The position of the point in the first run.
    pub point: usize,
}

/// How runs are compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// The parameter in which points that are compared may differ.
    pub by: Option<String>,
    /// The threshold of all metrics, instead of their own.
    pub threshold: Option<Margin>,
}

impl Summary {
    /// Of one run: each point with that which is its baseline.
    pub fn of_run(values: &Values) -> Self {
        let runs = std::slice::from_ref(values);
        Self::new(runs, &layout::of_run(values), None)
    }

    /// Of several runs: each point of the others with that of the first run.
    pub fn of_runs(runs: &[Values], options: &Options) -> Self {
        let slots = layout::of_runs(runs, options.by.as_deref());
        let mut summary = Self::new(runs, &slots, options.threshold);
        summary.missing = missing(runs, &slots, &summary.blocks);
        summary
    }

    /// Of runs in the order of time: each point of a run with that of the run before.
    pub fn of_history(runs: &[Values]) -> Self {
        Self::new(runs, &layout::of_history(runs), None)
    }

    fn new(runs: &[Values], slots: &[Slot], threshold: Option<Margin>) -> Self {
        let skews: Vec<_> = runs.iter().map(UnusualSkews::of).collect();
        let blocks = metrics(runs).into_iter().map(|(metric, worker)| block(runs, &skews, slots, metric, worker));
        let (mut blocks, bases): (Vec<_>, Vec<_>) = blocks.unzip();
        if let Some(threshold) = threshold {
            for block in &mut blocks {
                block.metric.threshold = threshold;
            }
        }
        let judged = gate::judge_all(&mut blocks, &bases);
        Self { blocks, judged, missing: Vec::new() }
    }

    /// All comparisons.
    pub fn compared(&self) -> impl Iterator<Item = &Compared> {
        self.blocks.iter().flat_map(|block| &block.lines).filter_map(Line::compared)
    }

    /// All verdicts.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.compared().filter_map(|compared| Some(compared.judgement?.verdict))
    }
}

/// How often the trials of two runs failed, and the p-value of whether those of `new` fail more often. Only points that
/// both have count.
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

/// The metrics of all runs, each worker apart, in the order in which they were first measured.
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

/// The workers that have values of their own; none where the values are made of those of several.
pub(super) fn with_values(workers: BTreeSet<Option<WorkerId>>) -> Vec<Option<WorkerId>> {
    let has_several = workers.len() > 1;
    // What was not measured has no worker either, and does not stand for another one.
    let workers: Vec<_> = workers.into_iter().filter(|worker| worker.is_some() || !has_several).collect();
    if workers.is_empty() { vec![None] } else { workers }
}

/// The block of a metric, and the median of the baseline of each line.
fn block(
    runs: &[Values],
    skews: &[UnusualSkews],
    slots: &[Slot],
    metric: Metric,
    worker: Option<String>,
) -> (Block, Vec<Option<f64>>) {
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
    let median = |base: usize| lines[base].location.map(|location| location.median);
    let bases = slots.iter().map(|slot| if let Base::At(base) = slot.base { median(base) } else { None }).collect();
    (Block { metric, worker, design, lines }, bases)
}

/// Whether the values of a line are in pairs with those of other lines.
fn is_paired(runs: &[Values], slots: &[Slot], line: usize) -> bool {
    let of_one_run = |base: usize, other: usize| slots[base].run == slots[other].run;
    let is_compared = match slots[line].base {
        Base::At(base) => of_one_run(base, line),
        Base::Own => (0..slots.len()).any(|other| slots[other].base == Base::At(line) && of_one_run(line, other)),
        Base::Nothing | Base::Absent => false,
    };
    is_compared && runs[slots[line].run].design == Design::Paired
}

/// What the first run has values of and another run has none of.
fn missing(runs: &[Values], slots: &[Slot], blocks: &[Block]) -> Vec<MissingIn> {
    let mut missing = Vec::new();
    for (first, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.base == Base::Own) {
        for run in 1..runs.len() {
            let own: Vec<usize> = slots
                .iter()
                .enumerate()
                .filter_map(|(at, other)| (other.run == run && other.base == Base::At(first)).then_some(at))
                .collect();
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
