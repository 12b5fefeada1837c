//! The clock of a machine, which is the source of all times on the wire.

use crate::model::PlayerTime;

/// Returns the time since this machine started, including suspensions.
pub fn clock() -> PlayerTime {
    PlayerTime::from_nanoseconds(boot_time_nanoseconds())
}

/// Returns `CLOCK_BOOTTIME` in nanoseconds. It never jumps, and continues while the machine is suspended.
pub fn boot_time_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let [seconds, nanoseconds] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
