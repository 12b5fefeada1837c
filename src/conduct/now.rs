//! The conductor's clock.

use crate::model::ConductorTime;
use crate::sys::boot_time_nanoseconds;

/// The time since this machine started, including suspensions.
pub(crate) fn now() -> ConductorTime {
    ConductorTime::from_nanoseconds(boot_time_nanoseconds())
}
