//! Why there is no number.

use std::io;

use super::pick::MOST;
use crate::model::{LONGEST_UNIT, on_one_line, shown_number};
use crate::statistics::Sample;

/// The maximum size of a JSON text or a line, in bytes: it is kept in memory as a whole.
pub const LARGEST: u64 = 64 << 20;

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// Nothing matches.
    #[error("nothing matches")]
    NoMatch,
    /// The text is empty.
    #[error("there is no text")]
    Empty,
    /// This text is not a finite number.
    #[error("`{0}` is not a finite number")]
    NotANumber(String),
    /// The text is not JSON.
    #[error("the text is not JSON: {0}")]
    NotJson(String),
    /// The JSON text is too large.
    #[error("the text is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    /// A line is too long.
    #[error("a line is longer than {} MiB", LARGEST >> 20)]
    TooLong,
    /// There are too many numbers for a median.
    #[error("there are more than {MOST} numbers, too many for `pick = median`")]
    TooMany,
    /// The name begins with this, which is reserved.
    #[error("names that begin with `{0}` are reserved")]
    Reserved(&'static str),
    /// The unit is too long, or contains control characters.
    #[error("its unit has more than {LONGEST_UNIT} characters, or control characters")]
    NotAUnit,
    /// The unit contains a space, or is followed by something else.
    #[error("its unit contains a space")]
    Blank,
    /// There is an object or a list instead of a number.
    #[error("expected a number, found {0}")]
    Composed(&'static str),
    /// There is nothing at a place in JSON. Describes the nearest place.
    #[error("there is nothing: {0}")]
    NotThere(String),
    /// This can be a single number with grouped digits, or several numbers.
    #[error("`{0}` can be one number or several: print it without commas, or use `regex`")]
    Grouped(String),
    /// The metric has these two units.
    #[error("it has two units, `{}` and `{}`", on_one_line(.0), on_one_line(.1))]
    Units(String, String),
    /// This number is larger than statistics can use.
    #[error("{} is too large", shown_number(*.0))]
    Huge(f64),
    /// The text cannot be read.
    #[error("the text cannot be read: {0}")]
    Unreadable(io::Error),
}

/// Parses a finite number.
pub(super) fn finite(text: &str) -> Result<f64, Missing> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Missing::NotANumber(text.trim().chars().take(40).collect()))
}

/// Returns a number if statistics can use it.
pub(super) fn usable(number: f64) -> Result<f64, Missing> {
    if number.abs() <= Sample::LARGEST { Ok(number) } else { Err(Missing::Huge(number)) }
}
