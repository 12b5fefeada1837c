//! Durations as people write them: `30` (seconds), `0.5`, `30s`, `1m30s`, `250ms`.

use std::time::Duration;

/// The longest duration that has a meaning here; a longer one is a slip.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads a duration.
///
/// # Errors
///
/// Says what is wrong with the text, in a sentence's part that can follow the text itself.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty where a duration is expected".to_owned());
    }
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = if plain {
        let seconds: f64 = text.parse().map_err(|_| "is not a duration".to_owned())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long())?
    } else {
        refuse_months(text)?;
        humantime::parse_duration(text).map_err(|error| match error {
            humantime::DurationError::NumberOverflow => too_long(),
            humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
                format!("is not a duration: `{unit}` is no unit of time")
            }
            _ => "is not a duration".to_owned(),
        })?
    };
    if duration > LONGEST { Err(too_long()) } else { Ok(duration) }
}

/// Reads a duration, or `none` for no limit.
///
/// # Errors
///
/// Says what is wrong with the text, as [`parse_duration`] does.
pub fn parse_limit(text: &str) -> Result<Option<Duration>, String> {
    if text.trim().eq_ignore_ascii_case("none") { Ok(None) } else { parse_duration(text).map(Some) }
}

fn too_long() -> String {
    "is longer than a year".to_owned()
}

/// `1M` is a month in `humantime`, and a minute to whoever writes it in a test.
fn refuse_months(text: &str) -> Result<(), String> {
    let units = text.split(|character: char| !character.is_alphabetic());
    for unit in units {
        if unit == "M" {
            return Err("is not a duration: `M` is no unit of time, minutes are `m`".to_owned());
        }
        if unit.starts_with("month") || matches!(unit, "y" | "yr" | "yrs" | "year" | "years") {
            return Err(format!("is not a duration: `{unit}` is no unit of time here"));
        }
    }
    Ok(())
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
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
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
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn none_lifts_a_limit() {
        assert_eq!(parse_limit("none"), Ok(None));
        assert_eq!(parse_limit("2m"), Ok(Some(Duration::from_mins(2))));
        assert!(parse_limit("never").is_err());
    }
}
