//! Where the steps of one worker in one phase lie on the conductor's clock.
//!
//! The clock of the player orders them: each start is the best estimated one plus the time between the two on that
//! clock. So steps that followed each other never overlap, and the uncertainty is the same for all of them. What has no
//! start lies where its end was seen, between its neighbours.

use std::time::Duration;

use super::Finished;
use crate::model::{ConductorTime, Mode, Outcome, Start, StepReference, StepResult, nanoseconds};

/// What is known of a step.
#[derive(Clone, Copy)]
struct Known {
    started: Option<Start>,
    duration: Option<Duration>,
    /// When its end was seen on the conductor, or until when it is drawn.
    seen: ConductorTime,
    /// Whether the steps after it began when it was over.
    is_waited_for: bool,
}

/// Where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) start: ConductorTime,
    pub(super) duration: Duration,
    /// How far off the whole phase of this worker may be; `None` where a start is not known.
    pub(super) error: Option<Duration>,
}

impl Placed {
    pub(super) fn end(self) -> ConductorTime {
        self.start.plus(self.duration)
    }
}

/// Each of these steps of a run that ended then with its place. They are in the order of [`Run::results`](super::Run).
pub(super) fn places<'a, 'b>(
    all: &'b [Finished<'a>],
    end: ConductorTime,
) -> impl Iterator<Item = (Finished<'a>, Placed)> + use<'a, 'b> {
    // Each worker in each phase has a clock of its own.
    let clock = |StepReference { trial, phase, worker, .. }| (trial, phase, worker);
    all.chunk_by(move |a, b| clock(a.reference) == clock(b.reference)).flat_map(move |together| {
        let known: Vec<Known> = together.iter().map(|finished| known(end, *finished)).collect();
        together.iter().copied().zip(place(&known))
    })
}

/// The place of the check of a trial that was over then.
pub(super) fn place_of_check(check: &StepResult, seen: ConductorTime) -> Option<Placed> {
    let known = Known { started: check.started, duration: check.duration, seen, is_waited_for: true };
    place(&[known]).pop()
}

/// What is known of when a step ran.
fn known(end: ConductorTime, finished: Finished<'_>) -> Known {
    let (result, recorded) = (finished.result(), finished.recorded);
    // What continues when the run is over is drawn up to its end.
    let seen = if result.outcome == Outcome::Spawned { finished.at().max(end) } else { finished.at() };
    Known {
        started: result.started.or(recorded.result.started),
        duration: result.duration,
        seen,
        is_waited_for: finished.step.is_none_or(|step| step.mode == Mode::Wait),
    }
}

/// The places of these steps, which are in the order of the phase.
fn place(steps: &[Known]) -> Vec<Placed> {
    let best = steps.iter().filter_map(|step| step.started).min_by_key(|start| start.error);
    let mut placed: Vec<Placed> = steps.iter().map(|step| alone(step, best)).collect();
    // Backwards: what was only seen to end did so before the next step started.
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
    // Forwards: and it did not begin before the one before it was over.
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

/// The place of a step without a look at its neighbours.
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

    /// A step that is waited for: its start on both clocks, the error, its duration, its end as it was seen.
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

    /// Start and end of each in milliseconds.
    fn placed(steps: &[Known]) -> Vec<(u64, u64)> {
        let milliseconds = |at: ConductorTime| at.nanoseconds() / 1_000_000;
        place(steps).iter().map(|placed| (milliseconds(placed.start), milliseconds(placed.end()))).collect()
    }

    #[test]
    fn the_clock_of_the_player_orders_the_steps_of_a_worker() {
        // By the estimates, the second starts 5 ms before the first is over.
        let steps = [ran(1000, 500, 9, 20, 1030), ran(1015, 520, 2, 10, 1030)];
        assert_eq!(placed(&steps), [(995, 1015), (1015, 1025)]);
        assert!(place(&steps).iter().all(|placed| placed.error == Some(Duration::from_millis(2))));
    }

    #[test]
    fn what_was_only_seen_to_end_lies_between_its_neighbours() {
        let steps = [ran(1000, 500, 1, 20, 1030), waited(30, 1060), ran(1050, 550, 1, 5, 1060)];
        assert_eq!(placed(&steps), [(1000, 1020), (1020, 1050), (1050, 1055)]);
        // Steps of a Python player, of which all results came at once.
        assert_eq!(placed(&[waited(30, 1060), waited(10, 1060)]), [(1020, 1050), (1050, 1060)]);
        // Its own duration is not lengthened to fill a gap.
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
