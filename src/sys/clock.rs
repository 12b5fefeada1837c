//! The clock that all readings on the wire are of.

/// `CLOCK_BOOTTIME` in nanoseconds: it never jumps, and goes on while the machine is suspended.
pub fn boot_time_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Waits until `CLOCK_BOOTTIME` has this reading, in nanoseconds; how many nanoseconds it was too late when the waiting began.
///
/// It is called between fork and exec, and makes system calls only.
pub(super) fn wait_until(instant: u64) -> u64 {
    let now = boot_time_nanoseconds();
    if now >= instant {
        return now - instant;
    }
    let (seconds, nanoseconds) = (instant / 1_000_000_000, instant % 1_000_000_000);
    #[expect(clippy::cast_possible_wrap, reason = "an instant in nanoseconds has few seconds")]
    let until = libc::timespec { tv_sec: seconds as libc::time_t, tv_nsec: nanoseconds as libc::c_long };
    // SAFETY: plain numbers, and a structure that is read only. The slack is 50 microseconds unless it is made less, and
    // zero brings back what the program had.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        while libc::clock_nanosleep(libc::CLOCK_BOOTTIME, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut())
            == libc::EINTR
        {}
        libc::prctl(libc::PR_SET_TIMERSLACK, 0);
    }
    0
}
