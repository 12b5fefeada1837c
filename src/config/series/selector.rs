//! The names of points, and selectors such as `qdisc=codel,rtt=10ms`. Pure.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::model::{Point, hex};

/// The maximum length of a point's name, in bytes; longer ones are cut.
const LONGEST: usize = 120;
/// The number of bytes of the digest that follows a cut name, with two digits each.
const DIGEST: usize = 4;

/// Returns the name of the point with these parameters: `qdisc=codel,rtt=10ms`. Characters other than letters, digits,
/// `.`, `_`, `-` and `+` become `%XX`.
pub(super) fn point_name(parameters: &[(String, String)]) -> String {
    let mut name = String::new();
    for (key, value) in parameters {
        let comma = if name.is_empty() { "" } else { "," };
        name.extend([comma, key, "="]);
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"._-+".contains(&byte) {
                name.push(char::from(byte));
            } else {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut length = LONGEST - 2 * DIGEST - 1;
    while !name.is_char_boundary(length) || name[..length].bytes().rev().take(2).any(|byte| byte == b'%') {
        length -= 1;
    }
    name.truncate(length);
    name.push('~');
    name + &hex(&digest[..DIGEST])
}

/// A selection of points: those whose parameters have these values, or the one with this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    written: String,
    /// The names, in lower case, and the values; empty for a name that was cut.
    pub(super) values: Vec<(String, String)>,
}

impl Selector {
    /// Parses `a=b,c=d`.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let written = text.trim().to_owned();
        if is_cut(&written) {
            return Ok(Self { written, values: Vec::new() });
        }
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').ok_or("it does not have the form `NAME=VALUE,NAME=VALUE`")?;
            Ok::<_, &'static str>((name.trim().to_lowercase(), decoded(value.trim())))
        };
        let values = written.split(',').map(pair).collect::<Result<_, &'static str>>()?;
        Ok(Self { written, values })
    }

    /// Returns whether it selects a point.
    pub(super) fn matches(&self, point: &Point) -> bool {
        let has_all = || self.values.iter().all(|wanted| point.parameters.contains(wanted));
        self.written == point.name || (!self.values.is_empty() && has_all())
    }
}

/// Returns whether a name was cut: no other name contains a `~`.
fn is_cut(name: &str) -> bool {
    let digits = |digest: &str| digest.len() == 2 * DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.rsplit_once('~').is_some_and(|(_, digest)| digits(digest))
}

/// Replaces each `%XX` by its byte. If the result is not UTF-8, returns the value unchanged.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(parameters: &[(String, String)]) -> Point {
        Point { name: point_name(parameters), parameters: parameters.to_vec(), ..Point::default() }
    }

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_name_of_a_point_has_each_parameter_and_no_character_that_would_end_it() {
        let plain = parameters(&[("qdisc", "fq_codel"), ("rtt", "10.5ms")]);
        assert_eq!(point_name(&plain), "qdisc=fq_codel,rtt=10.5ms");
        assert_eq!(point_name(&parameters(&[("link", "loss 1%, ä")])), "link=loss%201%25%2C%20%C3%A4");
    }

    #[test]
    fn a_long_name_is_cut_and_differs_from_others_that_begin_so() {
        let long = |end: &str| point_name(&parameters(&[("a", &format!("{}{end}", " ".repeat(60)))]));
        let (one, other) = (long("x"), long("y"));
        assert!(one.len() <= LONGEST && one != other, "{one} {other}");
        assert_eq!(one[..110], other[..110]);
        assert!(one.starts_with("a=%20%20") && one[..one.len() - 9].ends_with("%20"), "{one}");
    }

    #[test]
    fn a_selector_selects_by_some_parameters_or_by_the_name() {
        let point = point(&parameters(&[("qdisc", "codel"), ("link", "loss 1%")]));
        let selects = |text: &str| Selector::read(text).unwrap().matches(&point);
        for text in ["qdisc=codel", "QDISC = codel", "link=loss 1%", "link=loss%201%25,qdisc=codel"] {
            assert!(selects(text), "{text}");
        }
        for text in ["qdisc=pfifo", "qdisc=codel,link=x", "qdisc=CODEL", "other=codel"] {
            assert!(!selects(text), "{text}");
        }
        assert!(Selector::read("qdisc").is_err() && Selector::read("").is_err());
    }

    proptest! {
        #[test]
        fn the_name_of_each_point_selects_it_and_no_other(
            values in proptest::collection::vec("[a-z%, =~ä]{0,30}", 1..4), others in proptest::collection::vec("[a-z%, =~ä]{0,30}", 1..4),
        ) {
            let of = |values: &[String]| -> Vec<(String, String)> {
                values.iter().enumerate().map(|(at, value)| (format!("p{at}"), value.trim().to_owned())).collect()
            };
            let (point, other) = (point(&of(&values)), point(&of(&others)));
            prop_assert!(point.name.len() <= LONGEST);
            let selector = Selector::read(&point.name).unwrap();
            prop_assert!(selector.matches(&point));
            if point.parameters.len() == other.parameters.len() {
                prop_assert_eq!(selector.matches(&other), point == other);
            }
        }
    }
}
