//! The trials of a series: their number, whether there are enough, and their order.

use sha2::{Digest as _, Sha256};

use super::points::MOST_TRIALS;
use super::settings::Series;
use crate::config::{Diagnostic, Diagnostics, Lint, Place};
use crate::model::{FEWEST_FOR_PRECISION, Metric, Order, Point, Rounds, RunId, Schedule, counted};
use crate::statistics::{Design, Random};

/// Returns the rounds of a series with `trials` trials of each point.
pub(in crate::config) fn rounds(series: &Series, trials: u32) -> Rounds {
    let most = series.most_trials.filter(|_| series.precise.is_some());
    Rounds { warm_up: series.warm_up, counted: trials, most: most.unwrap_or(0) }
}

/// Reports too many trials.
pub(in crate::config) fn check_most(
    series: &Series,
    points: usize,
    trials: u32,
    place: &Place,
    diagnostics: &mut Diagnostics,
) {
    let most = rounds(series, trials).most(points);
    if most > MOST_TRIALS {
        let message = format!("the series has {most} trials, more than {MOST_TRIALS}");
        let hint = "use fewer values or trials, or choose points with `exclude`";
        diagnostics.push(Diagnostic::new(Lint::TooLarge, place.clone(), message, hint));
    }
    check_max_trials(series, trials, diagnostics);
}

/// Warns about too few trials for a comparison of these metrics: each of their values at each point is a row of it.
pub(in crate::config) fn check_enough(
    series: &Series,
    points: &[Point],
    trials: u32,
    metrics: &[Metric],
    place: &Place,
    diagnostics: &mut Diagnostics,
) {
    let compared = points.iter().enumerate().filter(|(at, point)| point.baseline.is_some_and(|id| id.0 != *at)).count();
    let rows = compared * metrics.iter().map(Metric::values).sum::<usize>();
    let of_points = metrics.len();
    let design = if series.order == Order::Blocked { Design::Unpaired } else { Design::Paired };
    let needed = design.fewest_trials(rows);
    if rows > 0 && (trials.max(rounds(series, trials).most) as usize) < needed {
        let message = format!(
            "{} of each point: too few to show a difference from the baseline",
            counted(trials as usize, "trial")
        );
        let (points, metrics) = (counted(compared, "point"), counted(of_points, "metric"));
        let each = if rows == compared * of_points {
            String::new()
        } else {
            format!(", {rows} rows with those of each worker")
        };
        let hint = format!("use at least {needed} trials to compare {points} by {metrics}{each}");
        diagnostics.push(Diagnostic::new(Lint::FewTrials, place.clone(), message, hint));
    }
}

/// Reports a `max_trials` with which no trial could be added, or no median could become precise enough.
fn check_max_trials(series: &Series, trials: u32, diagnostics: &mut Diagnostics) {
    let (Some(most), Some(place)) = (series.most_trials, &series.most_place) else { return };
    let mut refuse = |message: String, hint: &str| {
        diagnostics.push(Diagnostic::new(Lint::InvalidValue, place.clone(), message, hint));
    };
    if series.precise.is_none() {
        refuse("`max_trials` needs a `precision`".to_owned(), "add `precision = 3%`, or remove the line");
    } else if most < trials {
        refuse(format!("`max_trials` is less than `trials`, {trials}"), "use a larger number, or fewer `trials`");
    } else if most < FEWEST_FOR_PRECISION {
        let message = format!("a median cannot be precise enough with fewer than {FEWEST_FOR_PRECISION} trials");
        refuse(message, "use a larger number, or remove `precision`");
    }
}

/// Returns the order of the trials. If the test file sets no seed, it is derived from the name of the run.
pub(in crate::config) fn schedule(series: &Series, points: usize, trials: u32, run: &RunId) -> Schedule {
    let rounds = rounds(series, trials);
    if rounds.most(points) > MOST_TRIALS {
        return Schedule::default();
    }
    let [a, b, c, d, ..] = Sha256::digest(run.to_string().as_bytes()).0;
    let seed = series.seed.unwrap_or(u32::from_be_bytes([a, b, c, d]));
    let mut random = Random::seeded(u64::from(seed));
    Schedule::new(series.order, seed, points, rounds, |ids| random.shuffle(ids))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_follows_from_the_seed_and_without_one_from_the_name_of_the_run() {
        let order = |seed, run: &str| {
            let series = Series { seed, ..Series::default() };
            let schedule = schedule(&series, 4, 3, &RunId::new(run).unwrap());
            schedule.points().map(|id| id.0).collect::<Vec<_>>()
        };
        // The order that results from a seed never changes.
        assert_eq!(order(Some(4711), "a"), [3, 1, 0, 2, 3, 0, 2, 1, 2, 3, 1, 0]);
        assert_eq!(order(Some(4711), "a"), order(Some(4711), "b"));
        assert_eq!(order(None, "a"), order(None, "a"));
        assert_ne!(order(None, "a"), order(None, "b"));
    }
}
