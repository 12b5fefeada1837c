//! Keys of `[Workers]`: a name, or `node[01-16]` for sixteen of them.

use super::{Lint, Reason, quoted};
use crate::model::WorkerName;

/// How many workers a test may have.
pub(super) const MOST: usize = 10_000;

/// The workers that one key stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expansion {
    /// What stands before the bracket, or the whole name.
    pub(super) base: String,
    /// Each worker with its number; a key without a range makes number 1.
    pub(super) names: Vec<(WorkerName, u64)>,
}

/// The workers of a key.
pub(super) fn expand(key: &str) -> Result<Expansion, Reason> {
    let Some((base, rest)) = key.split_once('[') else {
        return Ok(Expansion { base: key.to_owned(), names: vec![(name(key)?, 1)] });
    };
    let range = |message| Reason::new(Lint::InvalidRange, message, "write a range as `node[01-16]`");
    let (numbers, suffix) = rest.split_once(']').ok_or_else(|| range("the range has no `]`"))?;
    let (first, last) = numbers.split_once('-').ok_or_else(|| range("the range has no `-`"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Err(range("a range has two numbers"));
    }
    let (Ok(from), Ok(to)) = (first.parse::<u64>(), last.parse::<u64>()) else {
        return Err(range("the numbers of the range are too large"));
    };
    if from > to {
        return Err(range("the range ends before it begins"));
    }
    if to - from >= MOST as u64 {
        return Err(range("the range has more than 10000 workers"));
    }
    let width = if first.starts_with('0') { first.len() } else { 1 };
    let make = |number: u64| Ok((name(&format!("{base}{number:0width$}{suffix}"))?, number));
    Ok(Expansion { base: base.to_owned(), names: (from..=to).map(make).collect::<Result<_, _>>()? })
}

fn name(text: &str) -> Result<WorkerName, Reason> {
    WorkerName::new(text).map_err(|error| {
        let message = format!("invalid worker name {}: {error}", quoted(text));
        Reason::new(Lint::InvalidWorkerName, message, "names consist of letters, digits, `.`, `_` and `-`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> Vec<String> {
        expand(key).unwrap().names.iter().map(|(name, number)| format!("{name} {number}")).collect()
    }

    #[test]
    fn a_range_makes_workers_with_padded_names_and_plain_numbers() {
        assert_eq!(names("node[08-10]"), ["node08 8", "node09 9", "node10 10"]);
        assert_eq!(names("n[9-10].lab"), ["n9.lab 9", "n10.lab 10"]);
        assert_eq!(names("router"), ["router 1"]);
        assert_eq!(expand("node[1-16]").unwrap().names.len(), 16);
    }

    #[test]
    fn a_wrong_range_is_refused() {
        for key in ["n[1-", "n[1]", "n[a-b]", "n[2-1]", "n[1-99999999]", "n[-]", "n[1-2][3-4]", "a b", "", ".."] {
            assert!(expand(key).is_err(), "{key}");
        }
        assert!(expand("n[1-99999999999999999999]").is_err());
    }
}
