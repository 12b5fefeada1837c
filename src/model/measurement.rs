//! The result of measuring a metric in a trial: a value, or why there is none.

use serde::{Deserialize, Serialize};

/// The result of measuring a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Entry", try_from = "Entry")]
pub enum Measurement {
    /// A finite number.
    Value {
        /// The number, in the unit of the metric.
        value: f64,
        /// Whether the number is outside the expected range.
        outside: bool,
        /// Why nothing could be measured, if the value is the metric's `default`.
        missing: Option<String>,
    },
    /// Nothing could be measured, for this reason, and the metric has no default.
    Missing(String),
}

impl Measurement {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<f64> {
        match self {
            Self::Value { value, .. } => Some(*value),
            Self::Missing(_) => None,
        }
    }

    /// Describes the result for a reader: `941.2 Mbit/s`, `0 (default)`, `missing: nothing matches`.
    pub fn text(&self, unit: Option<&str>) -> String {
        match self {
            Self::Value { value, missing, .. } => {
                let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
                format!("{}{unit}{}", shown_number(*value), if missing.is_some() { " (default)" } else { "" })
            }
            Self::Missing(why) => format!("missing: {why}"),
        }
    }

    /// Returns whether there is no value, or an unexpected one: then the trial has failed.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Value { outside, .. } => *outside,
            Self::Missing(_) => true,
        }
    }
}

/// Formats a number with six digits, which is more precise than any measurement.
pub fn shown_number(value: f64) -> String {
    in_digits(value, 6, -5)
}

/// Formats `value` with `digits` significant digits, but never shortens its integer part. Uses an exponent if the
/// magnitude is below 10^`least`, or is 10^15 or more.
pub(super) fn in_digits(value: f64, digits: i32, least: i32) -> String {
    let exact = |places: i32| usize::try_from(places).unwrap_or(0);
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    if !(f64::from(least)..15.0).contains(&magnitude) {
        return format!("{value:.*e}", exact(digits - 1));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is small")]
    let text = format!("{value:.*}", exact(digits - 1 - magnitude as i32));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A measurement, as it is serialized.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    outside: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

impl From<Measurement> for Entry {
    fn from(measurement: Measurement) -> Self {
        match measurement {
            Measurement::Value { value, outside, missing } => Self { value: Some(value), outside, missing },
            Measurement::Missing(why) => Self { value: None, outside: false, missing: Some(why) },
        }
    }
}

impl TryFrom<Entry> for Measurement {
    type Error = String;

    fn try_from(Entry { value, outside, missing }: Entry) -> Result<Self, String> {
        match (value, missing) {
            (Some(value), missing) => Ok(Self::Value { value, outside, missing }),
            (None, Some(why)) => Ok(Self::Missing(why)),
            (None, None) => Err("a measurement has neither a value nor a reason".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (941.2, "941.2"),
            (0.1 + 0.2, "0.3"),
            (-12.345_678_9, "-12.3457"),
            (0.000_123_456_789, "0.000123457"),
            (941_234_567.25, "941234567"),
            (1000.0, "1000"),
            (999_999.96, "1000000"),
            (1e300, "1.00000e300"),
            (1.5e-9, "1.50000e-9"),
        ] {
            assert_eq!(shown_number(value), text);
        }
    }

    #[test]
    fn a_measurement_is_read_back_as_it_was_written() {
        for (measurement, text) in [
            (Measurement::Value { value: 2.5, outside: false, missing: None }, r#"{"value":2.5}"#),
            (
                Measurement::Value { value: -1e-300, outside: true, missing: None },
                r#"{"value":-1e-300,"outside":true}"#,
            ),
            (
                Measurement::Value { value: 0.0, outside: false, missing: Some("no".to_owned()) },
                r#"{"value":0.0,"missing":"no"}"#,
            ),
            (Measurement::Missing("no".to_owned()), r#"{"value":null,"missing":"no"}"#),
        ] {
            assert_eq!(serde_json::to_string(&measurement).unwrap(), text);
            assert_eq!(serde_json::from_str::<Measurement>(text).unwrap(), measurement);
        }
        assert!(serde_json::from_str::<Measurement>("{}").is_err());
    }
}
