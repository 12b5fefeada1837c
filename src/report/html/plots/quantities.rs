//! Converts the values of a parameter to numbers for an axis: `10mbit`, `64k`, `1Mi`, `100ms`.
//!
//! The values are either times, or numbers with one unit, with or without a prefix. `k`, `M`, `G` and `T`, in upper or
//! lower case, are powers of 1000, and with `i` powers of 1024.

use std::collections::BTreeMap;

/// The prefixes of units, without `i`.
const PREFIXES: [(&str, i32); 4] = [("k", 1), ("m", 2), ("g", 3), ("t", 4)];
/// The units of time, in seconds.
const TIMES: [(&str, f64); 10] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("sec", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
];

/// Values of a parameter that can be ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantities<'a> {
    /// The number of each text.
    pub(super) numbers: BTreeMap<&'a str, f64>,
    /// The unit after the number in all texts; `None` if the units differ. Then each value is shown as it is written.
    pub(super) unit: Option<&'a str>,
}

/// Converts these texts to numbers, if all of them are comparable numbers.
pub(super) fn quantities<'a>(texts: &[&'a str]) -> Option<Quantities<'a>> {
    let parts = texts.iter().map(|text| Some((*text, split(text)?))).collect::<Option<Vec<_>>>()?;
    let (_, (_, unit)) = parts.first()?;
    if parts.iter().all(|(_, (_, own))| own == unit) {
        let numbers = parts.iter().map(|(text, (number, _))| (*text, *number)).collect();
        return Some(Quantities { numbers, unit: Some(unit) });
    }
    let all = |factor: &dyn Fn(&str) -> Option<f64>| {
        // Zero needs no unit.
        let number = |number: f64, unit: &str| {
            if number == 0.0 && unit.is_empty() { Some(0.0) } else { Some(number * factor(unit)?) }
        };
        parts.iter().map(|(text, (own, unit))| Some((*text, number(*own, unit)?))).collect::<Option<BTreeMap<_, _>>>()
    };
    let bases = parts.iter().flat_map(|(_, (_, unit))| readings(unit)).map(|(base, _)| base);
    let numbers = all(&time).or_else(|| bases.into_iter().find_map(|base| all(&|unit| factor(unit, base))))?;
    Some(Quantities { numbers, unit: None })
}

/// Splits a text such as `10mbit` into a number and its unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|character: char| !matches!(character, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
    unit.chars().all(|character| !character.is_ascii_digit()).then_some((number, unit.trim()))
}

/// Returns a unit of time in seconds.
fn time(unit: &str) -> Option<f64> {
    TIMES.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds)
}

/// Returns the factor between a unit and the base unit.
fn factor(unit: &str, base: &str) -> Option<f64> {
    readings(unit).find(|(own, _)| *own == base).map(|(_, factor)| factor)
}

/// Returns the possible readings of a unit: itself, or a prefix and a base unit, with its factor.
fn readings(unit: &str) -> impl Iterator<Item = (&str, f64)> {
    let prefixed = PREFIXES.iter().flat_map(move |(prefix, power)| {
        let rest = unit.split_at_checked(1).filter(|(first, _)| first.eq_ignore_ascii_case(prefix));
        let rest = rest.map(|(_, rest)| rest);
        let binary = rest.and_then(|rest| rest.strip_prefix('i')).map(|rest| (rest, 1024f64.powi(*power)));
        binary.into_iter().chain(rest.map(|rest| (rest, 1000f64.powi(*power))))
    });
    prefixed.chain([(unit, 1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts in the order of their numbers, and their unit.
    fn ordered<'a>(texts: &[&'a str]) -> Option<(Vec<&'a str>, Option<&'a str>)> {
        let Quantities { numbers, unit } = quantities(texts)?;
        let mut all: Vec<_> = numbers.into_iter().collect();
        all.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        Some((all.into_iter().map(|(text, _)| text).collect(), unit))
    }

    #[test]
    fn numbers_with_prefixes_and_units_are_put_in_order() {
        for (texts, expected, unit) in [
            (&["16", "2", "8"][..], &["2", "8", "16"][..], Some("")),
            (&["100mbit", "10mbit"], &["10mbit", "100mbit"], Some("mbit")),
            (&["1M", "64k", "4k", "512"], &["512", "4k", "64k", "1M"], None),
            (&["1Mi", "64Ki", "1000k"], &["64Ki", "1000k", "1Mi"], None),
            (&["1gbit", "100kbit", "10Mbit"], &["100kbit", "10Mbit", "1gbit"], None),
            (&["1GiB", "64KiB", "1B"], &["1B", "64KiB", "1GiB"], None),
            (&["1s", "100ms", "250us", "0"], &["0", "250us", "100ms", "1s"], None),
            (&["2m", "90s", "1h"], &["90s", "2m", "1h"], None),
        ] {
            assert_eq!(ordered(texts), Some((expected.to_vec(), unit)), "{texts:?}");
        }
    }

    #[test]
    fn what_cannot_be_compared_has_no_order() {
        for texts in [&["codel", "fq"][..], &["10ms", "10mbit"], &["4k", "4x"], &["1", "2s"], &["1ü", "k"], &[]] {
            assert_eq!(quantities(texts), None, "{texts:?}");
        }
    }
}
