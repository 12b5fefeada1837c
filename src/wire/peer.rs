//! What a peer says, as it is taken: texts are cut and made harmless, names and lists have their bounds.
//!
//! These functions stand at the fields of the messages (`deserialize_with`), so that nothing else ever comes in. What a
//! conductor wants carried out, such as commands, is taken as it is.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::bounds::{self, Bound};
use crate::model::{Process, on_one_line};

/// A text of a peer, for people: on one line, harmless, and not long.
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

/// A text for people.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| cleaned(&text))
}

/// The same where it may be absent or empty.
pub(super) fn text_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(from)?;
    Ok(text.filter(|text| !text.trim().is_empty()).map(|text| cleaned(&text)))
}

/// Why something is as it is. Whoever is asked for a reason and has none is said to have none.
pub(super) fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| reason_of(&text))
}

/// The same where it may be absent.
pub(super) fn reason_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(from)?;
    Ok(text.map(|text| reason_of(&text)))
}

/// A peer's reason, for people.
fn reason_of(text: &str) -> String {
    if text.trim().is_empty() { no_reason() } else { cleaned(text) }
}

/// What is said where there is no reason.
pub(super) fn no_reason() -> String {
    "no reason was given".to_owned()
}

/// Sentences for people.
pub(super) fn sentences<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let sentences: Vec<String> = list(from, bounds::SENTENCES, true)?;
    Ok(sentences.iter().map(|text| cleaned(text)).collect())
}

/// What identifies something.
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

/// The same where it may be absent.
pub(super) fn name_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(checked_name).transpose()
}

/// Names, few of them.
pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names: Vec<String> = list(from, bounds::ABILITIES, true)?;
    names.into_iter().map(checked_name).collect()
}

/// Numbers of protocols.
pub(super) fn protocols<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
    list(from, bounds::ABILITIES, true)
}

/// A path, or a pattern of paths.
pub(super) fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked_path(String::deserialize(from)?)
}

/// The same where it may be absent.
pub(super) fn path_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)?.map(checked_path).transpose()
}

fn checked_path<E: Error>(path: String) -> Result<String, E> {
    bounds::PATH.check(path.len()).map_err(E::custom)?;
    Ok(path)
}

/// The steps of a phase.
pub(super) fn steps<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::STEPS, false)
}

/// The variables of a plan.
pub(super) fn variables<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::VARIABLES, false)
}

/// Processes for people to know.
pub(super) fn processes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Process>, D::Error> {
    let mut list: Vec<Process> = list(from, bounds::PROCESSES, true)?;
    for Process { user, command, .. } in &mut list {
        (*user, *command) = (cleaned(user), cleaned(command));
    }
    Ok(list)
}

/// The attempts of a step.
pub(super) fn attempts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    list(from, bounds::ATTEMPTS, true)
}

/// A list within its bound: what is beyond it is left out, or makes the message wrong.
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
