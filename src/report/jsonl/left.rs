//! What a step left, as it is recorded; its output has lines of its own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{
    Attempt, Ending, FetchedFiles, Nanoseconds, Outcome, Output, Process, Start, Step, StepResult, Stream, Unkept,
};
use crate::report::words;

/// A text that is borrowed where it is written, and owned where it is read.
pub(super) type Text<'a> = Cow<'a, str>;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a step left, besides its output.
#[derive(Serialize, Deserialize)]
pub(super) struct Left<'a> {
    outcome: Text<'a>,
    exit_status: Option<i32>,
    signal: Option<i32>,
    limit_ns: Option<Nanoseconds>,
    reason: Option<Text<'a>>,
    #[serde(flatten)]
    started: Option<Start>,
    duration_ns: Option<Nanoseconds>,
    /// How much was printed, how much of that could not be kept, and why.
    stdout_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    stdout_left_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout_error: Option<Text<'a>>,
    stderr_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    stderr_left_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr_error: Option<Text<'a>>,
    leaky: bool,
    /// Who still held its output, and what could not be stopped.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    holders: Cow<'a, [Process]>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    not_stopped: Cow<'a, [Process]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptEntry<'a>>,
    #[serde(flatten)]
    files: Option<Cow<'a, FetchedFiles>>,
}

/// One attempt of a step that is repeated; `after_ns` counts from the step's start.
#[derive(Serialize, Deserialize)]
struct AttemptEntry<'a> {
    after_ns: Nanoseconds,
    duration_ns: Nanoseconds,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_status: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_ns: Option<Nanoseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
}

fn limit(outcome: &Outcome) -> Option<Nanoseconds> {
    if let Outcome::TimedOut(limit) = outcome { Some((*limit).into()) } else { None }
}

fn unkept_why(output: &Output) -> Option<Text<'_>> {
    output.unkept().map(|unkept| Cow::Borrowed(&*unkept.why))
}

impl<'a> Left<'a> {
    /// What this result says of its step.
    pub(super) fn new(step: Option<&Step>, result: &'a StepResult) -> Box<Self> {
        let (exit_status, signal) = words::ending(step, &result.outcome);
        Box::new(Self {
            outcome: words::outcome(&result.outcome).into(),
            exit_status,
            signal,
            limit_ns: limit(&result.outcome),
            reason: words::why(result),
            started: result.started,
            duration_ns: result.duration.map(Nanoseconds::from),
            stdout_bytes: result.stdout.printed(),
            stdout_left_out: result.stdout.left_out(),
            stdout_error: unkept_why(&result.stdout),
            stderr_bytes: result.stderr.printed(),
            stderr_left_out: result.stderr.left_out(),
            stderr_error: unkept_why(&result.stderr),
            leaky: result.leaky,
            holders: (&*result.holders).into(),
            not_stopped: (&*result.not_stopped).into(),
            attempts: result.attempts.iter().map(AttemptEntry::new).collect(),
            files: result.files.as_deref().map(Cow::Borrowed),
        })
    }

    /// The result of the step. `output` finds what was printed on a stream, by how much of it was kept.
    pub(super) fn result(self, output: impl Fn(Stream, u64, Option<Unkept>) -> Output) -> Option<StepResult> {
        let output = |stream, printed: u64, left_out: u64, why: Option<Text<'_>>| {
            let why = why.unwrap_or_default().into();
            let unkept = (left_out > 0).then_some(Unkept { bytes: left_out, why });
            output(stream, printed.saturating_sub(left_out), unkept)
        };
        let ending = (self.exit_status, self.signal, self.limit_ns);
        Some(StepResult {
            started: self.started,
            duration: self.duration_ns.map(Into::into),
            stdout: output(Stream::Stdout, self.stdout_bytes, self.stdout_left_out, self.stdout_error),
            stderr: output(Stream::Stderr, self.stderr_bytes, self.stderr_left_out, self.stderr_error),
            leaky: self.leaky,
            holders: self.holders.into(),
            not_stopped: self.not_stopped.into(),
            attempts: self.attempts.into_iter().map(AttemptEntry::attempt).collect::<Option<_>>()?,
            files: self.files.map(|files| Box::new(files.into_owned())),
            ..StepResult::without_output(outcome(&self.outcome, ending, self.reason)?)
        })
    }
}

impl<'a> AttemptEntry<'a> {
    fn new(attempt: &'a Attempt) -> Self {
        let Attempt { after, duration, outcome } = attempt;
        let (exit_status, signal) = words::ending(None, outcome);
        Self {
            after_ns: (*after).into(),
            duration_ns: (*duration).into(),
            outcome: words::outcome_in_detail(outcome),
            exit_status,
            signal,
            limit_ns: limit(outcome),
            reason: words::own_reason(outcome).map(Cow::Borrowed),
        }
    }

    fn attempt(self) -> Option<Attempt> {
        let outcome = outcome(&self.outcome, (self.exit_status, self.signal, self.limit_ns), self.reason)?;
        Some(Attempt { after: self.after_ns.into(), duration: self.duration_ns.into(), outcome })
    }
}

/// The outcome that begins with this word. Attempts have more behind it.
fn outcome(
    word: &str,
    (exit_status, signal, limit): (Option<i32>, Option<i32>, Option<Nanoseconds>),
    reason: Option<Text<'_>>,
) -> Option<Outcome> {
    let ending = exit_status.map(Ending::Exit).or(signal.map(Ending::Signal));
    let reason = reason.map(Cow::into_owned);
    Some(match word.split(':').next()? {
        "passed" => Outcome::Passed,
        "failed" => ending.map_or_else(|| Outcome::Unfulfilled(reason.unwrap_or_default()), Outcome::Failed),
        "timed out" => Outcome::TimedOut(limit?.into()),
        "spawned" => Outcome::Spawned,
        "stopped" => Outcome::Stopped,
        "not started" => Outcome::NotStarted(reason.unwrap_or_default()),
        "skipped" => Outcome::Skipped(reason),
        "lost" => Outcome::Lost,
        _ => return None,
    })
}
