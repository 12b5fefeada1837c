//! Converts results to those of the Python program: a code and a message.
//!
//! | outcome | code | message |
//! |---|---|---|
//! | passed | 0 | its standard output |
//! | failed | its exit status, or minus the signal | the command line |
//! | timed out | 1 | `Command timed out after N seconds` |
//! | spawned | 0 | `Spawned` |
//! | not started | 127, as in a shell | the command line |
//! | stopped | 1 | `Command stopped` |
//! | skipped | 1 | `Command skipped` |
//! | lost | 1 | `Command lost with its worker` |
//!
//! The Python program has only the first four.

use std::io;
use std::time::Duration;

use super::Excerpt;
use crate::model::{Ending, Outcome, Step, StepResult};

/// A result in the format of the Python program.
pub(super) struct SeedResult {
    /// The code: 0 if the step passed.
    pub(super) code: i64,
    /// The message: the standard output of the step, a fixed text, or the command line.
    pub(super) message: Excerpt,
}

impl SeedResult {
    /// Converts the result of `step`. The message contains at most `limit` bytes of its output.
    pub(super) fn new(step: Option<&Step>, result: &StepResult, limit: u64) -> Self {
        let (code, text) = match &result.outcome {
            Outcome::Passed => return Self { code: 0, message: Excerpt::new(&result.stdout, limit) },
            Outcome::Failed(Ending::Exit(status)) => (i64::from(*status), command_line(step)),
            Outcome::Failed(Ending::Signal(signal)) => (-i64::from(*signal), command_line(step)),
            Outcome::TimedOut(after) => (1, format!("Command timed out after {} seconds", python_seconds(*after))),
            Outcome::Spawned => (0, "Spawned".to_owned()),
            Outcome::Unfulfilled(_) => (1, command_line(step)),
            Outcome::NotStarted(_) => (127, command_line(step)),
            Outcome::Stopped => (1, "Command stopped".to_owned()),
            Outcome::Skipped(_) => (1, "Command skipped".to_owned()),
            Outcome::Lost => (1, "Command lost with its worker".to_owned()),
        };
        Self { code, message: Excerpt::of_text(text) }
    }

    /// Whether the message is the word `done`, in upper or lower case, which the Python program takes for the end of a
    /// phase.
    pub(super) fn is_done(&self) -> bool {
        const WORD: &str = "done";
        let mut found = String::new();
        let whole = self.message.pieces(&mut |text| {
            // One character more than the word is enough.
            found.extend(text.chars().take(WORD.len() + 1));
            if found.len() > WORD.len() { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
        });
        self.code == 0 && whole.is_ok() && found.eq_ignore_ascii_case(WORD)
    }
}

fn command_line(step: Option<&Step>) -> String {
    step.map(|step| step.action.to_string()).unwrap_or_default()
}

/// Formats seconds like Python: `30`, `0.5`.
fn python_seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 { duration.as_secs().to_string() } else { duration.as_secs_f64().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Output;

    fn put(outcome: Outcome) -> (i64, String) {
        let mut result = StepResult::without_output(outcome);
        result.stdout = Output::from_bytes("out\n");
        let seed = SeedResult::new(Some(&Step::plain("one", "the command")), &result, 100);
        (seed.code, seed.message.to_string())
    }

    #[test]
    fn every_outcome_is_put_as_the_seed_would() {
        assert_eq!(put(Outcome::Passed), (0, "out\n".into()));
        assert_eq!(put(Outcome::Failed(Ending::Exit(3))), (3, "the command".into()));
        assert_eq!(put(Outcome::Failed(Ending::Signal(9))), (-9, "the command".into()));
        assert_eq!(put(Outcome::TimedOut(Duration::from_secs(1))), (1, "Command timed out after 1 seconds".into()));
        assert_eq!(put(Outcome::TimedOut(Duration::from_millis(500))).1, "Command timed out after 0.5 seconds");
        assert_eq!(put(Outcome::Spawned), (0, "Spawned".into()));
        assert_eq!(put(Outcome::NotStarted("no shell".into())), (127, "the command".into()));
    }
}
