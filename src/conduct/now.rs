//! The conductor's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::model::{ClockAnchor, ConductorTime};
use crate::sys::boot_time_nanoseconds;

/// How far the clock of a run that was resumed after a restart of its machine is ahead of the machine's own. Wraps
/// around.
static AHEAD: AtomicU64 = AtomicU64::new(0);

/// The time since this machine started, including suspensions. A resumed run continues with the clock that it had.
pub(crate) fn now() -> ConductorTime {
    ConductorTime::from_nanoseconds(boot_time_nanoseconds().wrapping_add(AHEAD.load(Ordering::Relaxed)))
}

/// Continues the clock of an earlier part of this run: never back before `last`, otherwise according to the time of
/// day.
pub(super) fn go_on(anchor: &ClockAnchor, last: ConductorTime) {
    let own = ConductorTime::from_nanoseconds(boot_time_nanoseconds());
    let then = continued(anchor, last, own, SystemTime::now());
    AHEAD.store(then.nanoseconds().wrapping_sub(own.nanoseconds()), Ordering::Relaxed);
}

/// The time on the run's clock when the machine's own shows `own`.
fn continued(anchor: &ClockAnchor, last: ConductorTime, own: ConductorTime, utc: SystemTime) -> ConductorTime {
    /// Unless the machine was restarted, the two differ by at most the amount by which the time of day was set.
    const SAME: Duration = Duration::from_mins(1);
    let since = utc.duration_since(anchor.utc).unwrap_or_default();
    let expected = anchor.conductor.plus(since);
    let apart = own.since(expected).max(expected.since(own));
    if own >= last && apart < SAME { own } else { expected.max(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_run_goes_on_after_the_machine_has_started_anew_and_never_back() {
        let at = |seconds: u64| ConductorTime::from_nanoseconds(seconds * 1_000_000_000);
        let utc = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let anchor = ClockAnchor { conductor: at(1000), utc: utc(5000) };
        for (own, now, expected, why) in [
            (1500, 5500, 1500, "the same machine, which has run on"),
            (1500, 5510, 1500, "its time of day was set"),
            (20, 5500, 1500, "it has started anew"),
            (90_000, 5500, 1500, "another machine"),
            (20, 4000, 1200, "the time of day was set back"),
        ] {
            assert_eq!(continued(&anchor, at(1200), at(own), utc(now)), at(expected), "{why}");
        }
    }
}
