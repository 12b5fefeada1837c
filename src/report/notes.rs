//! What is said of a result besides its outcome, a line each: why it failed, how its attempts ended.

use super::words;
use crate::model::{Outcome, StepResult, on_one_line};

/// The lines.
pub(super) fn notes(result: &StepResult) -> Vec<String> {
    let mut lines = Vec::new();
    let in_vain = result.attempts_in_vain();
    match (&result.outcome, &in_vain) {
        (Outcome::TimedOut(limit), Some(attempts)) => {
            lines.push(format!("gave up after {}: {}", humantime::format_duration(*limit), on_one_line(attempts)));
        }
        (Outcome::TimedOut(limit), None) => lines.push(format!("stopped after {}", humantime::format_duration(*limit))),
        (Outcome::NotStarted(why) | Outcome::Unfulfilled(why), _) => lines.push(on_one_line(why).into_owned()),
        _ => {}
    }
    let alike = result.attempts.windows(2).all(|pair| pair[0].outcome == pair[1].outcome);
    if result.attempts.len() > 1 && !(in_vain.is_some() && alike) {
        lines.push(words::attempts(&result.attempts));
    }
    lines
}
