//! Places the steps of one worker in one phase on the conductor's clock.
//!
//! The clock of the player determines their order: each start is the start with the most precise estimate plus the time
//! between the two on the player's clock. Therefore, consecutive steps never overlap, and the uncertainty is the same
//! for all of them. A step without a start is placed where its end was seen, between its neighbors.

use std::time::Duration;

use super::Finished;
use crate::model::{ConductorTime, Mode, Outcome, Start, StepReference, StepResult, nanoseconds};

/// The known times of a step.
#[derive(Clone, Copy)]
struct Known {
    started: Option<Start>,
    duration: Option<Duration>,
    /// When the end was seen on the conductor, or the time until which the step is drawn.
    seen: ConductorTime,
    /// Whether later steps wait for the end of this step.
    is_waited_for: bool,
}

/// The place of a step on the conductor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) start: ConductorTime,
    pub(super) duration: Duration,
    /// The maximum error of the places of this worker's phase; `None` if a start is not known.
    pub(super) error: Option<Duration>,
}

impl Placed {
    pub(super) fn end(self) -> ConductorTime {
        self.start.plus(self.duration)
    }
}

/// Returns the place of each of these steps of a run that ended at `end`. The steps are in the order of
/// [`Run::results`](super::Run).
pub(super) fn places<'a, 'b>(
    all: &'b [Finished<'a>],
    end: ConductorTime,
) -> impl Iterator<Item = (Finished<'a>, Placed)> + use<'a, 'b> {
    // The places of each worker in each phase are independent.
    let clock = |StepReference { trial, phase, worker, .. }| (trial, phase, worker);
    all.chunk_by(move |a, b| clock(a.reference) == clock(b.reference)).flat_map(move |together| {
        let known: Vec<Known> = together.iter().map(|finished| known(end, *finished)).collect();
        together.iter().copied().zip(place(&known))
    })
}

/// Returns the place of the check of a trial, whose end was seen at `seen`.
pub(super) fn place_of_check(check: &StepResult, seen: ConductorTime) -> Option<Placed> {
    let known = Known { started: check.started, duration: check.duration, seen, is_waited_for: true };
    place(&[known]).pop()
}

/// Returns the known times of a step.
fn known(end: ConductorTime, finished: Finished<'_>) -> Known {
    let (result, recorded) = (finished.result(), finished.recorded);
    // A step that continues at the end of the run is drawn until then.
    let seen = if result.outcome == Outcome::Spawned { finished.at().max(end) } else { finished.at() };
    Known {
        started: result.started.or(recorded.result.started),
        duration: result.duration,
        seen,
        is_waited_for: finished.step.is_none_or(|step| step.mode == Mode::Wait),
    }
}

/// Returns the places of these steps, which are in the order of the phase.
fn place(steps: &[Known]) -> Vec<Placed> {
    let best = steps.iter().filter_map(|step| step.started).min_by_key(|start| start.error);
    let mut placed: Vec<Placed> = steps.iter().map(|step| alone(step, best)).collect();
    // Backwards: a step whose start or duration is unknown ended before the next step started.
    let mut next: Option<ConductorTime> = None;
    for (step, place) in steps.iter().zip(&mut placed).rev() {
        if let (true, Some(next)) = (step.is_waited_for, next) {
            let late = place.end().since(next);
            if step.started.is_none() {
                place.start = earlier(place.start, late);
            } else if step.duration.is_none() {
                place.duration = place.duration.saturating_sub(late);
            }
        }
        next = Some(next.map_or(place.start, |next| next.min(place.start)));
    }
    // Forwards: a step whose start is unknown did not start before the previous step had ended.
    let mut last = ConductorTime::from_nanoseconds(0);
    for (step, place) in steps.iter().zip(&mut placed) {
        if step.started.is_none() {
            let early = last.since(place.start);
            place.start = place.start.plus(early);
            place.duration = place.duration.saturating_sub(early);
        }
        last = if step.is_waited_for { last.max(place.end()) } else { last };
    }
    placed
}

/// Returns the place of a step without regard to its neighbors.
fn alone(step: &Known, best: Option<Start>) -> Placed {
    let (Some(started), Some(best)) = (step.started, best) else {
        let duration = step.duration.unwrap_or_default();
        let since_zero = Duration::from_nanos(step.seen.nanoseconds());
        let duration = duration.min(since_zero);
        return Placed { start: earlier(step.seen, duration), duration, error: None };
    };
    let start = if started.player >= best.player {
        best.at.plus(started.player.since(best.player))
    } else {
        earlier(best.at, best.player.since(started.player))
    };
    let duration = step.duration.unwrap_or_else(|| step.seen.since(start));
    Placed { start, duration, error: Some(best.error) }
}

fn earlier(at: ConductorTime, by: Duration) -> ConductorTime {
    ConductorTime::from_nanoseconds(at.nanoseconds().saturating_sub(nanoseconds(by)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PlayerTime;

    fn ms(milliseconds: u64) -> ConductorTime {
        ConductorTime::from_nanoseconds(milliseconds * 1_000_000)
    }

    /// A step that others wait for: its start on both clocks, the error, its duration, and when its end was seen.
    fn ran(at: u64, player: u64, error: u64, duration: u64, seen: u64) -> Known {
        let started = Start {
            at: ms(at),
            error: Duration::from_millis(error),
            player: PlayerTime::from_nanoseconds(player * 1_000_000),
            late: Duration::ZERO,
        };
        Known {
            started: Some(started),
            duration: Some(Duration::from_millis(duration)),
            seen: ms(seen),
            is_waited_for: true,
        }
    }

    fn waited(duration: u64, seen: u64) -> Known {
        let duration = Some(Duration::from_millis(duration));
        Known { started: None, duration, seen: ms(seen), is_waited_for: true }
    }

    /// Returns the start and the end of each step in milliseconds.
    fn placed(steps: &[Known]) -> Vec<(u64, u64)> {
        let milliseconds = |at: ConductorTime| at.nanoseconds() / 1_000_000;
        place(steps).iter().map(|placed| (milliseconds(placed.start), milliseconds(placed.end()))).collect()
    }

    #[test]
    fn the_clock_of_the_player_orders_the_steps_of_a_worker() {
        // According to the estimates, the second step starts 5 ms before the end of the first.
        let steps = [ran(1000, 500, 9, 20, 1030), ran(1015, 520, 2, 10, 1030)];
        assert_eq!(placed(&steps), [(995, 1015), (1015, 1025)]);
        assert!(place(&steps).iter().all(|placed| placed.error == Some(Duration::from_millis(2))));
    }

    #[test]
    fn what_was_only_seen_to_end_lies_between_its_neighbours() {
        let steps = [ran(1000, 500, 1, 20, 1030), waited(30, 1060), ran(1050, 550, 1, 5, 1060)];
        assert_eq!(placed(&steps), [(1000, 1020), (1020, 1050), (1050, 1055)]);
        // Steps of a Python player, whose results all arrived at once.
        assert_eq!(placed(&[waited(30, 1060), waited(10, 1060)]), [(1020, 1050), (1050, 1060)]);
        // A known duration is not extended to fill a gap.
        assert_eq!(placed(&[ran(1000, 500, 1, 20, 1030), waited(5, 1090)]), [(1000, 1020), (1085, 1090)]);
    }

    #[test]
    fn a_step_that_never_ended_is_drawn_until_its_loss_was_seen() {
        let lost = Known { duration: None, ..ran(1000, 500, 1, 0, 1700) };
        assert_eq!(placed(&[lost]), [(1000, 1700)]);
        let spawned = Known { is_waited_for: false, ..lost };
        assert_eq!(placed(&[spawned, ran(1001, 501, 1, 5, 1010)]), [(1000, 1700), (1001, 1006)]);
    }
}
