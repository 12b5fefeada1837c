//! Reads numbers from a text: at a place in JSON, by a regular expression, or all numbers of the text.

use std::io::{BufRead, Read};

use regex::bytes::Regex;

use super::missing::finite;
use super::{LARGEST, Missing, Picked, Pointer};
use crate::model::{Extract, Pick, regex_problem};

/// The longest unit that may follow a number, in characters.
const LONGEST_UNIT: usize = 20;

/// A way to read numbers from a text.
#[derive(Debug, Clone)]
pub enum Reading {
    /// All numbers of the text.
    Numbers,
    /// The value at this place in each JSON document of the text.
    Json(Pointer),
    /// The text that the only group of this regular expression matches, in each line.
    Pattern(Regex),
}

impl Reading {
    /// Creates the reading that finds numbers in this way.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the pointer or the regular expression.
    pub fn new(extract: Option<&Extract>) -> Result<Self, String> {
        match extract {
            None => Ok(Self::Numbers),
            Some(Extract::Json(pointer)) => pointer.parse().map(Self::Json),
            Some(Extract::Regex(pattern)) => Self::pattern(pattern),
        }
    }

    /// Parses a regular expression with one group.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it.
    fn pattern(text: &str) -> Result<Self, String> {
        let pattern = Regex::new(text).map_err(|error| regex_problem(&error))?;
        match pattern.captures_len() - 1 {
            1 => Ok(Self::Pattern(pattern)),
            0 => Err("it has no group: put the number in parentheses".to_owned()),
            groups => Err(format!("it has {groups} groups, but only one is the number: write others as `(?:…)`")),
        }
    }

    /// Reads the numbers of a text, and picks one.
    ///
    /// # Errors
    ///
    /// Returns why there is none.
    pub fn read(&self, text: impl BufRead, pick: Pick) -> Result<f64, Missing> {
        let (mut picked, mut instead) = (Picked::new(pick), None);
        let mut take = |number: f64| if picked.take(number) { Ok(()) } else { Err(Missing::TooMany) };
        match self {
            Self::Numbers => {
                let mut clear = Clear::new(pick);
                each_line(text, |line| {
                    let counted = numbers(line).into_iter().filter_map(|found| clear.take(found).transpose());
                    counted.into_iter().try_for_each(|number| take(number?))
                })?;
                clear.end()?;
            }
            Self::Pattern(pattern) => each_line(text, |line| {
                let groups = pattern.captures_iter(line).filter_map(|found| found.get(1));
                groups
                    .map(|group| finite(&String::from_utf8_lossy(group.as_bytes())))
                    .try_for_each(|number| take(number?))
            })?,
            Self::Json(pointer) => instead = pointer.each(&bounded(text)?, take)?,
        }
        match picked.value() {
            None => Err(instead.map_or(Missing::NoMatch, Missing::NotThere)),
            // A sum can overflow.
            Some(value) if !value.is_finite() => Err(Missing::NotANumber(value.to_string())),
            Some(value) => Ok(value),
        }
    }
}

/// Reads a whole JSON text.
fn bounded(text: impl BufRead) -> Result<Vec<u8>, Missing> {
    let mut bytes = Vec::new();
    text.take(LARGEST + 1).read_to_end(&mut bytes).map_err(Missing::Unreadable)?;
    match bytes.len() as u64 {
        length if length > LARGEST => Err(Missing::TooLarge),
        _ if bytes.trim_ascii().is_empty() => Err(Missing::Empty),
        _ => Ok(bytes),
    }
}

/// Passes each line of a text to `take`, without its newline.
pub(super) fn each_line(
    mut text: impl BufRead,
    mut take: impl FnMut(&[u8]) -> Result<(), Missing>,
) -> Result<(), Missing> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = text.by_ref().take(LARGEST + 1).read_until(b'\n', &mut line).map_err(Missing::Unreadable)?;
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        match count as u64 {
            0 => return Ok(()),
            count if count > LARGEST && !line.ends_with(b"\n") => return Err(Missing::TooLong),
            _ => take(content.strip_suffix(b"\r").unwrap_or(content))?,
        }
    }
}

/// Rejects numbers whose digits are grouped, such as `1,234,567`, if they could be the value.
struct Clear {
    pick: Pick,
    has_first: bool,
    /// The last number, if its digits are grouped.
    last: Option<String>,
}

impl Clear {
    const fn new(pick: Pick) -> Self {
        Self { pick, has_first: false, last: None }
    }

    /// Returns the number that was found, if it may be the value.
    fn take(&mut self, found: Result<f64, String>) -> Result<Option<f64>, Missing> {
        let is_later = std::mem::replace(&mut self.has_first, true);
        match (found, self.pick) {
            (Ok(number), _) => {
                self.last = None;
                Ok(Some(number))
            }
            (Err(text), Pick::Last) => {
                self.last = Some(text);
                Ok(None)
            }
            (Err(_), Pick::First) if is_later => Ok(None),
            (Err(text), _) => Err(Missing::Grouped(text)),
        }
    }

    /// Ends the text.
    fn end(self) -> Result<(), Missing> {
        self.last.map_or(Ok(()), |text| Err(Missing::Grouped(text)))
    }
}

/// Returns whether a word can be a number with groups of three digits, such as `1,234,567` or `-1,234.5MB`, or a list.
fn is_grouped(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let mut groups = unsigned.split(',');
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_first = |text: &str| is_digits(text) && text.len() <= 3 && !text.starts_with('0');
    let last = unsigned.rsplit(',').next().unwrap_or_default();
    let digits = last.len() - last.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let is_last = digits == 3 && last[digits..].chars().count() <= LONGEST_UNIT;
    let count = unsigned.matches(',').count();
    count > 0
        && groups.next().is_some_and(is_first)
        && groups.take(count - 1).all(|group| is_digits(group) && group.len() == 3)
        && is_last
}

/// Returns the numbers of a line, and instead of a number the word if its digits are grouped. Digits within a word or
/// an address, such as `eth0`, `v1.2.3` and `10.0.0.1`, are not numbers; a unit may follow directly, as in `12ms`.
fn numbers(line: &[u8]) -> Vec<Result<f64, String>> {
    let line = String::from_utf8_lossy(line);
    let is_between = |character: char| character.is_whitespace() || ";=()[]{}<>\"'`|".contains(character);
    let number = |word: &str| {
        let word = word.trim_end_matches(['.', ':', '!', '?']);
        // A unit may follow, and its letters can also belong to the number: `1e3` and `1e3ms`.
        let is_of_unit = |character: char| character.is_alphabetic() || "%/°".contains(character);
        let unit = word.char_indices().rev().take(LONGEST_UNIT).take_while(|(_, character)| is_of_unit(*character));
        let ends = std::iter::once(word.len()).chain(unit.map(|(at, _)| at));
        let mut numbers = ends.filter_map(|end| word[..end].parse::<f64>().ok());
        numbers.find(|number| number.is_finite())
    };
    let of_word = |word: &'_ str| -> Vec<Result<f64, String>> {
        let word = word.trim_matches(',').trim_end_matches(['.', ':', '!', '?']);
        if is_grouped(word) {
            return vec![Err(word.to_owned())];
        }
        word.split(',').filter_map(number).map(Ok).collect()
    };
    line.split(is_between).flat_map(of_word).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn read(reading: &Reading, pick: Pick, text: &str) -> Result<f64, String> {
        reading.read(text.as_bytes(), pick).map_err(|missing| missing.to_string())
    }

    fn pattern(text: &str) -> Result<Reading, String> {
        Reading::new(Some(&Extract::Regex(text.to_owned())))
    }

    fn json(pointer: &str) -> Result<Reading, String> {
        Reading::new(Some(&Extract::Json(pointer.to_owned())))
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
            assert_eq!(read(&Reading::Numbers, Pick::Last, text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_with_grouped_digits_is_none_where_it_would_be_the_value() {
        let grouped =
            |text: &str| Err(format!("`{text}` can be one number or several: print it without commas, or use `regex`"));
        let read = |pick, text: &str| read(&Reading::Numbers, pick, text);
        for text in ["1,234,567 B", "rate=1,234,567", "12,345", "-1,234.5MB", "941 1,234,567."] {
            let word = text.split([' ', '=']).find(|word| word.contains(',')).unwrap_or_default();
            assert_eq!(read(Pick::Last, text), grouped(word.trim_end_matches('.')), "{text}");
        }
        for (text, number) in [
            ("1,234 packets, 941 Mbit/s", 941.0),
            ("1,2,3", 3.0),
            ("1000,200", 200.0),
            ("0,123", 123.0),
            ("12.5,300", 300.0),
            ("1,234,56", 56.0),
            ("1, 234", 234.0),
        ] {
            assert_eq!(read(Pick::Last, text), Ok(number), "{text}");
        }
        assert_eq!(read(Pick::First, "941 of 1,234"), Ok(941.0));
        assert_eq!(read(Pick::First, "1,234 of 941"), grouped("1,234"));
        assert_eq!(read(Pick::Max, "1,234 of 941"), grouped("1,234"));
    }

    #[test]
    fn what_is_picked_of_the_numbers_of_a_text_is_the_value() {
        let text = "3 of 10 took 12ms\r\nthen 5\r\n";
        for (pick, number) in [
            (Pick::First, 3.0),
            (Pick::Last, 5.0),
            (Pick::Min, 3.0),
            (Pick::Max, 12.0),
            (Pick::Sum, 30.0),
            (Pick::Count, 4.0),
        ] {
            assert_eq!(read(&Reading::Numbers, pick, text), Ok(number), "{pick}");
        }
        assert_eq!(read(&Reading::Numbers, Pick::Count, "none"), Ok(0.0));
    }

    #[test]
    fn the_end_of_a_line_does_not_belong_to_it() {
        let pattern = pattern(r"^rtt=(.*)$").unwrap();
        assert_eq!(read(&pattern, Pick::Last, "rtt=3.5\r\nrtt=4\r\n"), Ok(4.0));
    }

    #[test]
    fn a_long_line_is_one_line() {
        let pattern = pattern(r"^rtt=(\d+)").unwrap();
        let text = format!("{}rtt=3\nrtt=4\n", "x".repeat(1 << 20));
        assert_eq!(read(&pattern, Pick::Count, &text), Ok(1.0));
        let text = io::repeat(b'x').take(LARGEST + 1);
        let result = pattern.read(io::BufReader::new(text), Pick::Last);
        assert!(matches!(result, Err(Missing::TooLong)), "{result:?}");
    }

    #[test]
    fn a_pattern_reads_its_group_wherever_it_matches() {
        let pattern = pattern(r"(?i)rtt=([\d.]+|nan)").unwrap();
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
        let reading = json("/end/a~1b/0").unwrap();
        let text = "{\"end\": {\"a/b\": [1.5, 2]}}\n{\"other\": 1}\n{\"end\": {\"a/b\": [\"2.5\"]}}";
        assert_eq!(read(&reading, Pick::Last, text), Ok(2.5));
        assert_eq!(read(&reading, Pick::Mean, text), Ok(2.0));
        for (text, instead) in [
            ("{}", "the document is an empty object"),
            ("5", "the document is neither an object nor a list"),
            (r#"{"ends": 1}"#, "the document has only the key `ends`"),
            (r#"{"end": {"a": 1, "b": 2}}"#, "`/end` has the keys `a`, `b`"),
            (
                r#"{"end": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}}"#,
                "`/end` has the keys `a`, `b`, `c`, `d`, `e` and 2 more",
            ),
            (r#"{"end": {"a/b": []}, "x": 1}"#, "`/end/a~1b` is a list of 0 items"),
            (r#"{"end": 1, "x": 1}"#, "`/end` is neither an object nor a list"),
        ] {
            assert_eq!(read(&reading, Pick::Last, text), Err(format!("there is nothing: {instead}")), "{text}");
        }
        assert_eq!(read(&reading, Pick::Count, "{}"), Ok(0.0));
        for (text, what) in [(r#"{"end": {"a/b": [{}]}}"#, "an object"), (r#"{"end": {"a/b": [[1]]}}"#, "a list")] {
            assert_eq!(read(&reading, Pick::Last, text), Err(format!("expected a number, found {what}")));
        }
        assert_eq!(read(&reading, Pick::Last, " \n"), Err("there is no text".to_owned()));
        let wrong = read(&reading, Pick::Last, "iperf3: error").unwrap_err();
        assert_eq!(wrong, "the text is not JSON: expected value at line 1 column 1");
        let null = read(&json("").unwrap(), Pick::Last, "null");
        assert_eq!(null, Err("`null` is not a finite number".to_owned()));
        assert_eq!(
            read(&json("").unwrap(), Pick::Last, "1e999").unwrap_err().split(':').next(),
            Some("the text is not JSON")
        );
        assert_eq!(json("end").unwrap_err(), "a JSON pointer begins with `/`");
        assert_eq!(json("/a~b").unwrap_err(), "in a JSON pointer, `~` is written `~0`");
    }

    #[test]
    fn json_that_is_too_large_is_not_read() {
        let text = io::repeat(b' ').take(LARGEST + 1);
        let result = json("/a").unwrap().read(io::BufReader::new(text), Pick::Last);
        assert!(matches!(result, Err(Missing::TooLarge)), "{result:?}");
    }
}
