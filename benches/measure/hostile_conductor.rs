//! Players against hostile conductors, for as many cases or as long as is wanted, with honest runs beside them.
//!
//! `scripts/hostile-conductor` runs this.

#![allow(clippy::allow_attributes, clippy::expect_used, reason = "it ends at what it does not get")]

use crate::support::argument;
use crate::support::testing::hostile_arena::{Arena, SLOWER};
use crate::support::testing::hostile_conductor::CELLS;

pub fn main() {
    let (wanted, seed): (String, u64) = (argument(0, "2000".to_owned()), argument(1, 1));
    let cases: Option<usize> = wanted.parse().ok();
    let time = cases.is_none().then(|| humantime::parse_duration(&wanted).expect("a number of cases, or a duration"));
    let mut arena = Arena::new(seed);
    arena.campaign(cases, time);
    println!("{}", arena.report());
    assert!(arena.faults().is_empty(), "{}", arena.faults().join("\n"));
    assert!(arena.played() < CELLS || arena.range().0 > 0, "each type is met in each state");
    assert!(arena.slower() <= SLOWER, "an honest run is held up");
}
