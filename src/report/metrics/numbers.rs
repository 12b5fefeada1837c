//! Formats numbers for human-readable reports. The numbers of a table have the same number of decimals.

use crate::statistics::{Interval, Location};

/// The number of significant digits of the smallest number of a table.
const DIGITS: i32 = 4;
/// Numbers from this order of magnitude on, and those from `SMALL` down, are written with an exponent.
const LARGE: i32 = 15;
const SMALL: i32 = -7;

/// The format of the numbers of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Decimals {
    /// A fixed number of decimals.
    Fixed(usize),
    /// An exponent.
    Scientific,
}

/// Returns the common format of these numbers: the smallest of them, apart from 0, has four significant digits. Whole
/// numbers have no decimals.
pub(in crate::report) fn decimals(numbers: &[f64]) -> Decimals {
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() < 1e9;
    let magnitudes = numbers.iter().copied().filter(|number| *number != 0.0).map(magnitude);
    let (Some(least), Some(greatest)) = (magnitudes.clone().min(), magnitudes.max()) else {
        return Decimals::Fixed(0);
    };
    if greatest >= LARGE || least <= SMALL {
        return Decimals::Scientific;
    }
    if numbers.iter().all(is_whole) {
        return Decimals::Fixed(0);
    }
    // Limits the length of numbers that are much larger than the others.
    let wanted = (DIGITS - 1 - least).min(DIGITS + 2 - greatest).max(0);
    Decimals::Fixed(usize::try_from(wanted).unwrap_or(0))
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm of a finite number is between -324 and 309")]
fn magnitude(number: f64) -> i32 {
    number.abs().log10().floor() as i32
}

/// Formats a number.
pub(in crate::report) fn number(value: f64, decimals: Decimals) -> String {
    let text = match decimals {
        Decimals::Fixed(count) => format!("{value:.count$}"),
        Decimals::Scientific => format!("{value:.3e}"),
    };
    // Write `0.0` instead of `-0.0`.
    text.strip_prefix('-').filter(|rest| is_zero(rest)).map_or(text.clone(), str::to_owned)
}

fn is_zero(text: &str) -> bool {
    text.chars().all(|digit| matches!(digit, '0' | '.'))
}

/// Formats a number with its sign.
fn signed(value: f64, decimals: Decimals) -> String {
    let text = number(value, decimals);
    if text.starts_with('-') || is_zero(&text) { text } else { format!("+{text}") }
}

/// Returns the median and the ends of the interval of a line, for [`decimals`].
pub(in crate::report) fn of_location(location: Option<Location>) -> impl Iterator<Item = f64> + Clone {
    let ends = location.and_then(|location| location.interval).map(|interval| [interval.low, interval.high]);
    location.map(|location| location.median).into_iter().chain(ends.into_iter().flatten())
}

/// Formats an interval: `[938.4, 944.9]`.
pub(in crate::report) fn interval(interval: Interval, decimals: Decimals) -> String {
    format!("[{}, {}]", number(interval.low, decimals), number(interval.high, decimals))
}

/// Formats a change, and its interval: `-4.0 %`, or `+3.1 Mbit/s` if the values have no ratio.
pub(in crate::report) fn change(
    change: f64,
    interval: Option<Interval>,
    difference: Option<(Decimals, Option<&str>)>,
) -> (String, String) {
    let (factor, decimals, unit) = match difference {
        None => (100.0, percent_decimals(change), Some("%")),
        Some((decimals, unit)) => (1.0, decimals, unit),
    };
    let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    let end = |number: f64| signed(number * factor, decimals);
    let interval = interval.map(|interval| format!("[{}, {}]", end(interval.low), end(interval.high)));
    (format!("{}{unit}", signed(change * factor, decimals)), interval.unwrap_or_default())
}

/// Returns the decimals of a percentage. A change of 1000 % or more needs none.
fn percent_decimals(change: f64) -> Decimals {
    Decimals::Fixed(usize::from(change.abs() < 10.0))
}

/// Formats a fraction as a percentage without unnecessary digits: `2 %`.
pub(in crate::report) fn percent(part: f64) -> String {
    format!("{} %", (part * 1e6).round() / 1e4)
}
