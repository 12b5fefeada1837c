//! The part of the page that needs no script: verdict, causes, trials, durations, machines.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::{Value, context};

use super::values::{class, line, list, parts};
use super::{causes, links, machines, metrics};
use crate::model::{BarrierFailure, BarrierResult, Conclusion, Phase, Plan, StepResult, Verdict};
use crate::report::causes::Cause;
use crate::report::{Ended, PhaseOfTrial, Remark, Row, Run, Trial, statistics, words};

/// The number of trials that are visible at first. The others are folded.
const TRIALS: usize = 12;
/// The maximum number of trials in the table. Browsers take long to lay out more.
const MOST_TRIALS: usize = 500;
/// The maximum number of rows of statistics, of lines of machines, and of failures that do not count.
const ROWS: usize = 200;

/// Returns the values for the template.
pub(super) fn values(ended: Ended<'_>, causes: &[Cause], style: &str) -> Value {
    let Ended { run, conclusion, .. } = ended;
    let plan = run.plan();
    let verdict = words::verdict(conclusion);
    let rows = statistics::rows(run);
    let machines = machines::lines(run);
    let failed = failed(run);
    context! {
        style => Value::from_safe_string(style.to_owned()),
        verdict,
        verdict_class => class(verdict),
        extent => extent(run, conclusion),
        name => plan.map_or("conductor".to_owned(), |plan| line(&plan.file.to_string_lossy())),
        run => plan.map_or("-", |plan| plan.run.as_str()),
        version => env!("CARGO_PKG_VERSION"),
        facts => facts(ended),
        reasons => list(conclusion.reasons.iter().map(|reason| parts(&words::reason_line(reason)))),
        causes => list(causes::values(run, causes).into_iter()),
        open => causes::OPEN,
        causes_folded => causes.len().saturating_sub(causes::OPEN),
        more_causes => causes.len().saturating_sub(causes::CAUSES),
        metrics => metrics::values(run),
        excused => list(causes::excused(run).take(ROWS)),
        has_check => run.trials.values().any(|trial| trial.check.is_some() || plan.is_some_and(|plan| plan.check_in(trial.number).is_some())),
        has_points => plan.is_some_and(|plan| plan.points.iter().any(|point| !point.name.is_empty())),
        phases => list(plan.iter().flat_map(|plan| &plan.phases).map(|phase| phase.word().into())),
        trials => list(plan.iter().flat_map(|plan| listed(run).map(|trial| trial_value(plan, trial, &failed)))),
        many_trials => run.trials.len() > TRIALS,
        more_trials => run.trials.len().saturating_sub(MOST_TRIALS),
        most_trials => MOST_TRIALS,
        remarks => list(remarks(run)),
        trials_told => words::counted(run.trials.len(), "trial"),
        statistics_extent => statistics::extent(run),
        statistics => list(rows.iter().take(ROWS).map(row_value)),
        more_statistics => rows.len().saturating_sub(ROWS),
        machines => list(machines.iter().take(ROWS).cloned()),
        more_machines => machines.len().saturating_sub(ROWS),
    }
}

/// Returns the trials of the table. If there are too many, trials that did not pass take precedence.
fn listed(run: &Run) -> impl Iterator<Item = &Trial> {
    let did_pass = |trial: &&Trial| trial.verdict == Some(Verdict::Passed);
    let bad = run.trials.values().filter(|trial| !did_pass(trial)).count().min(MOST_TRIALS);
    let mut left = [bad, MOST_TRIALS - bad];
    run.trials.values().filter(move |trial| {
        let left = &mut left[usize::from(did_pass(trial))];
        let is_listed = *left > 0;
        *left = left.saturating_sub(1);
        is_listed
    })
}

/// Describes how many trials determined the verdict: `1 of 3 trials failed`.
fn extent(run: &Run, conclusion: &Conclusion) -> Option<String> {
    let wanted = conclusion.verdict;
    let count = run.trials.values().filter(|trial| trial.verdict == Some(wanted)).count();
    let planned = run.plan()?.trials;
    let trials = words::counted(planned as usize, "trial");
    let is = match wanted {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Incomplete if count == 1 => "is incomplete",
        Verdict::Incomplete => "are incomplete",
    };
    (count > 0 && planned > 1).then(|| format!("{count} of {trials} {is}"))
}

fn facts(Ended { run, time_zone, at: end, .. }: Ended<'_>) -> Value {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some((plan, anchor)) = &run.plan {
        let date = jiff::Timestamp::try_from(anchor.utc).map(|utc| utc.to_zoned_datetime(time_zone.clone()));
        facts.push(("Started", date.map(|date| date.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()).unwrap_or_default()));
        facts.push(("Duration", run.took(end).map(words::duration).unwrap_or_default()));
        facts.push(("Trials", format!("{} of {}", run.ended_trials(), plan.trials)));
        facts.push(("Workers", plan.workers.len().to_string()));
    }
    facts.push(("Steps", run.counts()));
    list(facts.into_iter().map(|(name, value)| context! { name, parts => list(value.split(", ").map(Value::from)) }))
}

/// Returns the number of steps of each phase that failed or were lost, and whose failure counts.
fn failed(run: &Run) -> BTreeMap<(u32, Phase), usize> {
    let mut failed = BTreeMap::new();
    for finished in run.results().filter(|finished| finished.recorded.is_bad() && finished.excuse().is_none()) {
        *failed.entry((finished.reference.trial, finished.reference.phase)).or_default() += 1;
    }
    failed
}

fn trial_value(plan: &Plan, trial: &Trial, failed: &BTreeMap<(u32, Phase), usize>) -> Value {
    let cell = |phase: &Phase| match trial.phases.get(*phase) {
        None => context! { phase => phase.word(), duration => "–" },
        Some(known) => cell_value(plan, known, failed.get(&(trial.number, *phase)).copied().unwrap_or_default()),
    };
    let slot = plan.schedule.slot(trial.number);
    context! {
        number => trial.number,
        point => line(plan.point_name(slot.point)),
        warm_up => slot.warm_up,
        verdict => trial.verdict.map_or("not over", Verdict::word),
        verdict_class => trial.verdict.map_or("", Verdict::word),
        cells => list(plan.phases.iter().map(cell)),
        check => trial.check.as_ref().map(|check| check_value(trial.number, check)),
    }
}

/// Returns the outcome of the check of a trial.
fn check_value(trial: u32, check: &StepResult) -> Value {
    let class = class(check.outcome.word());
    context! { class, outcome => check.outcome.in_detail(), link => links::check(trial) }
}

/// Returns the cell of a phase. `failed` is the number of its steps that failed or were lost.
fn cell_value(plan: &Plan, phase: &PhaseOfTrial, failed: usize) -> Value {
    let duration = phase.end.map_or_else(|| "not over".to_owned(), |end| words::duration(end.since(phase.start)));
    let barrier = |barrier: &BarrierResult| {
        let skew = barrier.passed.as_ref().ok().and_then(|skew| words::skew_of_several(skew.as_ref()));
        let not_passed = |why: &BarrierFailure| format!("not passed: {}", why.text(Some(plan)));
        let text = barrier.passed.as_ref().map_or_else(not_passed, |_| "passed".to_owned());
        context! { name => line(&format!("barrier {}", barrier.name)), skew, text => parts(&text) }
    };
    context! {
        phase => phase.phase.word(),
        duration,
        failed => (failed > 0).then(|| format!("{failed} not passed")),
        skew => words::skew_of_several(phase.skew.as_deref()),
        barriers => list(phase.barriers.iter().map(barrier)),
    }
}

/// Returns the warnings. All reasons why the run did not pass are causes.
fn remarks(run: &Run) -> impl Iterator<Item = Value> {
    run.warnings.iter().map(|remark: &Remark| {
        let trial = remark.trial.map_or(String::new(), |trial| format!(" in trial {trial}"));
        let worker = remark.worker.and_then(|worker| run.worker(worker));
        let worker = worker.map_or(String::new(), |worker| format!(" {}", worker.name));
        parts(&format!("warning:{worker}{trial}: {}", remark.text))
    })
}

fn row_value(row: &Row) -> Value {
    let spread = &row.spread;
    let part = |duration: Duration| {
        let whole = spread.maximum.as_secs_f64();
        if whole > 0.0 { (duration.as_secs_f64() / whole * 1000.0).round() / 10.0 } else { 0.0 }
    };
    let short = |duration: Duration| {
        if duration < Duration::from_millis(100) { words::milliseconds(duration) } else { words::duration(duration) }
    };
    context! {
        phase => row.phase.word(),
        what => line(&row.what),
        who => row.who.as_str(),
        minimum => short(spread.minimum),
        median => short(spread.median),
        maximum => short(spread.maximum),
        left => part(spread.minimum),
        width => part(spread.maximum) - part(spread.minimum),
        middle => part(spread.median),
    }
}
