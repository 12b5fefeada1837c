//! The expected values of a metric: `900..1000`, `940 +-5%`, `940 +-5`, `>= 900`, `== 0`.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::str::FromStr;

/// An interval of expected values.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    ends: (Bound<f64>, Bound<f64>),
    written: String,
}

impl Expectation {
    /// Returns whether this value is expected. NaN never is.
    pub fn contains(&self, value: f64) -> bool {
        !value.is_nan() && self.ends.contains(&value)
    }

    fn ends(text: &str) -> Result<(Bound<f64>, Bound<f64>), String> {
        use Bound::{Excluded, Included, Unbounded};
        let forms: [(_, fn(f64) -> _); 5] = [
            (">=", |least| (Included(least), Unbounded)),
            ("<=", |most| (Unbounded, Included(most))),
            ("==", |only| (Included(only), Included(only))),
            (">", |low| (Excluded(low), Unbounded)),
            ("<", |high| (Unbounded, Excluded(high))),
        ];
        if let Some((rest, ends)) = forms.iter().find_map(|(sign, ends)| Some((text.strip_prefix(sign)?, ends))) {
            return number(rest).map(ends);
        }
        if let Some((middle, deviation)) = text.split_once("+-").or_else(|| text.split_once('±')) {
            let middle = number(middle)?;
            let deviation = match deviation.trim().strip_suffix('%') {
                Some(percent) => middle.abs() * number(percent)? / 100.0,
                None => number(deviation)?,
            };
            if deviation < 0.0 {
                return Err("a deviation cannot be negative".to_owned());
            }
            // In floating point, 0.7 + 0.1 is less than 0.8, but the end as written belongs to the interval.
            let slack = 2.0 * f64::EPSILON * (middle.abs() + deviation);
            return Ok((Included(middle - deviation - slack), Included(middle + deviation + slack)));
        }
        let Some((low, high)) = text.split_once("..") else {
            return Err("it has none of the forms `A..B`, `A..`, `..B`, `A +-B`, `A +-B%`, `>= A`, `> A`, `<= A`, `< A`, `== A`".to_owned());
        };
        let end = |text: &str| if text.trim().is_empty() { Ok(Unbounded) } else { number(text).map(Included) };
        match (end(low)?, end(high)?) {
            (Unbounded, Unbounded) => Err("it has no number".to_owned()),
            (Included(low), Included(high)) if low > high => {
                Err("the lower end is greater than the upper end".to_owned())
            }
            both => Ok(both),
        }
    }
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.trim();
        Ok(Self { ends: Self::ends(written)?, written: written.to_owned() })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}

/// Parses a finite number, with optional white space around it.
fn number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| {
        if text.is_empty() { "a number is missing".to_owned() } else { format!("`{text}` is not a number") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_values() {
        for (text, expected, unexpected) in [
            ("900..1000", &[900.0, 950.5, 1000.0][..], &[899.9, 1000.1][..]),
            ("-5 .. -1", &[-5.0, -1.0], &[-5.1, 0.0]),
            ("1e3..", &[1000.0, 1e9], &[999.0]),
            ("..0.5", &[-1.0, 0.5], &[0.6]),
            ("940 +-5%", &[893.0, 987.0], &[892.9, 987.1]),
            ("-100 +-10%", &[-110.0, -90.0], &[-111.0, -89.0]),
            ("940 +- 5", &[935.0, 945.0], &[934.0, 946.0]),
            ("940 ±5", &[935.0, 945.0], &[934.0, 946.0]),
            ("0.7 +-0.1", &[0.6, 0.8], &[0.599_999, 0.800_001]),
            ("1.1 +-10%", &[0.99, 1.21], &[0.989_99, 1.210_01]),
            (">= 900", &[900.0, 1e12], &[899.0]),
            ("> 900", &[900.1], &[900.0]),
            ("<= 3", &[3.0, -7.0], &[3.1]),
            ("< 3", &[2.9], &[3.0]),
            ("== 0", &[0.0, -0.0], &[1e-300]),
        ] {
            let expectation: Expectation = text.parse().unwrap();
            for value in expected {
                assert!(expectation.contains(*value), "{text}: {value}");
            }
            for value in unexpected.iter().chain(&[f64::NAN]) {
                assert!(!expectation.contains(*value), "{text}: {value}");
            }
            assert_eq!(expectation.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_expectation_says_why() {
        let why = |text: &str| text.parse::<Expectation>().unwrap_err();
        assert_eq!(
            why("fast"),
            "it has none of the forms `A..B`, `A..`, `..B`, `A +-B`, `A +-B%`, `>= A`, `> A`, `<= A`, `< A`, `== A`"
        );
        assert_eq!(why("9..1"), "the lower end is greater than the upper end");
        assert_eq!(why(".."), "it has no number");
        assert_eq!(why("1..x"), "`x` is not a number");
        assert_eq!(why(">= inf"), "`inf` is not a number");
        assert_eq!(why("=="), "a number is missing");
        assert_eq!(why("5 +--1"), "a deviation cannot be negative");
    }
}
