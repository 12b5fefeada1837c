//! Steps: the prefixes before a command, and the keys that act as prefixes.

mod prefix;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use self::prefix::{Form, Found, Meaning, Prefix, Slot};
use super::duration::duration;
use super::{Lint, Reason};
use crate::model::{Action, Bound, Mode, Step};

/// The result of parsing a step's line.
#[derive(Debug)]
pub(super) struct ParsedStep {
    /// The step. Its action is meaningless if there is an error.
    pub(super) step: Step,
    /// The byte of the value at which the command or the argument of the form begins, after the prefixes.
    pub(super) at: usize,
    /// The byte at which the prefix of the form begins; `None` for a command.
    pub(super) form_at: Option<usize>,
    /// The mistakes, each with the affected part of the value; `None` for the key.
    pub(super) problems: Vec<(Reason, Option<Range<usize>>)>,
}

const ORDER: &str = "the order is `must:` or `mayfail:`, `spawn:` or `parallel:`, `timeout30:` or `for30:`, \
                     `until30:`, `timeout5:` for each attempt, then the command";

/// Returns whether the key sets a time limit, so that the same key may occur again.
pub(super) fn is_timeout_key(key: &str) -> bool {
    timeout_of_key(key).is_some()
}

fn timeout_of_key(key: &str) -> Option<Duration> {
    behind(key, "timeout").and_then(|rest| duration(&rest.to_lowercase()).ok())
}

fn is_spawn_key(key: &str) -> bool {
    behind(key, "spawn").is_some()
}

/// Returns the part of the key after this word. Case does not matter.
fn behind<'k>(key: &'k str, word: &str) -> Option<&'k str> {
    let (head, rest) = key.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// Returns whether a line is a spawned step. The variables of `value` are already replaced.
pub(super) fn is_spawned(written_key: &str, value: &str) -> bool {
    parse(written_key, value, &[]).step.mode == Mode::Spawn
}

/// Parses a step from its key, as written, and its value, with variables replaced. `spaced` contains the labels of the
/// worker's spawned steps that consist of several words: only this list shows where such a label ends.
pub(super) fn parse(written_key: &str, value: &str, spaced: &[&str]) -> ParsedStep {
    let mut parser = Parser::new(written_key);
    while let Some(Found { prefix, time, length }) = prefix::at_start(&value[parser.parsed.at..]) {
        let range = parser.parsed.at..parser.parsed.at + length;
        parser.parsed.at = value.len() - value[range.end..].trim_start().len();
        match (time, prefix.meaning) {
            (Err(refusal), _) => {
                let message = format!("`{}` {}", &value[range.start..range.end - 1], refusal.problem);
                parser.problem(Lint::StepPrefix, message, &refusal.hint, Some(range));
            }
            (Ok(limit), Meaning::Form(form) | Meaning::TimedForm(form)) => {
                parser.form(form, limit, value, range, spaced);
                return parser.parsed;
            }
            (Ok(time), _) => parser.prefix(prefix, time, &value[range.clone()], range),
        }
    }
    parser.command(&value[parser.parsed.at..]);
    parser.parsed
}

struct Parser<'t> {
    written_key: &'t str,
    parsed: ParsedStep,
    /// The position of the last prefix in the order, and its text.
    last: Option<(Slot, &'t str)>,
}

impl<'t> Parser<'t> {
    fn new(written_key: &'t str) -> Self {
        let mut step = Step::plain(written_key, "");
        if is_spawn_key(written_key) {
            step.mode = Mode::Spawn;
        }
        let timeout = timeout_of_key(written_key);
        step.bound = timeout.map(Bound::Timeout);
        let parsed = ParsedStep { step, at: 0, form_at: None, problems: Vec::new() };
        let mut parser = Self { written_key, parsed, last: None };
        parser.refuse_zero(timeout, written_key, None);
        parser
    }

    fn problem(&mut self, lint: Lint, message: String, hint: &str, range: Option<Range<usize>>) {
        self.parsed.problems.push((Reason::new(lint, message, hint), range));
    }

    fn refuse_zero(&mut self, time: Option<Duration>, written: &str, range: Option<Range<usize>>) {
        if time.is_some_and(|time| time.is_zero()) {
            let hint = "write a time, as in `timeout30`; a step without its own limit has `step_timeout`";
            self.problem(Lint::StepPrefix, format!("`{written}` must be longer than zero"), hint, range);
        }
    }

    fn prefix(&mut self, prefix: &Prefix, time: Option<Duration>, text: &'t str, range: Range<usize>) {
        let slot = match self.last {
            Some((Slot::Until, _)) if prefix.word == "timeout" => Slot::Attempt,
            _ => prefix.slot,
        };
        if let Some((_, before)) = self.last.filter(|(last, _)| slot <= *last) {
            let message = format!("`{text}` cannot follow `{before}`");
            return self.problem(Lint::StepPrefix, message, ORDER, Some(range));
        }
        self.last = Some((slot, text));
        self.refuse_zero(time, text, Some(range.clone()));
        let by_key = match slot {
            Slot::Mode => is_spawn_key(self.written_key) && prefix.word != "spawn",
            Slot::Bound => is_timeout_key(self.written_key),
            _ => false,
        };
        if by_key {
            let message = format!("`{text}` conflicts with the key `{}`, which is also a prefix", self.written_key);
            let hint = "keep only one of them; a key that is not a prefix is only a label";
            return self.problem(Lint::StepPrefix, message, hint, Some(range));
        }
        match (prefix.meaning, time) {
            (Meaning::Alone(set), _) => set(&mut self.parsed.step),
            (Meaning::Timed(set), Some(time)) => set(&mut self.parsed.step, time),
            (Meaning::Timed(_), None) | (Meaning::Form(_) | Meaning::TimedForm(_), _) => {}
        }
    }

    fn command(&mut self, command: &str) {
        let at = self.parsed.at;
        if command.trim().is_empty() {
            let range = (at > 0).then_some(0..at);
            let message = "the step has no command".to_owned();
            self.problem(Lint::EmptyCommand, message, "write one, or remove the line", range);
        }
        if let Some((length, hint)) = prefix::nearly(command) {
            let message = format!("`{}` is not a prefix, so it runs as part of the command", &command[..length]);
            self.problem(Lint::MisspeltPrefix, message, &hint, Some(at..at + length));
        }
        self.refuse_nul(command);
        self.parsed.step.action = Action::Command(command.to_owned());
    }

    fn refuse_nul(&mut self, text: &str) {
        if let Some(nul) = text.find('\0') {
            let message = "the step has a NUL character, which cannot be passed to a program".to_owned();
            let at = self.parsed.at + nul;
            self.problem(Lint::NulCharacter, message, "leave the character out", Some(at..at + 1));
        }
    }

    fn form(&mut self, form: Form, limit: Option<Duration>, value: &str, range: Range<usize>, spaced: &[&str]) {
        let (prefix, argument) = (&value[range.clone()], &value[self.parsed.at..]);
        self.parsed.form_at = Some(range.start);
        let step = &self.parsed.step;
        if step.mode == Mode::Spawn || step.until.is_some() {
            let outer = if step.until.is_some() { "until" } else { "spawn" };
            let message = format!("`{prefix}` cannot be combined with `{outer}`");
            self.problem(Lint::StepPrefix, message, "`spawn` and `until` are only for commands", Some(range.clone()));
        }
        self.refuse_nul(argument);
        self.refuse_zero(limit, prefix, Some(range.clone()));
        match limit.filter(|limit| !limit.is_zero()) {
            Some(_) if self.parsed.step.bound.is_some() => {
                let message = format!("`{prefix}` has a time limit, but the step already has one");
                self.problem(Lint::StepPrefix, message, "keep only one of them", Some(range.clone()));
            }
            Some(limit) => self.parsed.step.bound = Some(Bound::Timeout(limit)),
            None => {}
        }
        match form(argument, spaced) {
            Ok(action) => self.parsed.step.action = action,
            Err((message, hint)) => self.problem(Lint::StepPrefix, message, hint, Some(range.start..value.len())),
        }
    }
}
