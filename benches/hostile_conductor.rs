//! Players against hostile conductors, for as many cases or as long as is wanted, with honest runs beside them.
//!
//! `scripts/hostile-conductor` runs this.

#![allow(clippy::allow_attributes, clippy::expect_used, reason = "it ends at what it does not get")]

mod support;

use std::time::{Duration, Instant};

use support::testing::hostile_arena::{AT_ONCE, Arena};
use support::testing::hostile_conductor::CELLS;
use support::{argument, median, milliseconds};

/// How many cases are played between two looks at what they have left.
const BATCH: usize = 1000;

/// How many cases are played beside the honest run whose time is measured, one at a time on each player: what an honest run
/// takes is to follow from what they do, and not from how many there are for each processor.
const FEW: usize = 60;

/// How much longer an honest run may take beside hostile conductors.
const SLOWER: f64 = 1.5;

fn main() {
    let (wanted, seed): (String, u64) = (argument(0, "2000".to_owned()), argument(1, 1));
    let cases: Option<usize> = wanted.parse().ok();
    let time = cases.is_none().then(|| humantime::parse_duration(&wanted).expect("a number of cases, or a duration"));
    let (mut arena, begun, mut pairs) = (Arena::new(seed), Instant::now(), Vec::new());
    while cases.is_none_or(|cases| arena.played() < cases) && time.is_none_or(|time| begun.elapsed() < time) {
        let left = cases.map_or(BATCH, |cases| BATCH.min(cases - arena.played()));
        let alone = arena.honest_alone();
        // While the last cases end, the honest run is almost alone.
        let beside = arena.play(left.min(FEW), 1).first().copied().unwrap_or_default();
        pairs.push((alone, beside));
        arena.play(left.saturating_sub(FEW), AT_ONCE);
        println!(
            "{} cases after {:.0} s; an honest run took {:.0} ms alone, {:.0} ms beside",
            arena.played(),
            begun.elapsed().as_secs_f64(),
            milliseconds(alone),
            milliseconds(beside)
        );
        if !arena.faults().is_empty() {
            break;
        }
    }
    println!("{}", arena.report());
    let ratio = ratio(&pairs);
    println!("an honest run takes {ratio:.2} times as long beside hostile conductors (limit {SLOWER})");
    assert!(arena.faults().is_empty(), "{}", arena.faults().join("\n"));
    assert!(arena.played() < CELLS || arena.range().0 > 0, "each type is met in each state");
    assert!(ratio <= SLOWER, "an honest run is held up");
}

/// The median of how much longer a run took beside hostile conductors than alone.
fn ratio(pairs: &[(Duration, Duration)]) -> f64 {
    let ratio = |(alone, beside): &(Duration, Duration)| beside.div_duration_f64(*alone);
    median(pairs.iter().map(|pair| Duration::from_secs_f64(ratio(pair))).collect()).as_secs_f64()
}
