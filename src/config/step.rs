//! Steps: the prefixes before a command, and the keys that mean a prefix (DESIGN 3, *A step*).

mod prefix;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use self::prefix::{Prefix, Slot};
use super::duration::parse_duration;
use crate::model::{Action, Bound, Gate, Mode, Step, StepLabel, Until};

/// What a step's line says.
#[derive(Debug)]
pub(super) struct ParsedStep {
    /// The step; of no use when there is a problem.
    pub(super) step: Step,
    /// The prefixes that stand in the value: each one's word, and where.
    pub(super) forms: Vec<(&'static str, Range<usize>)>,
    /// What is wrong.
    pub(super) problems: Vec<StepProblem>,
}

/// What is wrong with a step.
#[derive(Debug)]
pub(super) struct StepProblem {
    /// The finding's name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: String,
    /// The part of the value that it is about; `None` for the key.
    pub(super) range: Option<Range<usize>>,
}

const ORDER: &str = "the order is `must:` or `mayfail:`, `spawn:` or `parallel:`, `timeout30:` or `for30:`, \
                     `until30:`, `timeout5:` for each attempt, then what is to be done";

/// Whether the key (in lower case) means a time limit, so that the same key may occur again.
pub(super) fn is_timeout_key(key: &str) -> bool {
    timeout_of_key(key).is_some()
}

fn timeout_of_key(key: &str) -> Option<Duration> {
    key.strip_prefix("timeout").and_then(|rest| parse_duration(rest).ok())
}

/// Reads a step from its key, as written, and its value, with variables replaced.
pub(super) fn parse(written_key: &str, value: &str) -> ParsedStep {
    let mut parser = Parser::new(written_key);
    let mut at = 0;
    while let Some(found) = prefix::at_start(&value[at..]) {
        let range = at..at + found.length;
        at += found.length;
        at += value[at..].len() - value[at..].trim_start().len();
        match found.prefix {
            Ok(prefix) => {
                parser.parsed.forms.push((prefix.word(), range.clone()));
                if prefix.slot() == Slot::Action {
                    parser.action(prefix, value, range, at);
                    return parser.parsed;
                }
                parser.prefix(prefix, &value[range.clone()], range);
            }
            Err(problem) => {
                let message = format!("`{}` {problem}", &value[range.start..range.end - 1]);
                parser.problem("step-prefix", message, "write `30` or `30s`, `1m30s`, `250ms`", Some(range));
            }
        }
    }
    parser.command(&value[at..], at);
    parser.parsed
}

struct Parser {
    parsed: ParsedStep,
    /// The last prefix's place in the order, and its text.
    last: Option<(Slot, String)>,
    spawn_by_key: bool,
    timeout_by_key: bool,
}

impl Parser {
    fn new(written_key: &str) -> Self {
        let key = written_key.to_lowercase();
        let mut step = Step::plain(written_key, "");
        let spawn_by_key = key.starts_with("spawn");
        if spawn_by_key {
            step.mode = Mode::Spawn;
        }
        let timeout = timeout_of_key(&key);
        step.bound = timeout.map(Bound::Timeout);
        let parsed = ParsedStep { step, forms: Vec::new(), problems: Vec::new() };
        let mut parser = Self { parsed, last: None, spawn_by_key, timeout_by_key: timeout.is_some() };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            parser.problem("step-prefix", format!("`{written_key}` leaves no time at all"), ZERO_HINT, None);
        }
        parser
    }

    fn problem(&mut self, name: &'static str, message: String, hint: &str, range: Option<Range<usize>>) {
        self.parsed.problems.push(StepProblem { name, message, hint: hint.to_owned(), range });
    }

    fn prefix(&mut self, prefix: Prefix, text: &str, range: Range<usize>) {
        let behind_until = self.last.as_ref().is_some_and(|(slot, _)| *slot == Slot::Until);
        let slot = match prefix {
            Prefix::Timeout(_) if behind_until => Slot::Attempt,
            _ => prefix.slot(),
        };
        if let Some((_, before)) = self.last.as_ref().filter(|(last, _)| slot <= *last) {
            let message = format!("`{text}` can't stand behind `{before}`");
            return self.problem("step-prefix", message, ORDER, Some(range));
        }
        self.last = Some((slot, text.to_owned()));
        if prefix.duration().is_some_and(|duration| duration.is_zero()) {
            self.problem("step-prefix", format!("`{text}` leaves no time at all"), ZERO_HINT, Some(range.clone()));
        }
        let by_key = (slot == Slot::Mode && self.spawn_by_key && prefix != Prefix::Spawn)
            || (slot == Slot::Bound && self.timeout_by_key);
        if by_key {
            let label = self.parsed.step.label.to_string();
            let message = format!("`{text}` contradicts the key `{label}`, which is a prefix, too");
            self.problem("step-prefix", message, "keep one of them; any other key is a plain label", Some(range));
            return;
        }
        self.apply(prefix, slot);
    }

    fn apply(&mut self, prefix: Prefix, slot: Slot) {
        let step = &mut self.parsed.step;
        match prefix {
            Prefix::Must => step.gate = Gate::Must,
            Prefix::MayFail => step.gate = Gate::MayFail,
            Prefix::Spawn => step.mode = Mode::Spawn,
            Prefix::Parallel => step.mode = Mode::Parallel,
            Prefix::Timeout(limit) if slot == Slot::Attempt => {
                step.until = step.until.map(|until| Until { attempt: Some(limit), ..until });
            }
            Prefix::Timeout(limit) => step.bound = Some(Bound::Timeout(limit)),
            Prefix::For(time) => step.bound = Some(Bound::For(time)),
            Prefix::Until(limit) => step.until = Some(Until { limit, attempt: None }),
            Prefix::Barrier | Prefix::Stop | Prefix::Fetch | Prefix::Put => {}
        }
    }

    fn command(&mut self, command: &str, at: usize) {
        if command.trim().is_empty() {
            let range = (at > 0).then_some(0..at);
            self.problem("empty-command", "the step has no command".to_owned(), "write one, or remove the line", range);
        }
        self.refuse_nul(command, at);
        self.parsed.step.action = Action::Command(command.to_owned());
    }

    fn refuse_nul(&mut self, text: &str, at: usize) {
        if let Some(nul) = text.find('\0') {
            let message = "the step has a NUL character, which no program can be given".to_owned();
            self.problem("nul-character", message, "leave the character out", Some(at + nul..at + nul + 1));
        }
    }

    fn action(&mut self, prefix: Prefix, value: &str, range: Range<usize>, at: usize) {
        let (word, argument) = (prefix.word(), &value[at..]);
        if self.parsed.step.mode == Mode::Spawn || self.parsed.step.until.is_some() {
            let outer = if self.parsed.step.until.is_some() { "until" } else { "spawn" };
            let message = format!("`{word}:` can't be done by `{outer}`");
            self.problem("step-prefix", message, "`spawn` and `until` take commands only", Some(range.clone()));
        }
        self.refuse_nul(argument, at);
        match action(prefix, argument) {
            Ok(action) => self.parsed.step.action = action,
            Err((message, hint)) => self.problem("step-prefix", message, hint, Some(range.start..value.len())),
        }
    }
}

const ZERO_HINT: &str = "give it some time, as in `timeout30`; without a limit of its own, `step_timeout` holds";

/// Reads what stands behind `barrier:`, `stop:`, `fetch:`, `put:`.
fn action(prefix: Prefix, argument: &str) -> Result<Action, (String, &'static str)> {
    let is_name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    match prefix {
        Prefix::Put => {
            const HINT: &str = "write `put:local -> remote`";
            let missing = || ("`put:` lacks its ` -> `".to_owned(), HINT);
            let (local, remote) = argument.split_once(" -> ").ok_or_else(missing)?;
            let (local, remote) = (local.trim(), remote.trim());
            if local.is_empty() || remote.is_empty() {
                return Err(("`put:` lacks a file".to_owned(), HINT));
            }
            Ok(Action::Put { local: PathBuf::from(local), remote: remote.to_owned() })
        }
        _ if argument.is_empty() => Err((
            format!("`{}:` has nothing behind it", prefix.word()),
            "write what it is about, as in `barrier:ready`",
        )),
        Prefix::Barrier if is_name(argument) => Ok(Action::Barrier(argument.to_owned())),
        Prefix::Barrier => {
            Err(("this is not a barrier's name".to_owned(), "names have letters, digits, `.`, `_` and `-`"))
        }
        Prefix::Stop => Ok(Action::Stop(StepLabel::new(argument))),
        _ => Ok(Action::Fetch(argument.to_owned())),
    }
}
