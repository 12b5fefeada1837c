//! The clock that all readings on the wire are of.

/// `CLOCK_BOOTTIME` in nanoseconds: it never jumps, and goes on while the machine is suspended.
pub fn boot_time_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
