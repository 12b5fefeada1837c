//! Units of metrics that are durations. These are measured in seconds.

/// The units into which seconds are converted, each with its number per second.
const UNITS: [(&str, f64); 7] =
    [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("µs", 1e6), ("μs", 1e6), ("ns", 1e9), ("min", 1.0 / 60.0)];

/// Returns the factor that converts seconds to this unit, if it is known.
pub(super) fn scale(unit: &str) -> Option<f64> {
    UNITS.iter().find(|(known, _)| *known == unit).map(|(_, scale)| *scale)
}
