//! How a number is read from a text: at a place in JSON, by a regular expression, or the last number of the text.

use std::fmt;
use std::io::{self, BufRead, Read};

use regex::bytes::Regex;
use serde_json::Value;

use super::Picked;
use crate::model::Pick;

/// The largest JSON text that is read, in bytes: it is kept in memory as a whole.
pub const LARGEST_JSON: u64 = 64 << 20;
/// The longest unit that may follow a number, in characters.
const LONGEST_UNIT: usize = 20;
/// The longest line that is searched as a whole, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// How a number is read from a text.
#[derive(Debug, Clone)]
pub enum Reading {
    /// The last number of the text.
    LastNumber,
    /// The value at this JSON pointer (RFC 6901) in each JSON document of the text.
    Json(String),
    /// What the only group of this regular expression matches, in each line.
    Pattern(Regex),
}

/// Why there is no number.
#[derive(Debug)]
pub enum Missing {
    /// Nothing matches.
    NoMatch,
    /// The text is empty.
    Empty,
    /// This text is not a finite number.
    NotANumber(String),
    /// The text is not JSON.
    NotJson(String),
    /// The JSON text is larger than is read.
    TooLarge,
    /// There are too many numbers for a median.
    TooMany,
    /// The text cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch => out.write_str("nothing matches"),
            Self::Empty => out.write_str("the text is empty"),
            Self::NotANumber(text) => write!(out, "`{text}` is not a finite number"),
            Self::NotJson(why) => write!(out, "the text is not JSON: {why}"),
            Self::TooLarge => write!(out, "the text is larger than {} MiB", LARGEST_JSON >> 20),
            Self::TooMany => out.write_str("there are too many numbers for a median"),
            Self::Unreadable(error) => write!(out, "the text cannot be read: {error}"),
        }
    }
}

impl Reading {
    /// A JSON pointer.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it: it is empty, or begins with `/` (RFC 6901, section 3).
    pub fn json(pointer: &str) -> Result<Self, String> {
        let is_escaped = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        match pointer.strip_prefix('/') {
            None if !pointer.is_empty() => Err("a JSON pointer begins with `/`".to_owned()),
            _ if !is_escaped => Err("in a JSON pointer, `~` is written `~0`".to_owned()),
            _ => Ok(Self::Json(pointer.to_owned())),
        }
    }

    /// A regular expression with one group.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn pattern(text: &str) -> Result<Self, String> {
        let pattern = Regex::new(text).map_err(|error| {
            let text = error.to_string();
            let sentence = text.lines().last().unwrap_or_default();
            sentence.strip_prefix("error: ").unwrap_or(sentence).to_owned()
        })?;
        match pattern.captures_len() - 1 {
            1 => Ok(Self::Pattern(pattern)),
            0 => Err("it has no group: put the number in parentheses".to_owned()),
            groups => Err(format!("it has {groups} groups, but only one is the number: write others as `(?:…)`")),
        }
    }

    /// The number that is read from this text, picked of all that it has.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub fn read(&self, text: impl BufRead, pick: Pick) -> Result<f64, Missing> {
        let mut picked = Picked::new(pick);
        let mut take = |number: f64| if picked.take(number) { Ok(()) } else { Err(Missing::TooMany) };
        match self {
            Self::LastNumber => {
                let mut last = None;
                each_line(text, |line| {
                    last = last_number(line).or(last);
                    Ok(())
                })?;
                return last.ok_or(Missing::NoMatch);
            }
            Self::Pattern(pattern) => each_line(text, |line| {
                let groups = pattern.captures_iter(line).filter_map(|found| found.get(1));
                groups
                    .map(|group| finite(&String::from_utf8_lossy(group.as_bytes())))
                    .try_for_each(|number| take(number?))
            })?,
            Self::Json(pointer) => {
                for document in documents(text)? {
                    if let Some(found) = document.pointer(pointer) {
                        take(number_of(found)?)?;
                    }
                }
            }
        }
        match picked.value() {
            None => Err(Missing::NoMatch),
            // A sum can be too large.
            Some(value) if !value.is_finite() => Err(Missing::NotANumber(value.to_string())),
            Some(value) => Ok(value),
        }
    }
}

/// The JSON documents of a text, one after the other.
fn documents(text: impl BufRead) -> Result<Vec<Value>, Missing> {
    let mut bytes = Vec::new();
    text.take(LARGEST_JSON + 1).read_to_end(&mut bytes).map_err(Missing::Unreadable)?;
    if bytes.len() as u64 > LARGEST_JSON {
        return Err(Missing::TooLarge);
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Missing::Empty);
    }
    let documents = serde_json::Deserializer::from_slice(&bytes).into_iter().collect::<Result<_, _>>();
    documents.map_err(|error| Missing::NotJson(error.to_string()))
}

/// A number in JSON, or a text that is one.
fn number_of(value: &Value) -> Result<f64, Missing> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| Missing::NotANumber(number.to_string())),
        Value::String(text) => finite(text),
        other => Err(Missing::NotANumber(other.to_string().chars().take(40).collect())),
    }
}

fn finite(text: &str) -> Result<f64, Missing> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Missing::NotANumber(text.trim().chars().take(40).collect()))
}

/// Gives each line of a text, without its end. One that is very long comes in parts.
fn each_line(mut text: impl BufRead, mut take: impl FnMut(&[u8]) -> Result<(), Missing>) -> Result<(), Missing> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = text.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(Missing::Unreadable)?;
        if count == 0 {
            return Ok(());
        }
        take(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

/// The last number of a line. Digits within a word or an address, such as `eth0`, `v1.2.3` and `10.0.0.1`, are none; a unit
/// may follow directly, as in `12ms`.
fn last_number(line: &[u8]) -> Option<f64> {
    let line = String::from_utf8_lossy(line);
    let is_between = |character: char| character.is_whitespace() || ",;=()[]{}<>\"'`|".contains(character);
    line.rsplit(is_between).find_map(|word| {
        let word = word.trim_end_matches(['.', ':', '!', '?']);
        // A unit may follow, whose letters can also be those of the number: `1e3` and `1e3ms`.
        let is_of_unit = |character: char| character.is_alphabetic() || "%/°".contains(character);
        let unit = word.char_indices().rev().take(LONGEST_UNIT).take_while(|(_, character)| is_of_unit(*character));
        let ends = std::iter::once(word.len()).chain(unit.map(|(at, _)| at));
        let mut numbers = ends.filter_map(|end| word[..end].parse::<f64>().ok());
        numbers.find(|number| number.is_finite())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reading: &Reading, pick: Pick, text: &str) -> Result<f64, String> {
        reading.read(text.as_bytes(), pick).map_err(|missing| missing.to_string())
    }

    #[test]
    fn the_last_number_of_a_text_is_read() {
        for (text, number) in [
            ("940\n", Some(940.0)),
            ("goodput: 941.2 Mbit/s\n", Some(941.2)),
            ("3 trials\ntook 12ms\nthe end\n", Some(12.0)),
            ("loss=0.5%", Some(0.5)),
            ("-3.5e-2", Some(-0.035)),
            ("rtt (ms): 1, 2, 3.", Some(3.0)),
            ("on eth0 of 10.0.0.1 with v1.2.3", None),
            ("nan inf infinity", None),
            ("", None),
            ("{\"a\": 7}", Some(7.0)),
            ("12.5°C", Some(12.5)),
        ] {
            let expected = number.ok_or_else(|| "nothing matches".to_owned());
            assert_eq!(read(&Reading::LastNumber, Pick::Last, text), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_reads_its_group_wherever_it_matches() {
        let pattern = Reading::pattern(r"(?i)rtt=([\d.]+|nan)").unwrap();
        let text = "rtt=3.5 RTT=1.5\nnothing\nrtt=4";
        assert_eq!(read(&pattern, Pick::Last, text), Ok(4.0));
        assert_eq!(read(&pattern, Pick::First, text), Ok(3.5));
        assert_eq!(read(&pattern, Pick::Sum, text), Ok(9.0));
        assert_eq!(read(&pattern, Pick::Count, text), Ok(3.0));
        let large = format!("rtt=1{0}\nrtt=1{0}\n", "0".repeat(308));
        assert!(read(&pattern, Pick::Sum, &large).unwrap_err().ends_with(" is not a finite number"));
        assert_eq!(read(&pattern, Pick::Last, "rtt"), Err("nothing matches".to_owned()));
        assert_eq!(read(&pattern, Pick::Count, "rtt"), Ok(0.0));
        assert_eq!(read(&pattern, Pick::Last, "rtt=nan"), Err("`nan` is not a finite number".to_owned()));
        let why = |text: &str| Reading::pattern(text).unwrap_err();
        assert_eq!(why("a"), "it has no group: put the number in parentheses");
        assert_eq!(why("(a)(b)"), "it has 2 groups, but only one is the number: write others as `(?:…)`");
        assert_eq!(why("(a"), "unclosed group");
    }

    #[test]
    fn json_is_read_at_a_pointer_in_each_document() {
        let reading = Reading::json("/end/a~1b/0").unwrap();
        let text = "{\"end\": {\"a/b\": [1.5, 2]}}\n{\"other\": 1}\n{\"end\": {\"a/b\": [\"2.5\"]}}";
        assert_eq!(read(&reading, Pick::Last, text), Ok(2.5));
        assert_eq!(read(&reading, Pick::Mean, text), Ok(2.0));
        assert_eq!(read(&reading, Pick::Last, "{}"), Err("nothing matches".to_owned()));
        assert_eq!(read(&reading, Pick::Last, " \n"), Err("the text is empty".to_owned()));
        let wrong = read(&reading, Pick::Last, "iperf3: error").unwrap_err();
        assert_eq!(wrong, "the text is not JSON: expected value at line 1 column 1");
        let null = read(&Reading::json("").unwrap(), Pick::Last, "null");
        assert_eq!(null, Err("`null` is not a finite number".to_owned()));
        assert_eq!(
            read(&Reading::json("").unwrap(), Pick::Last, "1e999").unwrap_err().split(':').next(),
            Some("the text is not JSON")
        );
        assert_eq!(Reading::json("end").unwrap_err(), "a JSON pointer begins with `/`");
        assert_eq!(Reading::json("/a~b").unwrap_err(), "in a JSON pointer, `~` is written `~0`");
    }

    #[test]
    fn json_that_is_too_large_is_not_read() {
        let text = io::repeat(b' ').take(LARGEST_JSON + 1);
        let result = Reading::json("/a").unwrap().read(io::BufReader::new(text), Pick::Last);
        assert!(matches!(result, Err(Missing::TooLarge)), "{result:?}");
    }
}
