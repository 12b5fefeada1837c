//! One prefix of a step, such as `spawn:` or `timeout30:`.

use std::time::Duration;

use crate::config::Refusal;
use crate::config::duration::duration;
use crate::config::nearest::nearest;
use crate::model::{Action, Bound, FilePattern, Gate, Mode, StepLabel};

/// A prefix.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prefix {
    Gate(Gate),
    Mode(Mode),
    Bound(Bound),
    Until(Duration),
    Form(Form),
}

/// Reads what stands behind the prefix of a form: what is done instead of a command, or what is wrong, with a hint.
pub(super) type Form = fn(&str) -> Result<Action, (String, &'static str)>;

/// The places of the prefixes, outermost first: each is taken once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Gate,
    Mode,
    Bound,
    Until,
    Attempt,
    Form,
}

/// What a word means: a prefix, or one with a time behind the word.
#[derive(Clone, Copy)]
enum Meaning {
    Alone(Prefix),
    Timed(fn(Duration) -> Prefix),
}

/// All prefixes. What is read here is carried out by the player, and written by `model::Action`.
const WORDS: [(&str, Meaning); 11] = [
    ("must", Meaning::Alone(Prefix::Gate(Gate::Must))),
    ("mayfail", Meaning::Alone(Prefix::Gate(Gate::MayFail))),
    ("spawn", Meaning::Alone(Prefix::Mode(Mode::Spawn))),
    ("parallel", Meaning::Alone(Prefix::Mode(Mode::Parallel))),
    ("barrier", Meaning::Alone(Prefix::Form(barrier))),
    ("stop", Meaning::Alone(Prefix::Form(|label| Ok(Action::Stop(StepLabel::new(label)))))),
    ("fetch", Meaning::Alone(Prefix::Form(fetch))),
    ("put", Meaning::Alone(Prefix::Form(put))),
    ("timeout", Meaning::Timed(|limit| Prefix::Bound(Bound::Timeout(limit)))),
    ("for", Meaning::Timed(|time| Prefix::Bound(Bound::For(time)))),
    ("until", Meaning::Timed(Prefix::Until)),
];

fn barrier(name: &str) -> Result<Action, (String, &'static str)> {
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let invalid = || ("invalid barrier name".to_owned(), "names have letters, digits, `.`, `_` and `-`");
    is_name.then(|| Action::Barrier(name.to_owned())).ok_or_else(invalid)
}

fn fetch(pattern: &str) -> Result<Action, (String, &'static str)> {
    FilePattern::new(pattern, None).map(|_| Action::Fetch(pattern.to_owned()))
}

fn put(files: &str) -> Result<Action, (String, &'static str)> {
    const HINT: &str = "write `put:local -> remote`";
    let (local, remote) = files.split_once(" -> ").ok_or_else(|| ("`put:` has no ` -> `".to_owned(), HINT))?;
    let (local, remote) = (local.trim(), remote.trim());
    if local.is_empty() || remote.is_empty() {
        return Err(("`put:` needs a file on both sides of ` -> `".to_owned(), HINT));
    }
    Ok(Action::Put { local: local.into(), remote: remote.to_owned() })
}

impl Prefix {
    /// Its place behind the prefix that has the place `before`.
    pub(super) fn slot(self, before: Option<Slot>) -> Slot {
        match self {
            Self::Gate(_) => Slot::Gate,
            Self::Mode(_) => Slot::Mode,
            Self::Bound(Bound::Timeout(_)) if before == Some(Slot::Until) => Slot::Attempt,
            Self::Bound(_) => Slot::Bound,
            Self::Until(_) => Slot::Until,
            Self::Form(_) => Slot::Form,
        }
    }

    /// Its time.
    pub(super) fn duration(self) -> Option<Duration> {
        match self {
            Self::Bound(Bound::Timeout(duration) | Bound::For(duration)) | Self::Until(duration) => Some(duration),
            _ => None,
        }
    }
}

/// A prefix at the start of a text.
pub(super) struct Found {
    /// The prefix, or what is wrong with its time.
    pub(super) prefix: Result<Prefix, Refusal>,
    /// How long it is, the colon included.
    pub(super) length: usize,
}

/// The prefix at the start of a text, if there is one.
///
/// Words are told apart by case, and nothing may stand between word, time and colon, so that no command that means
/// something to a shell is taken for a prefix. A time begins with a digit: `timeoutx:` is a command's name.
pub(super) fn at_start(text: &str) -> Option<Found> {
    const LONGEST: usize = 64;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.' || !byte.is_ascii();
    let colon = text.bytes().take(LONGEST).take_while(is_part).count();
    if text.as_bytes().get(colon) != Some(&b':') {
        return None;
    }
    let head = &text[..colon];
    let length = colon + 1;
    let prefix = WORDS.into_iter().find_map(|(word, meaning)| match (head.strip_prefix(word)?, meaning) {
        ("", Meaning::Alone(prefix)) => Some(Ok(prefix)),
        (time, Meaning::Timed(make)) if is_time(time) => Some(duration(time).map(make)),
        _ => None,
    })?;
    Some(Found { prefix, length })
}

fn is_time(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|character| character.is_alphanumeric() || character == '.')
}

/// What looks like a prefix at the start of a command and is none: its length, the colon included, and what to write.
///
/// No program's name has a colon behind it, so a word with one that is nearly a prefix's was meant as a prefix.
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
    let meant = nearest(word, WORDS.map(|(word, _)| word))?;
    let timed = WORDS.iter().any(|(word, meaning)| *word == meant && matches!(meaning, Meaning::Timed(_)));
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

/// The first bytes of a text that are of a kind; a few are enough.
fn leading(text: &str, is_kind: impl Fn(&u8) -> bool) -> &str {
    const MOST: usize = 16;
    let length = text.bytes().take(MOST).take_while(|byte| byte.is_ascii() && is_kind(byte)).count();
    &text[..length]
}
