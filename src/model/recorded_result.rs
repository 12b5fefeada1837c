//! The result of a step in the record of a run, without its output, which has its own lines. Times are in nanoseconds.

use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Serialize};

use super::blame::known;
use super::{
    Attempt, Blame, Ending, FetchedFiles, Names, Nanoseconds, Outcome, Output, Process, Start, Step, StepReference,
    StepResult, Unkept,
};

/// How many bytes of the output of a check are in the line of its end.
const BEGINNING: usize = 4000;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The result of a step, without its output.
#[derive(Serialize, Deserialize)]
struct Left {
    outcome: String,
    exit_status: Option<i32>,
    signal: Option<i32>,
    limit_ns: Option<Nanoseconds>,
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    because: Option<Blame>,
    #[serde(flatten)]
    started: Option<Start>,
    duration_ns: Option<Nanoseconds>,
    /// For each stream: the bytes that were printed, how many of them could not be kept, and why.
    stdout_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    stdout_left_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout_error: Option<String>,
    stderr_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    stderr_left_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stderr_error: Option<String>,
    leaky: bool,
    /// The processes that still had its output open, and those that could not be stopped.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    holders: Box<[Process]>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    not_stopped: Box<[Process]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptEntry>,
    #[serde(flatten)]
    files: Option<Box<FetchedFiles>>,
}

/// An attempt of a step that is repeated; `after_ns` counts from the step's start.
#[derive(Serialize, Deserialize)]
struct AttemptEntry {
    after_ns: Nanoseconds,
    duration_ns: Nanoseconds,
    outcome: String,
    /// The number of bytes that earlier attempts printed.
    #[serde(default, skip_serializing_if = "is_zero")]
    stdout_before: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    stderr_before: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_status: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_ns: Option<Nanoseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Creates an output whose bytes are stored elsewhere.
fn output(printed: u64, left_out: u64, why: Option<String>) -> Output {
    let unkept = (left_out > 0).then(|| Unkept { bytes: left_out, why: why.unwrap_or_default().into() });
    Output::new(Arc::new(Vec::new()), printed.saturating_sub(left_out), unkept)
}

fn limit(outcome: &Outcome) -> Option<Nanoseconds> {
    if let Outcome::TimedOut(limit) = outcome { Some((*limit).into()) } else { None }
}

fn left_out(output: &Output) -> (u64, Option<String>) {
    (output.left_out(), output.unkept().map(|unkept| unkept.why.to_string()))
}

impl Left {
    fn new(step: Option<&Step>, result: &StepResult) -> Self {
        let (exit_status, signal) = result.outcome.ending(step);
        let (stdout_left_out, stdout_error) = left_out(&result.stdout);
        let (stderr_left_out, stderr_error) = left_out(&result.stderr);
        Self {
            outcome: result.outcome.word().to_owned(),
            exit_status,
            signal,
            limit_ns: limit(&result.outcome),
            reason: result.why(),
            because: result.because,
            started: result.started,
            duration_ns: result.duration.map(Nanoseconds::from),
            stdout_bytes: result.stdout.printed(),
            stdout_left_out,
            stdout_error,
            stderr_bytes: result.stderr.printed(),
            stderr_left_out,
            stderr_error,
            leaky: result.leaky,
            holders: result.holders.clone(),
            not_stopped: result.not_stopped.clone(),
            attempts: result.attempts.iter().map(AttemptEntry::new).collect(),
            files: result.files.clone(),
        }
    }

    fn result<E: Error>(self) -> Result<StepResult, E> {
        let ending = (self.exit_status, self.signal, self.limit_ns);
        Ok(StepResult {
            because: self.because,
            started: self.started,
            duration: self.duration_ns.map(Into::into),
            stdout: output(self.stdout_bytes, self.stdout_left_out, self.stdout_error),
            stderr: output(self.stderr_bytes, self.stderr_left_out, self.stderr_error),
            leaky: self.leaky,
            holders: self.holders,
            not_stopped: self.not_stopped,
            attempts: self.attempts.into_iter().map(AttemptEntry::attempt).collect::<Result<_, _>>()?,
            files: self.files,
            ..StepResult::without_output(outcome(&self.outcome, ending, self.reason)?)
        })
    }
}

impl AttemptEntry {
    fn new(Attempt { after, duration, outcome, printed_before: [stdout_before, stderr_before] }: &Attempt) -> Self {
        let (exit_status, signal) = outcome.ending(None);
        Self {
            after_ns: (*after).into(),
            duration_ns: (*duration).into(),
            outcome: outcome.in_detail(),
            stdout_before: *stdout_before,
            stderr_before: *stderr_before,
            exit_status,
            signal,
            limit_ns: limit(outcome),
            reason: outcome.reason().map(str::to_owned),
        }
    }

    fn attempt<E: Error>(self) -> Result<Attempt, E> {
        let outcome = outcome(&self.outcome, (self.exit_status, self.signal, self.limit_ns), self.reason)?;
        let printed_before = [self.stdout_before, self.stderr_before];
        Ok(Attempt { after: self.after_ns.into(), duration: self.duration_ns.into(), outcome, printed_before })
    }
}

/// Returns the outcome with this name. In attempts, details may follow the name.
fn outcome<E: Error>(
    word: &str,
    (exit_status, signal, limit): (Option<i32>, Option<i32>, Option<Nanoseconds>),
    reason: Option<String>,
) -> Result<Outcome, E> {
    let ending = exit_status.map(Ending::Exit).or(signal.map(Ending::Signal));
    Ok(match (word.split(':').next(), limit) {
        (Some("passed"), _) => Outcome::Passed,
        (Some("failed"), _) => ending.map_or_else(|| Outcome::Unfulfilled(reason.unwrap_or_default()), Outcome::Failed),
        (Some("timed out"), Some(limit)) => Outcome::TimedOut(limit.into()),
        (Some("spawned"), _) => Outcome::Spawned,
        (Some("stopped"), _) => Outcome::Stopped,
        (Some("not started"), _) => Outcome::NotStarted(reason.unwrap_or_default()),
        (Some("skipped"), _) => Outcome::Skipped(reason),
        (Some("lost"), _) => Outcome::Lost,
        _ => return Err(E::custom("invalid outcome")),
    })
}

/// For serde: the end of a step.
pub(super) mod step_ended {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, Left, Names, Serialize, StepReference, StepResult};

    #[derive(Serialize, Deserialize)]
    struct Ended {
        #[serde(flatten)]
        step: StepReference,
        #[serde(flatten)]
        left: Left,
    }

    pub fn serialize<S: Serializer>(step: &StepReference, result: &StepResult, to: S) -> Result<S::Ok, S::Error> {
        let left = Names::step(*step, |step| Left::new(step, result));
        Ended { step: *step, left }.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(StepReference, StepResult), D::Error> {
        let Ended { step, left } = Ended::deserialize(from)?;
        Ok((step, left.result()?))
    }
}

/// For serde: the end of a check, with the beginning of its output.
pub(super) mod check_ended {
    use serde::{Deserializer, Serializer};

    use super::{BEGINNING, Deserialize, Left, Output, Serialize, StepResult};

    #[derive(Serialize, Deserialize)]
    struct Ended {
        trial: u32,
        #[serde(flatten)]
        left: Left,
        stdout: String,
        stderr: String,
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub fn serialize<S: Serializer>(trial: &u32, result: &StepResult, to: S) -> Result<S::Ok, S::Error> {
        let (left, trial) = (Left::new(None, result), *trial);
        Ended { trial, left, stdout: beginning(&result.stdout), stderr: beginning(&result.stderr) }.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(u32, StepResult), D::Error> {
        let Ended { trial, left, .. } = Ended::deserialize(from)?;
        Ok((trial, left.result()?))
    }

    /// Returns the beginning of an output; a separate member contains its length.
    fn beginning(output: &Output) -> String {
        // An error is ignored here: the formats with whole outputs report it.
        let bytes = output.pieces(0..output.length(), BEGINNING).next().and_then(Result::ok).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
