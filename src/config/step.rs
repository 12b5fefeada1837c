//! Steps: the prefixes before a command, and the keys that mean a prefix (DESIGN 3, *A step*).

mod prefix;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use self::prefix::{Prefix, Slot};
use super::duration::parse_duration;
use super::lint::Lint;
use crate::model::{Action, Bound, FilePattern, Gate, Mode, Step, StepLabel, Until};

/// What a step's line says. Its words are those of the line: a linter has no use for copies.
#[derive(Debug)]
pub(super) struct ParsedStep<'t> {
    /// What its failure means.
    pub(super) gate: Gate,
    /// Whether the next step waits for it.
    pub(super) mode: Mode,
    /// How long it may take.
    pub(super) bound: Option<Bound>,
    /// Whether it is repeated.
    pub(super) until: Option<Until>,
    /// What is to be done; of no use when there is an error.
    pub(super) task: Task<'t>,
    /// Where in the value that begins, behind the prefixes.
    pub(super) at: usize,
    /// The prefix that says what is done, when that is no command: its word, and where.
    pub(super) form: Option<(&'static str, Range<usize>)>,
    /// What is wrong.
    pub(super) problems: Vec<StepProblem>,
}

/// What a step does, in the words of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task<'t> {
    Command(&'t str),
    Barrier(&'t str),
    Stop(&'t str),
    Fetch(&'t str),
    Put { local: &'t str, remote: &'t str },
}

impl ParsedStep<'_> {
    /// The step, with the key of its line as its label.
    pub(super) fn step(&self, written_key: &str) -> Step {
        let action = match self.task {
            Task::Command(command) => Action::Command(command.to_owned()),
            Task::Barrier(name) => Action::Barrier(name.to_owned()),
            Task::Stop(label) => Action::Stop(StepLabel::new(label)),
            Task::Fetch(pattern) => Action::Fetch(pattern.to_owned()),
            Task::Put { local, remote } => Action::Put { local: PathBuf::from(local), remote: remote.to_owned() },
        };
        let (gate, mode, bound, until) = (self.gate, self.mode, self.bound, self.until);
        Step { label: StepLabel::new(written_key), gate, mode, bound, until, action }
    }
}

/// What is wrong with a step.
#[derive(Debug)]
pub(super) struct StepProblem {
    /// The finding's kind.
    pub(super) lint: Lint,
    /// What it is.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: String,
    /// The part of the value that it is about; `None` for the key.
    pub(super) range: Option<Range<usize>>,
}

const ORDER: &str = "the order is `must:` or `mayfail:`, `spawn:` or `parallel:`, `timeout30:` or `for30:`, \
                     `until30:`, `timeout5:` for each attempt, then what is to be done";

/// Whether the key means a time limit, so that the same key may occur again.
pub(super) fn is_timeout_key(key: &str) -> bool {
    timeout_of_key(key).is_some()
}

fn timeout_of_key(key: &str) -> Option<Duration> {
    behind(key, "timeout").and_then(|rest| parse_duration(&rest.to_lowercase()).ok())
}

/// What stands in the key behind this word; upper and lower case are the same.
fn behind<'k>(key: &'k str, word: &str) -> Option<&'k str> {
    let (head, rest) = key.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// Reads a step from its key, as written, and its value, with variables replaced.
pub(super) fn parse<'t>(written_key: &'t str, value: &'t str) -> ParsedStep<'t> {
    let mut parser = Parser::new(written_key);
    let mut at = 0;
    while let Some(found) = prefix::at_start(&value[at..]) {
        let range = at..at + found.length;
        at += found.length;
        at += value[at..].len() - value[at..].trim_start().len();
        parser.parsed.at = at;
        match found.prefix {
            Ok(prefix) => {
                if prefix.slot() == Slot::Action {
                    parser.parsed.form = Some((prefix.word(), range.clone()));
                    parser.action(prefix, value, range, at);
                    return parser.parsed;
                }
                parser.prefix(prefix, &value[range.clone()], range);
            }
            Err(problem) => {
                let message = format!("`{}` {problem}", &value[range.start..range.end - 1]);
                parser.problem(Lint::StepPrefix, message, "write `30` or `30s`, `1m30s`, `250ms`", Some(range));
            }
        }
    }
    parser.command(&value[at..], at);
    parser.parsed
}

struct Parser<'t> {
    written_key: &'t str,
    parsed: ParsedStep<'t>,
    /// The last prefix's place in the order, and its text.
    last: Option<(Slot, &'t str)>,
    spawn_by_key: bool,
    timeout_by_key: bool,
}

impl<'t> Parser<'t> {
    fn new(written_key: &'t str) -> Self {
        let spawn_by_key = behind(written_key, "spawn").is_some();
        let timeout = timeout_of_key(written_key);
        let parsed = ParsedStep {
            gate: Gate::Plain,
            mode: if spawn_by_key { Mode::Spawn } else { Mode::Wait },
            bound: timeout.map(Bound::Timeout),
            until: None,
            task: Task::Command(""),
            at: 0,
            form: None,
            problems: Vec::new(),
        };
        let mut parser = Self { written_key, parsed, last: None, spawn_by_key, timeout_by_key: timeout.is_some() };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            parser.problem(Lint::StepPrefix, format!("`{written_key}` leaves no time at all"), ZERO_HINT, None);
        }
        parser
    }

    fn problem(&mut self, lint: Lint, message: String, hint: &str, range: Option<Range<usize>>) {
        self.parsed.problems.push(StepProblem { lint, message, hint: hint.to_owned(), range });
    }

    fn prefix(&mut self, prefix: Prefix, text: &'t str, range: Range<usize>) {
        let behind_until = self.last.as_ref().is_some_and(|(slot, _)| *slot == Slot::Until);
        let slot = match prefix {
            Prefix::Timeout(_) if behind_until => Slot::Attempt,
            _ => prefix.slot(),
        };
        if let Some((_, before)) = self.last.as_ref().filter(|(last, _)| slot <= *last) {
            let message = format!("`{text}` can't stand behind `{before}`");
            return self.problem(Lint::StepPrefix, message, ORDER, Some(range));
        }
        self.last = Some((slot, text));
        if prefix.duration().is_some_and(|duration| duration.is_zero()) {
            self.problem(Lint::StepPrefix, format!("`{text}` leaves no time at all"), ZERO_HINT, Some(range.clone()));
        }
        let by_key = (slot == Slot::Mode && self.spawn_by_key && prefix != Prefix::Spawn)
            || (slot == Slot::Bound && self.timeout_by_key);
        if by_key {
            let message = format!("`{text}` contradicts the key `{}`, which is a prefix, too", self.written_key);
            self.problem(Lint::StepPrefix, message, "keep one of them; any other key is a plain label", Some(range));
            return;
        }
        self.apply(prefix, slot);
    }

    fn apply(&mut self, prefix: Prefix, slot: Slot) {
        let step = &mut self.parsed;
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

    fn command(&mut self, command: &'t str, at: usize) {
        if command.trim().is_empty() {
            let range = (at > 0).then_some(0..at);
            let message = "the step has no command".to_owned();
            self.problem(Lint::EmptyCommand, message, "write one, or remove the line", range);
        }
        if let Some((length, hint)) = prefix::nearly(command) {
            let message = format!("`{}` is not a prefix, so it runs as part of the command", &command[..length]);
            self.problem(Lint::MisspeltPrefix, message, &hint, Some(at..at + length));
        }
        self.refuse_nul(command, at);
        self.parsed.task = Task::Command(command);
    }

    fn refuse_nul(&mut self, text: &str, at: usize) {
        if let Some(nul) = memchr::memchr(0, text.as_bytes()) {
            let message = "the step has a NUL character, which no program can be given".to_owned();
            self.problem(Lint::NulCharacter, message, "leave the character out", Some(at + nul..at + nul + 1));
        }
    }

    fn action(&mut self, prefix: Prefix, value: &'t str, range: Range<usize>, at: usize) {
        let (word, argument) = (prefix.word(), &value[at..]);
        if self.parsed.mode == Mode::Spawn || self.parsed.until.is_some() {
            let outer = if self.parsed.until.is_some() { "until" } else { "spawn" };
            let message = format!("`{word}:` can't be done by `{outer}`");
            self.problem(Lint::StepPrefix, message, "`spawn` and `until` take commands only", Some(range.clone()));
        }
        self.refuse_nul(argument, at);
        match task(prefix, argument) {
            Ok(task) => self.parsed.task = task,
            Err((message, hint)) => self.problem(Lint::StepPrefix, message, hint, Some(range.start..value.len())),
        }
    }
}

const ZERO_HINT: &str = "give it some time, as in `timeout30`; without a limit of its own, `step_timeout` holds";

/// Reads what stands behind `barrier:`, `stop:`, `fetch:`, `put:`.
fn task(prefix: Prefix, argument: &str) -> Result<Task<'_>, (String, &'static str)> {
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
            Ok(Task::Put { local, remote })
        }
        _ if argument.is_empty() => Err((
            format!("`{}:` has nothing behind it", prefix.word()),
            "write what it is about, as in `barrier:ready`",
        )),
        Prefix::Barrier if is_name(argument) => Ok(Task::Barrier(argument)),
        Prefix::Barrier => {
            Err(("this is not a barrier's name".to_owned(), "names have letters, digits, `.`, `_` and `-`"))
        }
        Prefix::Stop => Ok(Task::Stop(argument)),
        _ => FilePattern::new(argument, None).map(|_| Task::Fetch(argument)),
    }
}
