//! Durations as users write them: `30` (seconds), `0.5`, `30s`, `1m30s`, `250ms`.

use std::time::Duration;

use super::Refusal;
use crate::model::LONGEST_LEASE;

/// The longest duration that is accepted: a longer one is a mistake.
const LONGEST: Duration = Duration::from_hours(366 * 24);

const HINT: &str = "write `30` or `30s`, `1m30s`, `250ms`";

/// Parses a duration, which may be zero.
pub(crate) fn duration(text: &str) -> Result<Duration, Refusal> {
    let text = text.trim();
    let refusal = |problem: &str| Refusal::new(problem, HINT);
    let too_long = || refusal("is longer than a year");
    let unknown_unit = |unit: &str| {
        let minutes = if unit == "M" { "; minutes are `m`" } else { "" };
        refusal(&format!("is not a duration: `{unit}` is not a unit of time{minutes}"))
    };
    if text.is_empty() {
        return Err(refusal("is empty, but must be a duration"));
    }
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = if is_plain {
        let seconds: f64 = text.parse().map_err(|_| refusal("is not a duration"))?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long())?
    } else {
        // `1M` is a month in `humantime`, but the author of a test means a minute.
        let is_refused =
            |unit: &&str| unit.starts_with("month") || ["M", "y", "yr", "yrs", "year", "years"].contains(unit);
        if let Some(unit) = text.split(|character: char| !character.is_alphabetic()).find(is_refused) {
            return Err(unknown_unit(unit));
        }
        humantime::parse_duration(text).map_err(|error| match error {
            humantime::DurationError::NumberOverflow => too_long(),
            humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => unknown_unit(&unit),
            _ => refusal("is not a duration"),
        })?
    };
    if duration > LONGEST { Err(too_long()) } else { Ok(duration) }
}

/// Parses a duration that is not zero.
pub(crate) fn positive(text: &str) -> Result<Duration, Refusal> {
    let found = duration(text)?;
    if found.is_zero() { Err(Refusal::new("must be longer than zero", HINT)) } else { Ok(found) }
}

/// Parses a lease: how long a player continues without its conductor.
pub(crate) fn lease(text: &str) -> Result<Duration, Refusal> {
    let found = positive(text)?;
    if found > LONGEST_LEASE { Err(Refusal::new("is longer than a day", HINT)) } else { Ok(found) }
}

/// An optional limit: `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Parses a duration, or `none` for no limit.
pub(crate) fn optional_duration(text: &str) -> Result<Limit, Refusal> {
    or_none(text, duration)
}

/// Parses a duration that is not zero, or `none` for no limit.
pub(crate) fn limit(text: &str) -> Result<Limit, Refusal> {
    or_none(text, positive)
}

fn or_none(text: &str, read: fn(&str) -> Result<Duration, Refusal>) -> Result<Limit, Refusal> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Limit(None));
    }
    let or_none = |refusal: Refusal| Refusal::new(refusal.problem, format!("{HINT}, or `none` for no limit"));
    read(text).map(|limit| Limit(Some(limit))).map_err(or_none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("0.5", 500),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1h 30m", 5_400_000),
            ("250ms", 250),
            (" 5 ", 5_000),
            ("0", 0),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "x",
            "-5",
            "5x",
            "1:30",
            ".",
            "1.2.3",
            "1M",
            "2 months",
            "1y",
            "none",
            "9999999999999999999",
            "400d",
            "1e3",
            "inf",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn none_lifts_a_limit() {
        assert_eq!(optional_duration("none"), Ok(Limit(None)));
        assert_eq!(optional_duration("2m"), Ok(Limit(Some(Duration::from_mins(2)))));
        assert!(optional_duration("never").is_err());
    }
}
