//! The results of a phase of a Python conductor, in the format of the Python player.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::wire::seed::{SeedPhase, encode_result};
use crate::wire::{Data, OutcomeMessage, PlayerMessage, StepEndedMessage};

/// The output of a phase that runs for a Python conductor, and the ends of its steps.
#[derive(Debug, Default)]
pub(super) struct PhaseResults {
    limit: usize,
    /// The standard outputs, by the numbers of their streams.
    outputs: BTreeMap<u32, Vec<u8>>,
    streams: BTreeMap<usize, u32>,
    ended: BTreeMap<usize, StepEndedMessage>,
    /// Whether the phase has ended.
    pub(super) is_complete: bool,
}

impl PhaseResults {
    /// Creates empty results for messages of up to `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, ..Self::default() }
    }

    /// Takes output of the steps. Standard output is delivered, as far as it fits into a message.
    pub(super) fn push(&mut self, Data { stream, bytes, .. }: Data) {
        if stream % 2 == 0 {
            let output = self.outputs.entry(stream).or_default();
            let room = self.limit.saturating_sub(output.len());
            output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Takes a message of the session.
    pub(super) fn take(&mut self, message: PlayerMessage) {
        match message {
            PlayerMessage::StepStarted(started) => {
                self.streams.insert(started.step.position, started.stdout);
            }
            PlayerMessage::StepEnded(ended) => {
                self.ended.insert(ended.step.position, ended);
            }
            PlayerMessage::PhaseEnded(_) => self.is_complete = true,
            _ => {}
        }
    }

    /// Returns the results of the phase, in the words of the Python player.
    pub(super) fn results(&self, phase: &SeedPhase) -> Vec<Vec<u8>> {
        let results = phase.steps.iter().enumerate().map(|(position, step)| {
            let outcome = self.ended.get(&position).map(|ended| &ended.outcome);
            let (code, text) = match outcome {
                Some(OutcomeMessage::Exit { status: 0 } | OutcomeMessage::Elapsed { .. }) => (0, self.output(position)),
                Some(OutcomeMessage::Exit { status }) => (i64::from(*status), step.command.clone()),
                Some(OutcomeMessage::Signal { signal }) => (-i64::from(*signal), step.command.clone()),
                Some(OutcomeMessage::TimedOut { after }) => {
                    let seconds = Duration::from_nanos(*after).as_secs_f64();
                    (1, format!("Command timed out after {seconds} seconds"))
                }
                Some(OutcomeMessage::Spawned) => (0, "Spawned".to_owned()),
                Some(OutcomeMessage::NotStarted { why } | OutcomeMessage::Unfulfilled { why }) => (1, why.clone()),
                Some(OutcomeMessage::Stopped | OutcomeMessage::Skipped { .. }) | None => (1, "stopped".to_owned()),
            };
            fitting(code, text, self.limit)
        });
        results.collect()
    }

    fn output(&self, position: usize) -> String {
        let bytes = self.streams.get(&position).and_then(|stream| self.outputs.get(stream));
        String::from_utf8_lossy(bytes.map_or(&[][..], Vec::as_slice)).into_owned()
    }
}

/// Encodes a result within the size limit of a message. A text that is too long is truncated, with a note.
fn fitting(code: i64, mut text: String, limit: usize) -> Vec<u8> {
    let mut payload = encode_result(code, &text);
    while payload.len() > limit && !text.is_empty() {
        let before = text.len();
        text.truncate(text.floor_char_boundary(before / 2));
        payload = encode_result(code, &format!("{text}\n[the rest is too long for a message]\n"));
    }
    payload
}
