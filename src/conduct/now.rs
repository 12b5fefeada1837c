//! The conductor's clock.

use rustix::time::{ClockId, clock_gettime};

use crate::model::ConductorTime;

/// Reads `CLOCK_BOOTTIME`.
pub(crate) fn now() -> ConductorTime {
    let reading = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(reading.tv_sec).unwrap_or_default();
    let rest = u64::try_from(reading.tv_nsec).unwrap_or_default();
    ConductorTime::from_nanoseconds(seconds * 1_000_000_000 + rest)
}
