//! Converts a player's message about the end of a step to the model, and computes the memory that it takes.

use std::time::Duration;

use crate::model::{Attempt, Forced, Process, StepResult};
use crate::wire::{AttemptMessage, OutcomeMessage, PlayerMessage, StepEndedMessage, bounds};

/// Converts how a step ended, without its start and its output.
pub(super) fn step_result(ended: StepEndedMessage) -> StepResult {
    let left = ended.left;
    let attempts = ended.attempts.into_iter().map(|attempt| Attempt {
        after: Duration::from_nanos(attempt.after),
        duration: Duration::from_nanos(attempt.duration),
        outcome: attempt.outcome.into(),
        printed_before: [attempt.stdout, attempt.stderr],
    });
    StepResult {
        duration: ended.duration.map(Duration::from_nanos),
        leaky: left.leaky,
        holders: processes(left.holders),
        not_stopped: processes(left.not_stopped),
        forced: left.forced.map(|by| Box::new(Forced { signal: by.signal, after: Duration::from_nanos(by.after) })),
        attempts: attempts.collect(),
        ..StepResult::without_output(ended.outcome.into())
    }
}

/// The memory that a message may take beyond what every message takes, in bytes.
pub(super) fn weight(message: &PlayerMessage) -> usize {
    match message {
        PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) => {
            let why = |outcome: &OutcomeMessage| match outcome {
                OutcomeMessage::NotStarted { why } | OutcomeMessage::Unfulfilled { why } => why.len(),
                OutcomeMessage::Skipped { why } => why.as_ref().map_or(0, String::len),
                _ => 0,
            };
            let attempts: usize =
                ended.attempts.iter().map(|attempt| size_of::<AttemptMessage>() + why(&attempt.outcome)).sum();
            why(&ended.outcome) + attempts + list_weight(&ended.left.holders) + list_weight(&ended.left.not_stopped)
        }
        PlayerMessage::Warning { text } | PlayerMessage::Leaving { reason: text } => text.len(),
        _ => 0,
    }
}

pub(super) fn list_weight(list: &[Process]) -> usize {
    list.iter().map(|process| size_of::<Process>() + process.user.len() + process.command.len()).sum()
}

/// The first processes of a list, as many as are kept.
fn processes<T: FromIterator<Process>>(list: Vec<Process>) -> T {
    let mut bytes = 0;
    let kept = list.into_iter().take_while(|process| {
        bytes += process.user.len() + process.command.len();
        bounds::PROCESS_BYTES.check(bytes).is_ok()
    });
    kept.collect()
}
