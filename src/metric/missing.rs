//! Why there is no number.

use std::fmt;
use std::io;

use super::pick::MOST;

/// The largest JSON text, and the longest line, that is read, in bytes: it is kept in memory as a whole.
pub const LARGEST: u64 = 64 << 20;
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
    /// A line is longer than is read.
    TooLong,
    /// There are too many numbers for a median.
    TooMany,
    /// The text cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch => out.write_str("nothing matches"),
            Self::Empty => out.write_str("there is no text"),
            Self::NotANumber(text) => write!(out, "`{text}` is not a finite number"),
            Self::NotJson(why) => write!(out, "the text is not JSON: {why}"),
            Self::TooLarge => write!(out, "the text is larger than {} MiB", LARGEST >> 20),
            Self::TooLong => write!(out, "a line is longer than {} MiB", LARGEST >> 20),
            Self::TooMany => write!(out, "there are more than {MOST} numbers, too many for `pick = median`"),
            Self::Unreadable(error) => write!(out, "the text cannot be read: {error}"),
        }
    }
}

/// The number that a text is.
pub(super) fn finite(text: &str) -> Result<f64, Missing> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Missing::NotANumber(text.trim().chars().take(40).collect()))
}
