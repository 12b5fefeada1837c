//! Patterns for a line of output: regular expressions. Lines are bytes.

use std::cell::RefCell;
use std::collections::HashSet;

use regex::bytes::{Regex, RegexBuilder};

use super::plan::LONGEST_PATH;

/// The longest pattern, in bytes.
const LONGEST: usize = LONGEST_PATH;
/// The maximum memory of a compiled pattern, in bytes.
const LARGEST: usize = 1 << 20;

/// A pattern for a line of output.
#[derive(Debug, Clone)]
pub struct LinePattern(Regex);

impl LinePattern {
    /// Parses a regular expression.
    ///
    /// # Errors
    ///
    /// Returns why the expression is invalid, and a hint.
    pub fn new(text: &str) -> Result<Self, (String, &'static str)> {
        const LITERAL: &str = "to search for a character such as `(`, `[`, `*` or `+` itself, write a `\\` before it";
        const SIMPLER: &str = "use a simpler pattern; numbers of repetitions such as `{30}` need the most memory: write \
            smaller ones, or `+`";
        const SHORTER: &str = "use a pattern for a part of the line";
        if text.contains('\n') {
            return Err(("it has a line break, but only single lines are searched".to_owned(), SHORTER));
        }
        if text.len() > LONGEST {
            return Err((format!("it has {} bytes, but at most {LONGEST} are allowed", text.len()), SHORTER));
        }
        let regex = RegexBuilder::new(text).size_limit(LARGEST).dfa_size_limit(LARGEST).build();
        regex.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => ("it is too complex".to_owned(), SIMPLER),
            error => (regex_problem(&error), LITERAL),
        })
    }

    /// Checks that `text` is a valid pattern. Valid ones are cached, because many workers may have the same step.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Self::new`].
    pub fn check(text: &str) -> Result<(), (String, &'static str)> {
        Self::compile_once(text).map(drop)
    }

    /// Returns whether the pattern was compiled now. The cache has the patterns of the plans that this thread reads, whose
    /// sizes are limited.
    fn compile_once(text: &str) -> Result<bool, (String, &'static str)> {
        thread_local!(static VALID: RefCell<HashSet<String>> = RefCell::default());
        if VALID.with_borrow(|valid| valid.contains(text)) {
            return Ok(false);
        }
        Self::new(text)?;
        Ok(VALID.with_borrow_mut(|valid| valid.insert(text.to_owned())))
    }

    /// Returns whether it matches a part of this line.
    pub fn fits(&self, line: &[u8]) -> bool {
        self.0.is_match(line)
    }
}

/// Returns what is wrong with a regular expression, in one sentence.
pub fn regex_problem(error: &regex::Error) -> String {
    // The last line is the message; the lines before it show the position.
    let text = error.to_string();
    let sentence = text.lines().last().unwrap_or_default();
    sentence.strip_prefix("error: ").unwrap_or(sentence).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_many_workers_is_compiled_once() {
        let compiled = [(); 3].map(|()| LinePattern::compile_once(r"^\w{8}$"));
        assert_eq!(compiled, [Ok(true), Ok(false), Ok(false)]);
        assert!(LinePattern::check("u(").is_err() && LinePattern::check("u(").is_err());
    }

    #[test]
    fn a_pattern_matches_a_part_of_a_line() {
        for (pattern, line, fits) in [
            ("listening on", &b"12:00 listening on :80"[..], true),
            ("^listening", b"12:00 listening", false),
            (r"port \d+$", b"port 80", true),
            ("a.c", b"a\xffc", false),
            ("(?-u:a.c)", b"a\xffc", true),
            ("b", b"a\xffb", true),
            ("(?i)READY", b"ready", true),
        ] {
            assert_eq!(LinePattern::new(pattern).unwrap().fits(line), fits, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let why = |pattern: &str| LinePattern::new(pattern).unwrap_err().0;
        assert_eq!(why("a("), "unclosed group");
        assert_eq!(why("*"), "repetition operator missing expression");
        assert_eq!(why("a\nb"), "it has a line break, but only single lines are searched");
        assert_eq!(why(r"\w{1000}"), "it is too complex");
        let hint = |pattern: &str| LinePattern::new(pattern).unwrap_err().1;
        assert!(hint("a(").starts_with("to search for a character such as `(`"));
        assert!(hint(r"(\w+\s*){30}").starts_with("use a simpler pattern; numbers of repetitions"));
        assert_eq!(why(&"a".repeat(5000)), "it has 5000 bytes, but at most 4096 are allowed");
    }
}
