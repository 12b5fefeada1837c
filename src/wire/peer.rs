//! How data of a peer is read: texts are truncated and made harmless, and names and lists are bounded.
//!
//! These functions are used for the fields of the messages (`deserialize_with`), so that unchecked data never enters
//! the program. Data that the player has to carry out exactly, such as commands, is used unchanged.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::bounds::{self, Bound};
use crate::model::{Process, on_one_line};

/// Makes a peer's text safe to show: one line, without control characters, and truncated.
pub fn cleaned(text: &str) -> String {
    const REST: &str = "…";
    let most = bounds::TEXT.most();
    let is_cut = text.len() > most;
    let shown = on_one_line(&text[..text.floor_char_boundary(most)]);
    if !is_cut && shown.len() <= most {
        return shown.into_owned();
    }
    format!("{}{REST}", &shown[..shown.floor_char_boundary(most - REST.len())])
}

/// Reads a human-readable text.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| cleaned(&text))
}

/// Reads a human-readable text that may be absent or empty.
pub(super) fn text_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(from)?;
    Ok(text.filter(|text| !text.trim().is_empty()).map(|text| cleaned(&text)))
}

/// Reads a reason. An empty one is replaced.
pub(super) fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| reason_of(&text))
}

/// Reads a reason that may be absent.
pub(super) fn reason_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(from)?;
    Ok(text.map(|text| reason_of(&text)))
}

/// Returns a peer's reason for messages.
fn reason_of(text: &str) -> String {
    if text.trim().is_empty() { no_reason() } else { cleaned(text) }
}

/// Returns the text that replaces a missing reason.
pub(super) fn no_reason() -> String {
    "no reason was given".to_owned()
}

/// Reads human-readable messages.
pub(super) fn sentences<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let sentences: Vec<String> = list(from, bounds::SENTENCES, true)?;
    Ok(sentences.iter().map(|text| cleaned(text)).collect())
}

/// Reads a name.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_name(String::deserialize(from)?)
}

fn checked_name<E: Error>(name: String) -> Result<String, E> {
    bounds::NAME.check(name.len()).map_err(E::custom)?;
    if on_one_line(&name) != name {
        return Err(E::custom("a name has a control character"));
    }
    Ok(name)
}

/// Reads a name that may be absent.
pub(super) fn name_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(checked_name).transpose()
}

/// Reads a short list of names.
pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names: Vec<String> = list(from, bounds::ABILITIES, true)?;
    names.into_iter().map(checked_name).collect()
}

/// Reads the numbers of protocols.
pub(super) fn protocols<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
    list(from, bounds::ABILITIES, true)
}

/// Reads a path, or a pattern of paths.
pub(super) fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_path(String::deserialize(from)?)
}

/// Reads a path that may be absent.
pub(super) fn path_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(checked_path).transpose()
}

fn checked_path<E: Error>(path: String) -> Result<String, E> {
    bounds::PATH.check(path.len()).map_err(E::custom)?;
    Ok(path)
}

/// Reads the steps of a phase.
pub(super) fn steps<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::STEPS, false)
}

/// Reads the variables of a plan.
pub(super) fn variables<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::VARIABLES, false)
}

/// Reads processes to be shown to people.
pub(super) fn processes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Process>, D::Error> {
    let mut list: Vec<Process> = list(from, bounds::PROCESSES, true)?;
    for Process { user, command, .. } in &mut list {
        (*user, *command) = (cleaned(user), cleaned(command));
    }
    Ok(list)
}

/// Reads the attempts of a step.
pub(super) fn attempts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::ATTEMPTS, true)
}

/// Reads a list. Further elements than `bound` allows are dropped if `cut`, and otherwise make the message invalid.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D, bound: Bound, cut: bool) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(List { bound, cut, of: PhantomData })
}

struct List<T> {
    bound: Bound,
    cut: bool,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.bound.most() {
            match from.next_element()? {
                Some(element) => list.push(element),
                None => return Ok(list),
            }
        }
        while from.next_element::<IgnoredAny>()?.is_some() {
            if !self.cut {
                self.bound.check(list.len() + 1).map_err(A::Error::custom)?;
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_in_on_one_line_harmless_and_cut() {
        assert_eq!(cleaned("a\nb\u{202e}c\u{2028}\x1b[2J é"), "a\\nb\\u{202e}c\\u{2028}\\x1b[2J é");
        for long in ["é".repeat(1 << 20), "\n".repeat(4096), format!("a{}", "é".repeat(2048))] {
            let cut = cleaned(&long);
            assert!(cut.len() <= bounds::TEXT.most() && cut.len() > bounds::TEXT.most() - 8, "{}", cut.len());
            assert!(cut.ends_with('…'), "what is cut shows it");
            assert_eq!(cleaned(&cut), cut);
        }
        let whole = "x".repeat(bounds::TEXT.most());
        assert_eq!(cleaned(&whole), whole);
    }

    #[test]
    fn a_reason_is_never_empty() {
        assert_eq!(["", " \n", "x\ny"].map(reason_of), ["no reason was given", "no reason was given", "x\\ny"]);
    }

    #[test]
    fn a_list_is_cut_or_refused_at_its_bound() {
        let list = |length: usize| serde_json::to_string(&vec![0; length]).unwrap();
        let take = |bound: Bound, length: usize, cut: bool| {
            super::list::<_, u8>(&mut serde_json::Deserializer::from_str(&list(length)), bound, cut)
        };
        assert_eq!(take(bounds::SENTENCES, 64, false).unwrap().len(), 64);
        assert_eq!(take(bounds::SENTENCES, 65, true).unwrap().len(), 64);
        let why = take(bounds::SENTENCES, 65, false).unwrap_err().to_string();
        assert!(why.starts_with("too many messages about earlier runs in a welcome: at most 64 are allowed"), "{why}");
    }
}
