//! The order of the trials of a series: the point and the round of each trial. Pure.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::PointId;
use super::named::named;

/// The order in which the trials of a series are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// In rounds: each point once, newly shuffled in each.
    #[default]
    Shuffled,
    /// In rounds: each point once, in the same order.
    Interleaved,
    /// One point after another.
    Blocked,
}

named!(Order: Shuffled "shuffled", Interleaved "interleaved", Blocked "blocked");

/// The position of a trial in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Slot {
    /// The point.
    pub point: PointId,
    /// The round, from 1. Each point has one trial in a round.
    pub round: u32,
    /// Whether it is a warm-up trial, which is not counted.
    pub warm_up: bool,
}

/// The numbers of rounds of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// The warm-up rounds, which come first and are not counted.
    pub warm_up: u32,
    /// The planned rounds that are counted.
    pub counted: u32,
    /// The maximum number of counted rounds, if the measurements are not precise enough after `counted`.
    pub most: u32,
}

impl Rounds {
    /// Returns the number of planned trials of this many points, with the warm-up.
    pub const fn planned(self, points: usize) -> usize {
        (self.warm_up as usize + self.counted as usize).saturating_mul(points)
    }

    /// Returns the largest number of trials, with those that can be added to reach a precision.
    pub fn most(self, points: usize) -> usize {
        let counted = self.counted.max(self.most);
        Self { counted, ..self }.planned(points)
    }
}

/// The order of the trials. By default that of an ordinary test: each trial is a round of the only point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The kind of order.
    pub order: Order,
    /// The seed of a random order.
    pub seed: u32,
    /// The numbers of rounds; `None` in an ordinary test.
    pub rounds: Option<Rounds>,
    /// The slots of all trials that may be run, in order.
    slots: Vec<Slot>,
}

impl Schedule {
    /// Creates a schedule of `points` points. `shuffle` puts the points of each round in turn in random order.
    pub fn new(
        order: Order,
        seed: u32,
        points: usize,
        rounds: Rounds,
        mut shuffle: impl FnMut(&mut [PointId]),
    ) -> Self {
        let all = rounds.warm_up + rounds.counted.max(rounds.most);
        let slot = |point, round| Slot { point, round, warm_up: round <= rounds.warm_up };
        let mut in_rounds = |first: u32| -> Vec<Slot> {
            let round = |round| {
                let mut ids: Vec<_> = (0..points).map(PointId).collect();
                if order == Order::Shuffled {
                    shuffle(&mut ids);
                }
                ids.into_iter().map(move |point| slot(point, round))
            };
            (first..=all).flat_map(round).collect()
        };
        let slots = if order == Order::Blocked {
            // Rounds that are added for precision are needed for all points, so they follow all blocks.
            let planned = rounds.warm_up + rounds.counted;
            let blocks = (0..points).flat_map(|point| (1..=planned).map(move |round| slot(PointId(point), round)));
            blocks.chain(in_rounds(planned + 1)).collect()
        } else {
            in_rounds(1)
        };
        Self { order, seed, rounds: Some(rounds), slots }
    }

    /// Moves these slots to these trials. If a slot occurs twice, the first counts; slots that the schedule does not
    /// contain are ignored. The other trials keep their relative order.
    #[must_use]
    pub fn keeping(self, places: impl IntoIterator<Item = (u32, Slot)>) -> Self {
        let all: HashSet<Slot> = self.slots.iter().copied().collect();
        let (mut kept, mut taken) = (HashMap::new(), HashSet::new());
        for (trial, slot) in places {
            if (1..=self.slots.len()).contains(&(trial as usize)) && all.contains(&slot) && taken.insert(slot) {
                kept.insert(trial as usize, slot);
            }
        }
        let mut others = self.slots.iter().filter(|slot| !taken.contains(slot));
        let slot = |trial| kept.get(&trial).or_else(|| others.next()).copied();
        let slots = (1..=self.slots.len()).filter_map(slot).collect();
        Self { slots, ..self }
    }

    /// Restores a recorded schedule from the points of its trials, in order.
    pub fn recorded(order: Order, seed: u32, rounds: Rounds, points: &[PointId]) -> Self {
        let mut so_far = HashMap::new();
        let slot = |point: &PointId| {
            let round = so_far.entry(*point).or_insert(0);
            *round += 1;
            Slot { point: *point, round: *round, warm_up: *round <= rounds.warm_up }
        };
        Self { order, seed, rounds: Some(rounds), slots: points.iter().map(slot).collect() }
    }

    /// Replaces the rounds of its trials, starting with the first.
    #[must_use]
    pub fn with_rounds(mut self, rounds: &[u32]) -> Self {
        let warm_up = self.rounds.map_or(0, |rounds| rounds.warm_up);
        for (slot, round) in self.slots.iter_mut().zip(rounds) {
            *slot = Slot { round: *round, warm_up: *round <= warm_up, ..*slot };
        }
        self
    }

    /// Returns the rounds of all trials, unless they follow from the order of the points.
    pub fn own_rounds(&self) -> Option<Vec<u32>> {
        let points: Vec<_> = self.points().collect();
        let derived = Self::recorded(self.order, self.seed, self.rounds?, &points);
        (derived != *self).then(|| self.slots.iter().map(|slot| slot.round).collect())
    }

    /// Returns the number of planned trials for `points` points, including warm-up; `None` in an ordinary test.
    pub fn planned(&self, points: usize) -> Option<u32> {
        u32::try_from(self.rounds?.planned(points)).ok()
    }

    /// Returns the slot of a trial. Trials are counted from 1.
    pub fn slot(&self, trial: u32) -> Slot {
        let index = (trial as usize).saturating_sub(1);
        let known = self.slots.get(index).copied();
        known.unwrap_or(Slot { point: PointId::default(), round: trial, warm_up: false })
    }

    /// Iterates over the points of all trials that may be run. There are none in an ordinary test.
    pub fn points(&self) -> impl ExactSizeIterator<Item = PointId> + '_ {
        self.slots.iter().map(|slot| slot.point)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(order: Order, points: usize, [warm_up, counted, most]: [u32; 3]) -> Schedule {
        Schedule::new(order, 7, points, Rounds { warm_up, counted, most }, <[PointId]>::reverse)
    }

    /// Formats the trials as `POINT.ROUND`, with `w` for warm-up.
    fn told(schedule: &Schedule) -> String {
        let trials = 1..=u32::try_from(schedule.points().len()).unwrap();
        let told = trials.map(|trial| {
            let Slot { point, round, warm_up } = schedule.slot(trial);
            format!("{}.{round}{}", point.0, if warm_up { "w" } else { "" })
        });
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_order_goes_through_points_and_rounds_in_its_way() {
        assert_eq!(told(&schedule(Order::Interleaved, 3, [1, 1, 0])), "0.1w 1.1w 2.1w 0.2 1.2 2.2");
        assert_eq!(told(&schedule(Order::Shuffled, 3, [1, 1, 0])), "2.1w 1.1w 0.1w 2.2 1.2 0.2");
        assert_eq!(told(&schedule(Order::Blocked, 2, [1, 2, 0])), "0.1w 0.2 0.3 1.1w 1.2 1.3");
    }

    #[test]
    fn rounds_that_precision_may_need_come_last_in_each_order() {
        assert_eq!(told(&schedule(Order::Blocked, 2, [0, 1, 2])), "0.1 1.1 0.2 1.2");
        assert_eq!(told(&schedule(Order::Interleaved, 2, [0, 1, 2])), "0.1 1.1 0.2 1.2");
    }

    #[test]
    fn trials_keep_their_places_in_another_schedule_if_it_has_them() {
        let begun = |schedule: &Schedule, trials: &[u32]| {
            trials.iter().map(|trial| (*trial, schedule.slot(*trial))).collect::<Vec<_>>()
        };
        let before = schedule(Order::Blocked, 2, [0, 2, 0]);
        let kept = schedule(Order::Blocked, 2, [0, 3, 0]).keeping(begun(&before, &[1, 2, 3]));
        assert_eq!(told(&kept), "0.1 0.2 1.1 0.3 1.2 1.3");
        assert_eq!(kept.own_rounds(), None);
        // With fewer rounds, slots that no longer exist are replaced by others.
        let before = schedule(Order::Blocked, 2, [0, 3, 0]);
        let kept = schedule(Order::Blocked, 2, [0, 2, 0]).keeping(begun(&before, &[1, 2, 3, 4, 5]));
        assert_eq!(told(&kept), "0.1 0.2 1.2 1.1");
        assert_eq!(kept.own_rounds(), Some(vec![1, 2, 2, 1]));
        // Each slot is used once.
        let twice = begun(&before, &[1]).into_iter().chain([(2, before.slot(1))]);
        assert_eq!(told(&schedule(Order::Interleaved, 2, [0, 2, 0]).keeping(twice)), "0.1 1.1 0.2 1.2");
    }

    #[test]
    fn each_trial_of_an_ordinary_test_is_a_round_of_its_only_point() {
        let slot = Slot { point: PointId(0), round: 3, warm_up: false };
        assert_eq!(Schedule::default().slot(3), slot);
    }

    proptest! {
        #[test]
        fn each_point_has_each_round_once_and_a_record_gives_the_same_schedule(
            order in 0..Order::ALL.len(), points in 1..6usize, rounds in [0..3u32, 1..5, 0..7],
        ) {
            let made = schedule(Order::ALL[order], points, rounds);
            let all = rounds[0] + rounds[1].max(rounds[2]);
            let trials = 1..=u32::try_from(made.points().len()).unwrap();
            let mut found: Vec<_> = trials.map(|trial| made.slot(trial)).map(|slot| (slot.round, slot.point)).collect();
            found.sort_unstable();
            let expected: Vec<_> = (1..=all).flat_map(|round| (0..points).map(move |at| (round, PointId(at)))).collect();
            prop_assert_eq!(found, expected);
            let points: Vec<_> = made.points().collect();
            prop_assert_eq!(Schedule::recorded(made.order, made.seed, made.rounds.unwrap(), &points), made.clone());
            prop_assert_eq!(made.own_rounds(), None);
            let kept = made.clone().keeping([(1, made.slot(2)), (3, made.slot(1))]);
            let read = Schedule::recorded(kept.order, kept.seed, kept.rounds.unwrap(), &kept.points().collect::<Vec<_>>());
            prop_assert_eq!(read.with_rounds(&kept.own_rounds().unwrap_or_default()), kept);
        }
    }
}
