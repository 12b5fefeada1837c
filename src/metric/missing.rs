//! Why there is no number.

use std::fmt;
use std::io;

use super::pick::MOST;
use crate::model::{LONGEST_UNIT, on_one_line, shown_number};
use crate::statistics::Sample;

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
    /// Its name begins with this, which stands for something else.
    Reserved(&'static str),
    /// It has a unit that is too long, or has control characters.
    NotAUnit,
    /// Its unit has a blank, or something else follows the unit.
    Blank,
    /// An object or a list stands where the number should be.
    Composed(&'static str),
    /// There is nothing at a place in JSON; what there is instead.
    NotThere(String),
    /// This can be one number with grouped digits, or several numbers.
    Grouped(String),
    /// It has these two units.
    Units(String, String),
    /// This number is larger than statistics can use.
    Huge(f64),
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
            Self::Reserved(start) => write!(out, "names that begin with `{start}` are reserved"),
            Self::NotAUnit => {
                write!(out, "its unit has more than {LONGEST_UNIT} characters, or control characters")
            }
            Self::Blank => out.write_str("its unit has a blank"),
            Self::Composed(what) => write!(out, "there is {what} instead of a number"),
            Self::NotThere(instead) => write!(out, "there is nothing: {instead}"),
            Self::Grouped(text) => {
                write!(out, "`{text}` can be one number or several: print it without commas, or use `regex`")
            }
            Self::Units(first, second) => {
                write!(out, "it has two units, `{}` and `{}`", on_one_line(first), on_one_line(second))
            }
            Self::Huge(number) => write!(out, "{} is too large", shown_number(*number)),
            Self::Unreadable(error) => write!(out, "the text cannot be read: {error}"),
        }
    }
}

/// The number that a text is.
pub(super) fn finite(text: &str) -> Result<f64, Missing> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Missing::NotANumber(text.trim().chars().take(40).collect()))
}

/// A number that statistics can use.
pub(super) fn usable(number: f64) -> Result<f64, Missing> {
    if number.abs() <= Sample::LARGEST { Ok(number) } else { Err(Missing::Huge(number)) }
}
