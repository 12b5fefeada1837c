//! One prefix of a step, such as `spawn:` or `timeout30:`.

use std::time::Duration;

use crate::config::Refusal;
use crate::config::duration::duration;
use crate::config::nearest::nearest;
use crate::model::{Bound, Gate, Mode};

/// A prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Gate(Gate),
    Mode(Mode),
    Bound(Bound),
    Until(Duration),
    Form(Form),
}

/// What is done when that is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Barrier,
    Stop,
    Fetch,
    Put,
}

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

const WORDS: [(&str, Prefix); 8] = [
    ("must", Prefix::Gate(Gate::Must)),
    ("mayfail", Prefix::Gate(Gate::MayFail)),
    ("spawn", Prefix::Mode(Mode::Spawn)),
    ("parallel", Prefix::Mode(Mode::Parallel)),
    ("barrier", Prefix::Form(Form::Barrier)),
    ("stop", Prefix::Form(Form::Stop)),
    ("fetch", Prefix::Form(Form::Fetch)),
    ("put", Prefix::Form(Form::Put)),
];

type Timed = (&'static str, fn(Duration) -> Prefix);

const TIMED: [Timed; 3] = [
    ("timeout", |limit| Prefix::Bound(Bound::Timeout(limit))),
    ("for", |time| Prefix::Bound(Bound::For(time))),
    ("until", Prefix::Until),
];

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
    if let Some((_, prefix)) = WORDS.iter().find(|(word, _)| *word == head) {
        return Some(Found { prefix: Ok(*prefix), length });
    }
    let (time, make) = TIMED.iter().find_map(|(word, make)| head.strip_prefix(word).map(|time| (time, make)))?;
    is_time(time).then(|| Found { prefix: duration(time).map(make), length })
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
    let words = WORDS.iter().map(|(word, _)| *word).chain(TIMED.iter().map(|(word, _)| *word));
    let meant = nearest(word, words)?;
    let timed = TIMED.iter().any(|(word, _)| *word == meant);
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
