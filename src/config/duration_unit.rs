//! Units of metrics that are durations, which are measured in seconds.

/// The units into which seconds are converted, each with how many of it a second has.
const UNITS: [(&str, f64); 7] =
    [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("µs", 1e6), ("μs", 1e6), ("ns", 1e9), ("min", 1.0 / 60.0)];

/// What seconds are multiplied by for this unit, if it is a known one.
pub(super) fn scale(unit: &str) -> Option<f64> {
    UNITS.iter().find(|(known, _)| *known == unit).map(|(_, scale)| *scale)
}
