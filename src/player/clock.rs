//! The player's clock.

use crate::model::PlayerTime;
use crate::sys::boot_time_nanoseconds;

/// The time since this machine started, suspensions included.
pub(super) fn clock() -> PlayerTime {
    PlayerTime::from_nanoseconds(boot_time_nanoseconds())
}
