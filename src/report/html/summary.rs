//! What the page says without a script: verdict, trials, failures, statistics, workers.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::{Value, context};

use crate::model::{
    BarrierResult, Output, Phase, Plan, PlayerDescription, StepResult, WorkerId, WorkerPlan, harmless, on_one_line,
};
use crate::report::{Ended, Finished, PhaseOfTrial, Remark, Row, Run, Trial, last_lines, statistics, words};

/// The number of failures that are shown with their last lines.
const FAILURES: usize = 50;
/// So many of their last lines.
const LINES: usize = 12;
/// So many rows of statistics, and so many workers.
const ROWS: usize = 200;

/// The values of the template.
pub(super) fn values(ended: Ended<'_>, style: &str) -> Value {
    let Ended { run, conclusion, .. } = ended;
    let plan = run.plan();
    let verdict = words::verdict(conclusion);
    let failures: Vec<Value> = failures(run).take(FAILURES).map(|failure| failure_value(run, failure)).collect();
    let rows = statistics::rows(run);
    context! {
        style => Value::from_safe_string(style.to_owned()),
        verdict,
        verdict_class => class(verdict),
        name => plan.map_or("conductor".to_owned(), |plan| line(&plan.file.to_string_lossy())),
        run => plan.map_or("-", |plan| plan.run.as_str()),
        version => env!("CARGO_PKG_VERSION"),
        facts => facts(ended),
        reasons => list(conclusion.reasons.iter().map(|reason| line(&words::reason_line(reason)).into())),
        has_check => plan.is_some_and(|plan| plan.settings.check.is_some()),
        phases => list(plan.iter().flat_map(|plan| &plan.phases).map(|phase| phase.word().into())),
        trials => list(plan.iter().flat_map(|plan| run.trials.values().map(|trial| trial_value(plan, trial)))),
        failures_shown => failures.len(),
        more_failures => self::failures(run).count() - failures.len(),
        failures => list(failures.into_iter()),
        remarks => list(remarks(run)),
        trials_told => words::counted(run.trials.len(), "trial"),
        statistics => list(rows.iter().take(ROWS).map(row_value)),
        more_statistics => rows.len().saturating_sub(ROWS),
        workers => list(workers(run)),
        more_workers => plan.map_or(0, |plan| plan.workers.len().saturating_sub(ROWS)),
    }
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    values.collect::<Vec<Value>>().into()
}

fn line(text: &str) -> String {
    on_one_line(text).into_owned()
}

/// An outcome or a verdict as the class that has its colour.
fn class(word: &str) -> String {
    word.replace(' ', "-")
}

fn facts(Ended { run, time_zone, at: end, .. }: Ended<'_>) -> Value {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some((plan, anchor)) = &run.plan {
        let date = jiff::Timestamp::try_from(anchor.utc).map(|utc| utc.to_zoned_datetime(time_zone.clone()));
        facts.push(("Started", date.map(|date| date.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()).unwrap_or_default()));
        facts.push(("Duration", run.start.map_or(String::new(), |start| words::duration(end.since(start)))));
        facts.push(("Trials", format!("{} of {}", run.ended_trials(), plan.trials)));
        facts.push(("Workers", plan.workers.len().to_string()));
    }
    facts.push(("Steps", run.counts()));
    list(facts.into_iter().map(|(name, value)| context! { name, value }))
}

fn trial_value(plan: &Plan, trial: &Trial) -> Value {
    let cell = |phase: &Phase| match trial.phases.get(phase) {
        None => context! { duration => "–" },
        Some(known) => cell_value(known),
    };
    context! {
        number => trial.number,
        verdict => trial.verdict.map_or("not over", crate::model::Verdict::word),
        cells => list(plan.phases.iter().map(cell)),
        check => trial.check.as_ref().map(check_value),
    }
}

/// The test's own judgement, with its last lines.
fn check_value(check: &StepResult) -> Value {
    context! {
        class => class(check.outcome.word()),
        outcome => check.outcome.in_detail(),
        stdout => shown_lines(&check.stdout),
        stderr => shown_lines(&check.stderr),
    }
}

fn cell_value(phase: &PhaseOfTrial) -> Value {
    let duration = phase.end.map_or_else(|| "not over".to_owned(), |end| words::duration(end.since(phase.start)));
    let results = phase.workers.values().flat_map(|worker| worker.results.values());
    let failed = results.filter(|recorded| recorded.is_bad()).count();
    let barrier = |barrier: &BarrierResult| {
        let passed =
            |skew| words::skew_of_several(skew).map_or("passed".to_owned(), |skew| format!("release skew {skew}"));
        let text =
            barrier.passed.as_ref().map_or_else(|why| format!("not passed: {why}"), |skew| passed(skew.as_ref()));
        Value::from(line(&format!("{}: {text}", barrier.name)))
    };
    context! {
        duration,
        failed => (failed > 0).then(|| format!("{failed} not passed")),
        skew => words::skew_of_several(phase.skew.as_ref()),
        barriers => list(phase.barriers.iter().map(barrier)),
    }
}

/// Each failure with the number that the timeline has for its step.
fn failures(run: &Run) -> impl Iterator<Item = (usize, Finished<'_>)> {
    run.results().enumerate().filter(|(_, finished)| finished.recorded.is_bad())
}

fn failure_value(run: &Run, (number, finished): (usize, Finished<'_>)) -> Value {
    let Finished { reference, step, .. } = finished;
    let result = finished.result();
    let (label, name) = (words::label(step), run.name(reference.worker));
    context! {
        step => number,
        class => class(result.outcome.word()),
        outcome => result.outcome.in_detail(),
        place => format!("{label} on {name}, {} of trial {}", reference.phase, reference.trial),
        why => result.why().map(|why| line(&why)),
        excuse => finished.excuse(),
        command => words::command(step),
        stdout => shown_lines(&result.stdout),
        stderr => shown_lines(&result.stderr),
    }
}

fn shown_lines(output: &Output) -> String {
    harmless(&last_lines(output, LINES).join("\n")).into_owned()
}

fn remarks(run: &Run) -> impl Iterator<Item = Value> {
    let remark = |kind: &'static str| {
        move |remark: &Remark| {
            let trial = remark.trial.map_or(String::new(), |trial| format!(" in trial {trial}"));
            let worker = remark.worker.and_then(|worker| run.worker(worker));
            let worker = worker.map_or(String::new(), |worker| format!(" {}", worker.name));
            Value::from(format!("{kind}{worker}{trial}: {}", line(&remark.text)))
        }
    };
    run.lost.iter().map(remark("lost:")).chain(run.warnings.iter().map(remark("warning:")))
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
        what => line(row.what()),
        who => row.who(),
        minimum => short(spread.minimum),
        median => short(spread.median),
        maximum => short(spread.maximum),
        left => part(spread.minimum),
        width => part(spread.maximum) - part(spread.minimum),
        middle => part(spread.median),
    }
}

fn workers(run: &Run) -> impl Iterator<Item = Value> {
    let mut counts: BTreeMap<WorkerId, (usize, usize)> = BTreeMap::new();
    for finished in run.results() {
        let (steps, bad) = counts.entry(finished.reference.worker).or_default();
        *steps += 1;
        *bad += usize::from(finished.recorded.is_bad());
    }
    let workers = run.plan().into_iter().flat_map(Plan::workers).take(ROWS);
    workers.map(move |(id, worker): (WorkerId, &WorkerPlan)| {
        let (version, host) = match run.players.get(&id) {
            None => ("not reached".to_owned(), "–".to_owned()),
            Some(PlayerDescription::Seed) => ("Python player".to_owned(), "–".to_owned()),
            Some(PlayerDescription::Session { version, host }) => (line(version), line(host)),
        };
        let (steps, bad) = counts.get(&id).copied().unwrap_or_default();
        context! { name => worker.name.as_str(), player => worker.player.to_string(), host, version, steps, bad }
    })
}
