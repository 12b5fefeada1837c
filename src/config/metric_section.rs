//! The names of the sections of metrics: `[Metric NAME]`.

use super::{Document, METRIC, Section, nearest};

/// Returns the name of the metric if this is the name of a metric section.
pub(super) fn name_of_section(name: &str) -> Option<&str> {
    name.strip_prefix(METRIC)?.strip_prefix(' ')
}

/// Returns the sections of metrics, each with the name of its metric.
pub(super) fn all(test: &Document) -> impl Iterator<Item = (&str, &Section)> {
    test.sections.iter().filter_map(|section| Some((name_of_section(&section.name)?, section)))
}

/// Returns a hint if this unknown section was meant to be a metric section. Only test files have those.
pub(super) fn hint(name: &str, is_test: bool) -> Option<String> {
    let (first, rest) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
    let is_meant =
        nearest::nearest(first, [METRIC]).is_some() && (!rest.is_empty() || first.eq_ignore_ascii_case(METRIC));
    let rest = if rest.trim().is_empty() { "NAME" } else { rest.trim() };
    match is_meant {
        true if is_test => Some(format!("did you mean `[{METRIC} {rest}]`?")),
        true => Some("metrics belong in the test file".to_owned()),
        false => None,
    }
}
