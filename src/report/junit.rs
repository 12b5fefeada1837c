//! The `junit` report, for continuous integration: written by a library when the run is over.
//!
//! | suite | its cases |
//! |---|---|
//! | `run` | `verdict`: not green whenever the exit status is not 0 |
//! | `trial 1, run, dut` | `start`: how the worker got into the phase; then one for each step |
//!
//! The class of a case is `worker.phase`. A failure is a step that failed; an error is what was not seen: a lost worker,
//! a run that was not carried out. A failure that does not count is green, and a property says so. Outputs share a fixed
//! amount, so that the report is never too large for its readers.

mod case;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Ended, PhaseOfTrial, Run, Trial, fair_limit, innermost, last_lines, words};
use crate::model::{Conclusion, Outcome, StepResult, Verdict, WorkerId, WorkerPlan};
use case::{Cases, not_green, text};

/// So many bytes of all outputs together are kept.
const BUDGET: u64 = 32 << 20;
/// And so many of one.
const MOST: u64 = 128 << 10;

/// So many last lines of what a check printed.
const CHECK_LINES: usize = 200;

/// Writes the report of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    report_of(ended).serialize(writer).map_err(|error| innermost(&error))
}

fn report_of(Ended { run, at, conclusion, .. }: Ended<'_>) -> Report {
    let name = run.plan.as_ref().map_or("conductor".into(), |(plan, _)| plan.file.to_string_lossy().into_owned());
    let mut report = Report::new(text(&name));
    report.set_time(run.start.map_or(std::time::Duration::ZERO, |start| at.since(start)));
    report.add_test_suite(verdict(run, conclusion));
    let limit = fair_limit(run.outputs().map(crate::model::Output::length), BUDGET, MOST);
    let Some((plan, _)) = &run.plan else { return report };
    for trial in run.trials.values() {
        report.add_test_suites(trial.check.as_ref().map(|check| check_suite(trial.number, check)));
        for phase in trial.phases.values() {
            for (id, worker) in plan.workers() {
                report.add_test_suites(worker_suite(run, limit, (trial, phase), (id, worker)));
            }
        }
    }
    report
}

/// What speaks for the run as a whole, where no step may speak for it.
fn verdict(run: &Run, conclusion: &Conclusion) -> TestSuite {
    let status = conclusion.exit_status();
    let reasons: Vec<String> = conclusion.reasons.iter().map(words::reason_line).collect();
    let status = match (status, conclusion.verdict) {
        (0, _) => TestCaseStatus::success(),
        (3, Verdict::Failed) => not_green(NonSuccessKind::Failure, "failed", &reasons.join("\n")),
        (status, _) => not_green(NonSuccessKind::Error, &format!("exit status {status}"), &reasons.join("\n")),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname("conductor");
    let remarks =
        run.warnings.iter().map(|warning| ("warning", warning)).chain(run.lost.iter().map(|lost| ("lost", lost)));
    let name = |worker: Option<WorkerId>| match worker.and_then(|worker| run.worker(worker)) {
        Some(worker) => format!("{}: ", worker.name),
        None => String::new(),
    };
    let remarks: Vec<String> =
        remarks.map(|(kind, remark)| format!("{kind}: {}{}\n", name(remark.worker), remark.text)).collect();
    if !remarks.is_empty() {
        case.set_system_out(text(&remarks.concat()));
    }
    let mut suite = TestSuite::new("run");
    suite.add_test_case(case);
    suite.add_property(("version", env!("CARGO_PKG_VERSION")));
    if let Some((plan, _)) = &run.plan {
        suite.add_property(("run", plan.run.as_str()));
    }
    suite
}

/// The test's own judgement of a trial.
fn check_suite(trial: u32, check: &StepResult) -> TestSuite {
    let word = check.outcome.in_detail();
    let status = match &check.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        failed if failed.is_failure() => not_green(NonSuccessKind::Failure, &word, &word),
        _ => not_green(NonSuccessKind::Error, &word, &word),
    };
    let mut case = TestCase::new("check", status);
    case.set_classname("conductor").set_time(check.duration.unwrap_or_default());
    case.set_system_out(text(&last_lines(&check.stdout, CHECK_LINES).join("\n")));
    case.set_system_err(text(&last_lines(&check.stderr, CHECK_LINES).join("\n")));
    let mut suite = TestSuite::new(format!("trial {trial}, check"));
    suite.add_test_case(case);
    suite
}

/// A worker's phase, unless it has nothing to do in it.
fn worker_suite(
    run: &Run,
    limit: u64,
    (trial, phase): (&Trial, &PhaseOfTrial),
    (id, worker): (WorkerId, &WorkerPlan),
) -> Option<TestSuite> {
    let steps = &worker.steps[phase.phase];
    if steps.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new(text(&format!("trial {}, {}, {}", trial.number, phase.phase, worker.name)));
    let own = phase.workers.get(&id);
    if let Some(date) = run.utc(own.map_or(phase.start, |own| own.start)) {
        suite.extra.insert("timestamp".into(), date.into());
    }
    if let Some((start, end)) = own.and_then(|own| Some((own.start, own.end?))) {
        suite.set_time(end.since(start));
    }
    let mut cases = Cases::new(run, limit, phase, id, worker);
    suite.add_test_case(cases.start());
    for (position, step) in steps.iter().enumerate() {
        suite.add_test_case(cases.step(position, step));
    }
    Some(suite)
}
