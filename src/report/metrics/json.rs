//! A summary as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::Told;
use crate::model::object;
use crate::statistics::{Design, Drift, Method, Scale, TrialsNeeded, Verdict};
use crate::values::{Against, Block, Compared, Line, Summary, Unusual};

/// The metrics of a summary.
pub(in crate::report) fn entries<'a>(summary: &'a Summary, told: Told<'a>) -> Vec<impl Serialize + 'a> {
    summary.blocks.iter().map(|block| entry(block, told)).collect()
}

fn entry<'a>(block: &'a Block, told: Told<'a>) -> impl Serialize + 'a {
    let metric = &block.metric;
    let design = block.design.map(|design| match design {
        Design::Paired => "paired",
        Design::Unpaired => "unpaired",
    });
    object! {
        name: metric.name.as_str(),
        worker: block.worker.as_deref(),
        unit: metric.unit.as_deref(),
        better: metric.better,
        threshold: metric.threshold,
        design: design,
        points: block.lines.iter().map(|line| line_entry(line, told)).collect::<Vec<_>>(),
    }
}

fn line_entry<'a>(line: &'a Line, told: Told<'a>) -> impl Serialize + 'a {
    let point = told.points.get(line.run).and_then(|points| points.get(line.point));
    let parameters: BTreeMap<&str, &str> = point
        .into_iter()
        .flat_map(|point| &point.parameters)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let interval = line.location.and_then(|location| location.interval);
    let drift = line.drift.map(|drift| match drift {
        Drift::Up => "up",
        Drift::Down => "down",
    });
    let unusual =
        |Unusual { trial, value, notes }: &Unusual| object! { trial: *trial, value: *value, notes: notes.clone() };
    object! {
        run: @optional told.runs.get(line.run),
        point: point.map_or("", |point| point.name.as_str()),
        parameters: parameters,
        median: line.location.map(|location| location.median),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        counted: line.counted,
        trials: line.trials,
        outside: line.outside,
        defaults: line.defaults,
        drift: drift,
        unusual: line.unusual.iter().map(unusual).collect::<Vec<_>>(),
        is_baseline: line.against == Against::Baseline,
        comparison: line.compared().map(comparison_entry),
    }
}

fn comparison_entry(compared: &Compared) -> impl Serialize + use<> {
    let comparison = compared.comparison;
    let interval = comparison.interval();
    let scale = match comparison.scale {
        Scale::Ratio => "ratio",
        Scale::Difference => "difference",
    };
    let method = match comparison.shift.method {
        Method::Exact | Method::ExactWithTies => "exact",
        Method::Normal => "normal",
    };
    let verdict = compared.judgement.map(|judgement| match judgement.verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Different => "different",
        Verdict::Same => "same",
        Verdict::Undecided(_) => "undecided",
    });
    let needed = compared.judgement.and_then(|judgement| match judgement.verdict {
        Verdict::Undecided(TrialsNeeded::About(trials)) => Some(trials),
        _ => None,
    });
    object! {
        // A change by ratio is relative: -0.04 is 4 % less.
        scale: scale,
        change: comparison.change(),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        threshold: compared.threshold,
        p: comparison.shift.p.get(),
        adjusted_p: compared.judgement.map(|judgement| judgement.adjusted.get()),
        method: method,
        verdict: verdict,
        trials_needed: needed,
    }
}
