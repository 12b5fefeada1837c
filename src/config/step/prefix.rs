//! The prefixes of a step, such as `spawn:` or `timeout30:`.

use std::time::Duration;

use crate::config::Refusal;
use crate::config::duration::duration;
use crate::config::nearest::nearest;
use crate::model::{Action, Bound, FilePattern, Gate, LinePattern, Mode, Step, Until};

/// A prefix.
pub(super) struct Prefix {
    /// The word before the colon, or before the time.
    pub(super) word: &'static str,
    /// The position in the order of prefixes.
    pub(super) slot: Slot,
    /// The meaning.
    pub(super) meaning: Meaning,
}

/// The meaning of a prefix.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// A prefix without a time.
    Alone(fn(&mut Step)),
    /// A prefix with a time.
    Timed(fn(&mut Step, Duration)),
    /// A prefix whose argument, the rest of the value, replaces a command.
    Form(Form),
    /// The same, with an optional time: the limit of the step.
    TimedForm(Form),
}

/// Parses the text after the prefix of a form. Returns what the step does, or the mistake and a hint. The labels are
/// those of spawned steps that consist of several words.
pub(super) type Form = fn(&str, &[&str]) -> Result<Action, (String, &'static str)>;

/// The positions of prefixes, outermost first; each is used at most once. A `timeout` after `until` limits each
/// attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Gate,
    Mode,
    Bound,
    Until,
    Attempt,
    Form,
}

/// All prefixes. The player carries out what is parsed here, and `model::Action` displays it.
static PREFIXES: [Prefix; 12] = [
    prefix("must", Slot::Gate, Meaning::Alone(|step| step.gate = Gate::Must)),
    prefix("mayfail", Slot::Gate, Meaning::Alone(|step| step.gate = Gate::MayFail)),
    prefix("spawn", Slot::Mode, Meaning::Alone(|step| step.mode = Mode::Spawn)),
    prefix("parallel", Slot::Mode, Meaning::Alone(|step| step.mode = Mode::Parallel)),
    prefix("timeout", Slot::Bound, Meaning::Timed(timeout)),
    prefix("for", Slot::Bound, Meaning::Timed(|step, time| step.bound = Some(Bound::For(time)))),
    prefix("until", Slot::Until, Meaning::Timed(|step, limit| step.until = Some(Until { limit, attempt: None }))),
    prefix("barrier", Slot::Form, Meaning::Form(barrier)),
    prefix("stop", Slot::Form, Meaning::Form(stop)),
    prefix("await", Slot::Form, Meaning::TimedForm(await_line)),
    prefix("fetch", Slot::Form, Meaning::Form(fetch)),
    prefix("put", Slot::Form, Meaning::Form(put)),
];

const fn prefix(word: &'static str, slot: Slot, meaning: Meaning) -> Prefix {
    Prefix { word, slot, meaning }
}

fn timeout(step: &mut Step, limit: Duration) {
    match &mut step.until {
        Some(until) => until.attempt = Some(limit),
        None => step.bound = Some(Bound::Timeout(limit)),
    }
}

/// Reports a form without an argument; `hint` has an example of one.
fn check_argument(word: &str, argument: &str, hint: &'static str) -> Result<(), (String, &'static str)> {
    if argument.is_empty() { Err((format!("`{word}:` requires an argument"), hint)) } else { Ok(()) }
}

fn barrier(name: &str, _: &[&str]) -> Result<Action, (String, &'static str)> {
    check_argument("barrier", name, "write a name, such as `barrier:ready`")?;
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let invalid = || ("invalid barrier name".to_owned(), "names consist of letters, digits, `.`, `_` and `-`");
    is_name.then(|| Action::Barrier(name.to_owned())).ok_or_else(invalid)
}

fn stop(label: &str, _: &[&str]) -> Result<Action, (String, &'static str)> {
    check_argument("stop", label, "write the label of a spawned step, such as `stop:server`")?;
    Ok(Action::Stop(label.to_owned()))
}

fn await_line(text: &str, spaced: &[&str]) -> Result<Action, (String, &'static str)> {
    const HINT: &str = "write `await30:label pattern`, such as `await30:server listening on`";
    let known = spaced.iter().filter_map(|label| after_label(text, label)).min_by_key(|rest| rest.len());
    let (label, pattern) = match known {
        Some(rest) => (text[..text.len() - rest.len()].trim_end(), rest),
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    let pattern = pattern.trim_start();
    if label.is_empty() || pattern.is_empty() {
        let missing = if label.is_empty() { "label" } else { "pattern" };
        return Err((format!("`await:` has no {missing}"), HINT));
    }
    LinePattern::check(pattern).map_err(|(why, hint)| (format!("`{pattern}` is not a valid pattern: {why}"), hint))?;
    Ok(Action::Await { label: label.to_owned(), pattern: pattern.to_owned() })
}

/// Returns the text after a label at the start of a text. Case does not matter, as in keys.
fn after_label<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let mut rest = text;
    for known in label.chars().flat_map(char::to_lowercase) {
        let mut characters = rest.chars();
        let next = characters.next()?;
        if !next.to_lowercase().eq([known]) {
            return None;
        }
        rest = characters.as_str();
    }
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
}

fn fetch(pattern: &str, _: &[&str]) -> Result<Action, (String, &'static str)> {
    check_argument("fetch", pattern, "write a file or a pattern, such as `fetch:result.log`")?;
    FilePattern::check(pattern).map(|()| Action::Fetch(pattern.to_owned()))
}

fn put(files: &str, _: &[&str]) -> Result<Action, (String, &'static str)> {
    const HINT: &str = "write `put:local -> remote`";
    let (local, remote) = files.split_once(" -> ").ok_or_else(|| ("`put:` has no ` -> `".to_owned(), HINT))?;
    let (local, remote) = (local.trim(), remote.trim());
    if local.is_empty() || remote.is_empty() {
        return Err(("`put:` needs a file on both sides of ` -> `".to_owned(), HINT));
    }
    Ok(Action::Put { local: local.into(), remote: remote.to_owned() })
}

/// A prefix at the start of a text.
pub(super) struct Found {
    pub(super) prefix: &'static Prefix,
    /// The time, or why it is invalid.
    pub(super) time: Result<Option<Duration>, Refusal>,
    /// The length, including the colon.
    pub(super) length: usize,
}

/// Returns the prefix at the start of a text, if there is one.
///
/// Case matters, and nothing can be between word, time and colon, so that no valid shell command is mistaken for a
/// prefix. A time begins with a digit: `timeoutx:` is the name of a command.
pub(super) fn at_start(text: &str) -> Option<Found> {
    const LONGEST: usize = 64;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.' || !byte.is_ascii();
    let colon = text.bytes().take(LONGEST).take_while(is_part).count();
    if text.as_bytes().get(colon) != Some(&b':') {
        return None;
    }
    let head = &text[..colon];
    let (prefix, time) =
        PREFIXES.iter().find_map(|prefix| match (head.strip_prefix(prefix.word)?, prefix.meaning) {
            ("", Meaning::Alone(_) | Meaning::Form(_) | Meaning::TimedForm(_)) => Some((prefix, Ok(None))),
            (time, Meaning::Timed(_) | Meaning::TimedForm(_)) => {
                is_time(time).then(|| (prefix, duration(time).map(Some)))
            }
            _ => None,
        })?;
    Some(Found { prefix, time, length: colon + 1 })
}

fn is_time(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|character| character.is_alphanumeric() || character == '.')
}

/// Finds a misspelt prefix at the start of a command. Returns its length, including the colon, and the correction.
///
/// No program name is followed by a colon, so a word with a colon that is similar to a prefix was meant as one.
pub(super) fn nearly(command: &str) -> Option<(usize, String)> {
    let word = leading(command, u8::is_ascii_alphabetic);
    let gap = leading(&command[word.len()..], |byte| b" _-=".contains(byte));
    let time = leading(&command[word.len() + gap.len()..], |byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    let rest = &command[word.len() + gap.len() + time.len()..];
    let is_prefix =
        word.len() > 1 && (time.is_empty() || is_time(time)) && rest.trim_start_matches(' ').starts_with(':');
    if !is_prefix {
        return None;
    }
    let length = command.len() - rest.trim_start_matches(' ').len();
    let meant = nearest(word, PREFIXES.iter().map(|prefix| prefix.word))?;
    let takes_time = |prefix: &Prefix| matches!(prefix.meaning, Meaning::Timed(_) | Meaning::TimedForm(_));
    let timed = PREFIXES.iter().any(|prefix| prefix.word == meant && takes_time(prefix));
    let hint = match time {
        "" if timed => format!("did you mean `{meant}30:`?"),
        "" => format!("did you mean `{meant}:`?"),
        _ if !timed => return None,
        _ => {
            let time = if duration(time).is_ok() { time } else { "30" };
            format!("did you mean `{meant}{time}:`?")
        }
    };
    Some((length + 1, hint))
}

/// Returns the first bytes of a text that are of a kind, at most 16.
fn leading(text: &str, is_kind: impl Fn(&u8) -> bool) -> &str {
    const MOST: usize = 16;
    let length = text.bytes().take(MOST).take_while(|byte| byte.is_ascii() && is_kind(byte)).count();
    &text[..length]
}
