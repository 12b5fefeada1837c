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

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Ended, Excerpt, PhaseOfTrial, Run, Trial, WorkerOfPhase, fair_limit, innermost, last_lines, words};
use crate::model::{
    Conclusion, Mode, Outcome, Output, Process, Start, Step, StepResult, Verdict, WorkerId, WorkerPlan, harmless,
};

/// So many bytes of all outputs together are kept.
const BUDGET: u64 = 32 << 20;
/// And so many of one.
const MOST: u64 = 128 << 10;

/// So many last lines of what a check printed.
const CHECK_LINES: usize = 200;

/// So many of its last lines on standard error stand in the failure of a step.
const LINES: usize = 10;

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
    let remarks: Vec<String> =
        remarks.map(|(kind, remark)| format!("{kind}: {}{}\n", run.prefix(remark.worker), remark.text)).collect();
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

/// Makes the cases of one worker in one phase, each with a name of its own.
struct Cases<'a> {
    run: &'a Run,
    limit: u64,
    phase: &'a PhaseOfTrial,
    worker: &'a WorkerPlan,
    id: WorkerId,
    own: Option<&'a WorkerOfPhase>,
    names: BTreeSet<String>,
}

impl<'a> Cases<'a> {
    /// For this worker in this phase; at most `limit` bytes of an output are kept.
    fn new(run: &'a Run, limit: u64, phase: &'a PhaseOfTrial, id: WorkerId, worker: &'a WorkerPlan) -> Self {
        Self { run, limit, phase, worker, id, own: phase.workers.get(&id), names: BTreeSet::new() }
    }

    fn case(&mut self, label: &str, status: TestCaseStatus) -> TestCase {
        let label = text(label);
        let numbers = 2_u32..;
        let mut others = numbers.map(|number| format!("{label} ({number})"));
        let mut name = label.clone();
        while self.names.contains(&name) {
            name = others.next().unwrap_or_default();
        }
        self.names.insert(name.clone());
        let mut case = TestCase::new(name, status);
        case.set_classname(text(&format!("{}.{}", self.worker.name, self.phase.phase)));
        case
    }

    /// How the worker got into the phase.
    fn start(&mut self) -> TestCase {
        let started = self.own.and_then(first_start);
        let unknown = self.phase.skew.as_ref().is_some_and(|skew| skew.unknown.contains(&self.id));
        let lost = self.run.lost.iter().any(|lost| lost.worker == Some(self.id));
        let status = match started {
            None if self.own.is_none() => {
                error("the worker did not take part: it was lost or left out before the phase")
            }
            None if unknown && lost => error("the worker was lost before it started"),
            _ => TestCaseStatus::success(),
        };
        let mut case = self.case("start", status);
        if let Some(start) = started {
            case.add_property(("clock_error", &*words::milliseconds(start.error)));
            if !start.late.is_zero() {
                case.add_property(("late", &*words::milliseconds(start.late)));
            }
        }
        if let Some(skew) = &self.phase.skew {
            case.add_property(("start_skew", &*words::skew(skew)));
        }
        case
    }

    /// How a step ended.
    fn step(&mut self, position: usize, step: &Step) -> TestCase {
        let label = step.label.as_str();
        let Some(recorded) = self.own.and_then(|own| own.results.get(&position)) else {
            let status = match self.own {
                Some(_) => error("its end was not reported"),
                None => skipped("the worker did not take part"),
            };
            return self.case(label, status);
        };
        let result = recorded.last();
        let excuse = words::excuse(Some(step), self.phase.phase, &result.outcome);
        let status = if excuse.is_some() { TestCaseStatus::success() } else { status(step, result) };
        let mut case = self.case(label, status);
        if let Some(excuse) = excuse {
            let outcome = result.outcome.in_detail();
            case.add_property(("not_counted", &*text(&format!("{outcome} ({excuse})"))));
        }
        if let Some(duration) = result.duration {
            case.set_time(duration);
        }
        if let Some(date) = result.started.and_then(|started| self.run.utc(started.at)) {
            case.extra.insert("timestamp".into(), date.into());
        }
        if result.leaky {
            case.add_property(("leaky", &*text(&Process::list(&result.holders))));
        }
        if !result.not_stopped.is_empty() {
            case.add_property(("not_stopped", &*text(&Process::list(&result.not_stopped))));
        }
        case.system_out = self.output(&result.stdout);
        case.system_err = self.output(&result.stderr);
        case
    }

    fn output(&self, output: &Output) -> Option<quick_junit::XmlString> {
        let kept = || Excerpt::new(output, self.limit).to_string();
        (!output.is_empty()).then(|| text(&kept()).into())
    }
}

fn first_start(own: &WorkerOfPhase) -> Option<Start> {
    own.results.values().filter_map(|recorded| recorded.result.started).min_by_key(|start| start.at)
}

fn status(step: &Step, result: &StepResult) -> TestCaseStatus {
    match &result.outcome {
        Outcome::Passed | Outcome::Spawned => TestCaseStatus::success(),
        Outcome::Stopped if step.mode == Mode::Spawn => TestCaseStatus::success(),
        Outcome::Stopped => skipped("stopped"),
        Outcome::Skipped(None) => skipped("not run"),
        Outcome::Skipped(Some(why)) => skipped(&format!("not run: {why}")),
        Outcome::Lost => error("its worker was lost"),
        Outcome::NotStarted(reason) | Outcome::Unfulfilled(reason) => {
            not_green(NonSuccessKind::Failure, result.outcome.word(), reason)
        }
        Outcome::Failed(_) | Outcome::TimedOut(_) => {
            let mut lines = vec![result.outcome.in_detail(), step.action.to_string()];
            lines.extend(words::notes(result));
            lines.extend(last_lines(&result.stderr, LINES));
            not_green(NonSuccessKind::Failure, result.outcome.word(), &lines.join("\n"))
        }
    }
}

fn error(why: &str) -> TestCaseStatus {
    not_green(NonSuccessKind::Error, "incomplete", why)
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(text(why));
    status
}

/// The status of a case that is not green.
fn not_green(kind: NonSuccessKind, word: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(text(word)).set_message(text(description.lines().next().unwrap_or(word)));
    status.set_description(text(description));
    status
}

/// Remote text as XML can have it: what it cannot have is shown by escapes.
fn text(text: &str) -> String {
    // The library drops tabs with everything else that it takes for a terminal's.
    let shown = harmless(text).replace('\t', "    ");
    // These two are the only other characters that XML has no place for.
    shown.replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}
