//! Converts a summary to JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::Told;
use crate::model::object;
use crate::statistics::{Method, Verdict};
use crate::values::{Against, Block, Compared, Line, Summary};

/// Returns the entries of the metrics of a summary.
pub(in crate::report) fn entries<'a>(summary: &'a Summary, told: &'a Told<'a>) -> Vec<impl Serialize + 'a> {
    summary.blocks.iter().map(|block| entry(block, told)).collect()
}

fn entry<'a>(block: &'a Block, told: &'a Told<'a>) -> impl Serialize + 'a {
    let metric = &block.metric;
    object! {
        name: metric.name.as_str(),
        worker: block.worker.as_deref(),
        unit: metric.unit.as_deref(),
        better: metric.better,
        threshold: metric.threshold.to_string(),
        design: block.design,
        points: block.lines.iter().map(|line| line_entry(line, told)).collect::<Vec<_>>(),
    }
}

fn line_entry<'a>(line: &'a Line, told: &'a Told<'a>) -> impl Serialize + 'a {
    let point = told.points.get(line.run).and_then(|points| points.get(line.point));
    let parameters = point.into_iter().flat_map(|point| &point.parameters).map(|(name, value)| (name, value));
    let interval = line.location.and_then(|location| location.interval);
    object! {
        run: @optional told.runs.get(line.run),
        point: point.map_or("", |point| point.name.as_str()),
        parameters: parameters.collect::<BTreeMap<_, _>>(),
        median: line.location.map(|location| location.median),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        counted: line.counted,
        trials: line.trials,
        outside: line.outside,
        defaults: line.defaults,
        drift: line.drift,
        unusual: &line.unusual,
        is_baseline: line.against == Against::Baseline,
        comparison: line.compared().map(comparison_entry),
    }
}

fn comparison_entry(compared: &Compared) -> impl Serialize + use<> {
    let comparison = compared.comparison;
    let interval = comparison.interval();
    let method = match comparison.shift.method {
        Method::Exact | Method::ExactWithTies => "exact",
        Method::Normal => "normal",
    };
    let verdict = compared.judgement.map(|judgement| judgement.verdict);
    object! {
        // A change by ratio is relative: -0.04 means 4 % less.
        scale: comparison.scale.word(),
        change: comparison.change(),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        threshold: compared.threshold,
        p: comparison.shift.p.get(),
        adjusted_p: compared.judgement.map(|judgement| judgement.adjusted.get()),
        method: method,
        verdict: verdict.map(Verdict::word),
        trials_needed: verdict.and_then(Verdict::trials_needed),
    }
}
