//! The clock of a machine, from which all times on the wire are.

use crate::model::PlayerTime;

/// The time since this machine started, including suspensions.
pub fn clock() -> PlayerTime {
    PlayerTime::from_nanoseconds(boot_time_nanoseconds())
}

/// `CLOCK_BOOTTIME` in nanoseconds: it never jumps, and continues while the machine is suspended.
pub fn boot_time_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let [seconds, nanoseconds] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
