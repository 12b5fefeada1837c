//! What a step left, as a line of the `jsonl` report tells it; its output has lines of its own.

use serde::Serialize;

use super::line::{Cut, Started, TEXT, nanoseconds};
use crate::model::{Attempt, Outcome, Step, StepResult};
use crate::report::files::FilesEntry;
use crate::report::words;

/// So many attempts are told in a line.
const ATTEMPTS: usize = 200;
/// So many files.
const FILES: usize = 100;

/// What a step left, besides its output.
#[derive(Serialize)]
pub(super) struct Left<'a> {
    outcome: &'static str,
    exit_status: Option<i32>,
    signal: Option<i32>,
    limit_ns: Option<u64>,
    reason: Option<Cut<'a>>,
    #[serde(flatten)]
    started: Option<Started>,
    duration_ns: Option<u64>,
    /// How much was printed, and how much of that could not be kept.
    stdout_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    stdout_left_out: u64,
    stderr_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    stderr_left_out: u64,
    leaky: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptEntry>,
    #[serde(skip_serializing_if = "is_zero")]
    attempts_left_out: u64,
    #[serde(flatten)]
    files: Option<FilesEntry>,
}

impl<'a> Left<'a> {
    pub(super) fn new(step: Option<&Step>, result: &'a StepResult) -> Self {
        let (exit_status, signal) = words::ending(step, &result.outcome);
        let limit = match &result.outcome {
            Outcome::TimedOut(limit) => Some(*limit),
            _ => None,
        };
        Self {
            outcome: words::outcome(&result.outcome),
            exit_status,
            signal,
            limit_ns: limit.map(nanoseconds),
            reason: words::why(result).map(|why| Cut(why, TEXT)),
            started: result.started.as_ref().map(Started::new),
            duration_ns: result.duration.map(nanoseconds),
            stdout_bytes: result.stdout.printed(),
            stdout_left_out: result.stdout.printed() - result.stdout.length(),
            stderr_bytes: result.stderr.printed(),
            stderr_left_out: result.stderr.printed() - result.stderr.length(),
            leaky: result.leaky,
            attempts: result.attempts.iter().take(ATTEMPTS).map(AttemptEntry::new).collect(),
            attempts_left_out: result.attempts.len().saturating_sub(ATTEMPTS) as u64,
            files: result.files.as_deref().map(|fetched| FilesEntry::new(fetched, FILES)),
        }
    }
}

/// One attempt of a step that is repeated; `after_ns` counts from the step's start.
#[derive(Serialize)]
struct AttemptEntry {
    after_ns: u64,
    duration_ns: u64,
    outcome: String,
}

impl AttemptEntry {
    fn new(attempt: &Attempt) -> Self {
        Self {
            after_ns: nanoseconds(attempt.after),
            duration_ns: nanoseconds(attempt.duration),
            outcome: words::outcome_in_detail(&attempt.outcome),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
