//! The `junit` report, for continuous integration: written by a library at the end of the run.
//!
//! | suite | its cases |
//! |---|---|
//! | `run` | `verdict`: not green if the exit status is not 0 |
//! | `trial 1, metrics` | one for each metric; its value is a property |
//! | `trial 1, run, dut` | `start`: how the worker started the phase; then one for each step |
//!
//! The class of a case is `trial-1.worker.phase`. A failure is a step that failed; an error is something without a
//! result: a lost worker, a run that was not carried out. A failure that does not count is green, and has a property
//! that says so. The outputs share a fixed number of bytes, so that the report is never too large for its readers. The
//! file conforms to the schema of the xunit plugin of Jenkins, in which a case has no properties: a suite has the
//! properties of its cases, named `STEP: PROPERTY`.

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::causes;
use super::{Ended, Excerpt, PhaseOfTrial, Run, Trial, WorkerOfPhase, fair_limit, innermost, last_lines, words};
use crate::model::{
    Conclusion, Mode, Outcome, Output, Plan, Process, Start, Step, StepResult, Verdict, WorkerId, WorkerPlan, harmless,
};

/// The maximum size of a report in bytes. GitLab refuses files above 30 MB.
const LARGEST: u64 = 16 << 20;
/// The maximum number of bytes of all outputs together; less if XML escapes make them larger.
const BUDGET: u64 = 12 << 20;
/// The maximum number of bytes of one output.
const MOST: u64 = 128 << 10;

/// The maximum number of causes in the verdict that include their last lines of output.
const PRINTED: usize = 50;

/// The maximum number of last lines of the output of a check.
const CHECK_LINES: usize = 200;

/// The maximum number of last lines of standard error in the failure of a step.
const LINES: usize = 10;

/// The line above output that was printed after the end of the step.
const LATE: &str = "[… printed after the end of the step: …]\n";

/// The level of detail of a report.
#[derive(Clone, Copy)]
struct Detail {
    /// The maximum number of bytes of an output.
    limit: u64,
    /// Whether cases that passed are left out.
    is_brief: bool,
}

/// Writes the report of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    write_within(LARGEST, ended, writer)
}

/// Writes a report of at most `largest` bytes. Cuts outputs until the report is small enough. If that does not suffice,
/// leaves out the cases that passed. Only one suite at a time is in memory.
fn write_within(largest: u64, ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let Ended { run, at, conclusion, .. } = ended;
    let limit = fair_limit(run.outputs().map(Output::length), BUDGET, MOST);
    let mut detail = Detail { limit, is_brief: false };
    let causes = causes::causes(run, Some(conclusion));
    let reason = |(index, cause)| {
        let shown = causes::shown(run, cause);
        let (title, printed) = (shown.title.clone(), causes::printed(run, cause).filter(|_| index < PRINTED));
        let below = shown.below(printed).into_iter().map(|line| format!("    {line}"));
        std::iter::once(title).chain(below)
    };
    let reasons: Vec<String> = causes.iter().enumerate().flat_map(reason).collect();
    let name = run.plan().map_or("conductor".into(), |plan| plan.file.to_string_lossy());
    let (head, tail) = loop {
        let mut report = Report::new(text(&name));
        report.set_time(run.took(at).unwrap_or_default());
        let mut size = 0;
        for suite in suites(ended, &reasons, detail) {
            report.add_test_suite(suite);
            size += xml(std::mem::take(&mut report.test_suites))?.len() as u64;
        }
        let (head, tail) = frame(&report)?;
        let all = size + (head.len() + tail.len()) as u64;
        if all <= largest || detail.is_brief {
            break (head, tail);
        }
        detail = match detail.limit {
            0 => Detail { is_brief: true, ..detail },
            // As many as fit if all output is escaped to the same degree.
            limit => Detail { limit: if limit < 64 { 0 } else { limit * largest / all * 9 / 10 }, ..detail },
        };
    };
    writer.write_all(valid(&head).as_bytes())?;
    for suite in suites(ended, &reasons, detail) {
        writer.write_all(xml(vec![suite])?.as_bytes())?;
    }
    writer.write_all(tail.as_bytes())
}

/// Returns the parts of a report before and after its suites.
fn frame(report: &Report) -> io::Result<(String, String)> {
    let mut text = report.to_string().map_err(|error| innermost(&error))?;
    let end = text.rfind("\n</testsuites>").unwrap_or(text.len());
    let tail = text.split_off(end);
    Ok((text, tail))
}

/// Formats suites as they are in a report.
fn xml(suites: Vec<TestSuite>) -> io::Result<String> {
    let mut report = Report::unnamed();
    let (head, _) = frame(&report)?;
    report.test_suites = suites;
    Ok(frame(&report)?.0.split_off(head.len()))
}

/// Removes the number of skipped cases from the root element. The library writes it, but the schema does not allow it.
fn valid(head: &str) -> String {
    let parts = head.rsplit_once(" skipped=\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    parts.map_or_else(|| head.to_owned(), |(before, after)| format!("{before}{after}"))
}

/// Returns the suites in order. Each is created when it is written.
fn suites<'a>(ended: Ended<'a>, reasons: &'a [String], detail: Detail) -> impl Iterator<Item = TestSuite> + 'a {
    let Ended { run, conclusion, .. } = ended;
    let trials = run.plan().into_iter().flat_map(|plan| run.trials.values().map(move |trial| (plan, trial)));
    let of_trial = move |(plan, trial): (&'a Plan, &'a Trial)| {
        let check = trial.check.as_ref().map(|check| check_suite(trial.number, check));
        let phases = trial.phases.values().flat_map(|phase| plan.workers().map(move |worker| (phase, worker)));
        let workers = phases.filter_map(move |(phase, worker)| worker_suite(run, detail, (trial, phase), worker));
        check.into_iter().chain(metrics_suite(run, detail, trial)).chain(workers)
    };
    std::iter::once_with(move || verdict(run, conclusion, reasons, detail)).chain(trials.flat_map(of_trial))
}

/// Returns the suite with the verdict of the run as a whole.
fn verdict(run: &Run, conclusion: &Conclusion, reasons: &[String], detail: Detail) -> TestSuite {
    let status = conclusion.exit_status();
    let status = match (status, conclusion.verdict) {
        (0, _) => TestCaseStatus::success(),
        (3, Verdict::Failed) => not_green(NonSuccessKind::Failure, "failed", &reasons.join("\n")),
        (status, _) => not_green(NonSuccessKind::Error, &format!("exit status {status}"), &reasons.join("\n")),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname("conductor");
    let warnings = run.warnings.iter();
    let warnings: Vec<String> =
        warnings.map(|warning| format!("warning: {}{}\n", run.prefix(warning.worker), warning.text)).collect();
    if !warnings.is_empty() {
        case.set_system_out(text(&warnings.concat()));
    }
    let mut suite = TestSuite::new("run");
    suite.add_test_case(case);
    if detail.is_brief {
        suite.add_property(("left_out", "cases that passed, because the report would be too large"));
    }
    suite.add_property(("version", env!("CARGO_PKG_VERSION")));
    if let Some((plan, _)) = &run.plan {
        suite.add_property(("run", plan.run.as_str()));
    }
    suite
}

/// Returns the suite with the check of a trial.
fn check_suite(trial: u32, check: &StepResult) -> TestSuite {
    let word = check.outcome.in_detail();
    let status = match &check.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        failed if failed.is_failure() => not_green(NonSuccessKind::Failure, &word, &word),
        _ => not_green(NonSuccessKind::Error, &word, &word),
    };
    let mut case = TestCase::new("check", status);
    case.set_classname(format!("trial-{trial}")).set_time(check.duration.unwrap_or_default());
    case.set_system_out(text(&last_lines(&check.stdout, CHECK_LINES).join("\n")));
    case.set_system_err(text(&last_lines(&check.stderr, CHECK_LINES).join("\n")));
    let mut suite = TestSuite::new(format!("trial {trial}, check"));
    suite.add_test_case(case);
    suite
}

/// Returns the suite with the metrics of a trial, if it has some: a case and a property for each.
fn metrics_suite(run: &Run, detail: Detail, trial: &Trial) -> Option<TestSuite> {
    let number = trial.number;
    let mut suite = TestSuite::new(format!("trial {number}, metrics"));
    for measured in &trial.metrics {
        let worker = measured.worker.map(|worker| format!(" ({})", run.name(worker)));
        let name = text(&format!("{}{}", measured.metric, worker.unwrap_or_default()));
        let value = measured.measurement.text(measured.unit.as_deref());
        suite.add_property((&*name, &*text(&value)));
        let is_failure = trial.is_failed_by(measured);
        if detail.is_brief && !is_failure {
            continue;
        }
        let status = if is_failure {
            not_green(NonSuccessKind::Failure, "failed", &run.measured(number, measured))
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(name, status);
        case.set_classname(format!("trial-{number}.metrics"));
        suite.add_test_case(case);
    }
    (!trial.metrics.is_empty() && suite.tests > 0).then_some(suite)
}

/// Returns the suite of a worker's phase, unless it has no steps there.
fn worker_suite(
    run: &Run,
    detail: Detail,
    (trial, phase): (&Trial, &PhaseOfTrial),
    (id, worker): (WorkerId, &WorkerPlan),
) -> Option<TestSuite> {
    let steps = &run.worker_in(trial.number, id).unwrap_or(worker).steps[phase.phase];
    if steps.is_empty() {
        return None;
    }
    let about = run.plan().map(|plan| plan.about_trial(trial.number)).unwrap_or_default();
    let name = format!("trial {}{about}, {}, {}", trial.number, phase.phase, worker.name);
    let mut suite = TestSuite::new(text(&name));
    let own = phase.workers.get(id);
    if let Some(date) = run.utc(own.map_or(phase.start, |own| own.start)) {
        suite.extra.insert("timestamp".into(), date.into());
    }
    if let Some((start, end)) = own.and_then(|own| Some((own.start, own.end?))) {
        suite.set_time(end.since(start));
    }
    let place = format!("trial-{}.{}.{}", trial.number, worker.name, phase.phase);
    let mut cases = Cases { run, limit: detail.limit, phase, place, id, own, names: BTreeSet::new() };
    let start = cases.start();
    let all = std::iter::once(start).chain(steps.iter().enumerate().map(|(at, step)| cases.step(at, step)));
    let is_told = |case: &TestCase| !detail.is_brief || !matches!(case.status, TestCaseStatus::Success { .. });
    for mut case in all.filter(is_told) {
        for property in std::mem::take(&mut case.properties) {
            let name = format!("{}: {}", case.name.as_str(), property.name.as_str());
            suite.add_property((&*name, property.value.as_str()));
        }
        suite.add_test_case(case);
    }
    (suite.tests > 0).then_some(suite)
}

/// Creates the cases of one worker in one phase, with unique names.
struct Cases<'a> {
    run: &'a Run,
    limit: u64,
    phase: &'a PhaseOfTrial,
    /// The class of the cases.
    place: String,
    id: WorkerId,
    own: Option<&'a WorkerOfPhase>,
    names: BTreeSet<String>,
}

impl Cases<'_> {
    fn case(&mut self, label: &str, status: TestCaseStatus) -> TestCase {
        let label = text(label);
        let others = (2_u32..).map(|number| format!("{label} ({number})"));
        let mut names = std::iter::once(label.clone()).chain(others);
        let name = names.find(|name| self.names.insert(name.clone())).unwrap_or_default();
        let mut case = TestCase::new(name, status);
        case.set_classname(text(&self.place));
        case
    }

    /// Returns the case that says how the worker started the phase.
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

    /// Returns the case of a step.
    fn step(&mut self, position: usize, step: &Step) -> TestCase {
        let label = step.label.as_str();
        let Some(recorded) = self.own.and_then(|own| own.results.get(position)) else {
            let status = match self.own {
                Some(_) => error("its end was not reported"),
                None => skipped("the worker did not take part"),
            };
            return self.case(label, status);
        };
        let result = recorded.last();
        let excuse = result.outcome.excuse(Some(step), self.phase.phase);
        let status = if excuse.is_some() { TestCaseStatus::success() } else { status(step, result) };
        let mut case = self.case(label, status);
        if let Some(excuse) = excuse {
            let outcome = result.outcome.in_detail();
            case.add_property(("not_counted", &*text(&format!("{outcome} ({excuse})"))));
        }
        if let Some(duration) = result.duration {
            case.set_time(duration);
        }
        if result.leaky {
            case.add_property(("leaky", &*text(&Process::list(&result.holders))));
        }
        if !result.not_stopped.is_empty() {
            case.add_property(("not_stopped", &*text(&Process::list(&result.not_stopped))));
        }
        let [late_stdout, late_stderr] = recorded.late();
        let [early_stdout, early_stderr] = recorded.in_time();
        case.system_out = self.output(early_stdout, &late_stdout);
        case.system_err = self.output(early_stderr, &late_stderr);
        case
    }

    /// Formats a stream: its output until the end of the step, and its later output.
    fn output(&self, early: &Output, late: &Output) -> Option<quick_junit::XmlString> {
        let kept = |output| Excerpt::new(output, self.limit).to_string();
        let mut all = kept(early);
        if !late.is_empty() {
            let newline = if all.is_empty() || all.ends_with('\n') { "" } else { "\n" };
            all.extend([newline, LATE, &kept(late)]);
        }
        (!all.is_empty()).then(|| text(&all).into())
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
        Outcome::Lost => error("its result is not known"),
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

/// Creates the status of a case that is not green.
fn not_green(kind: NonSuccessKind, word: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(text(word)).set_message(text(description.lines().next().unwrap_or(word)));
    status.set_description(text(description));
    status
}

/// Escapes the characters of remote text that XML cannot represent.
fn text(text: &str) -> String {
    // The library removes tabs, together with all control characters.
    let shown = harmless(text).replace('\t', "    ");
    // The only other characters that XML does not allow.
    shown.replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}
