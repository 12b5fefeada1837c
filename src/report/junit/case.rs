//! The cases of a worker's phase in the `junit` report.

use std::collections::BTreeSet;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};

use crate::model::{Mode, Outcome, Output, Process, Start, Step, StepResult, WorkerId, WorkerPlan, harmless};
use crate::report::{Excerpt, PhaseOfTrial, Run, WorkerOfPhase, last_lines, words};

/// So many of its last lines on standard error stand in the failure of a step.
const LINES: usize = 10;

/// Makes the cases of one worker in one phase, each with a name of its own.
pub(super) struct Cases<'a> {
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
    pub(super) fn new(run: &'a Run, limit: u64, phase: &'a PhaseOfTrial, id: WorkerId, worker: &'a WorkerPlan) -> Self {
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
    pub(super) fn start(&mut self) -> TestCase {
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
    pub(super) fn step(&mut self, position: usize, step: &Step) -> TestCase {
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
pub(super) fn not_green(kind: NonSuccessKind, word: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(text(word)).set_message(text(description.lines().next().unwrap_or(word)));
    status.set_description(text(description));
    status
}

/// Remote text as XML can have it: what it cannot have is shown by escapes.
pub(super) fn text(text: &str) -> String {
    // The library drops tabs with everything else that it takes for a terminal's.
    let shown = harmless(text).replace('\t', "    ");
    // These two are the only other characters that XML has no place for.
    shown.replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}
