//! Hostile players: so many cases, or as many as there are in some time, and what came of them. Then how long an honest run
//! takes beside them.
//!
//! `scripts/hostile-player` runs this.

#![allow(clippy::allow_attributes, clippy::expect_used, reason = "it ends at what it does not get")]

use std::time::Instant;

use crate::support::testing::hostile_player::campaign::{alone_and_beside, many};
use crate::support::testing::hostile_player::case::Counts;
use crate::support::{argument, median};

/// How many cases have one seed when time counts.
const ROUND: usize = 5_000;
/// How much longer an honest run may take.
const LIMIT: f64 = 1.5;

pub fn main() {
    let amount: String = argument(0, "10000".to_owned());
    let first = argument(1, 1_u64);
    let begun = Instant::now();
    let (mut faults, mut seed, mut is_complete) = (0, first, false);
    let time = amount
        .parse::<usize>()
        .is_err()
        .then(|| humantime::parse_duration(&amount).expect("a number of cases, or a duration"));
    loop {
        let tally = many(amount.parse().unwrap_or(ROUND), seed);
        println!("seed {seed}\n{}workers were lost because:\n{}", tally.report(), tally.why());
        println!("how often each thing was said in each state:\n{}", tally.table());
        tally.faults.iter().for_each(|fault| println!("seed {seed}: {fault}\n"));
        let not_met = tally.not_met().len();
        println!("{not_met} things were not said in each state");
        faults += tally.faults.len();
        is_complete |= not_met == 0;
        seed += 1;
        if time.is_none_or(|time| begun.elapsed() >= time) {
            break;
        }
    }
    let (alone, beside) = alone_and_beside(7);
    let (alone, beside) = (median(alone), median(beside));
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    println!(
        "an honest run: {alone:.2?} alone, {beside:.2?} beside hostile players, {ratio:.2} times as long (limit {LIMIT})"
    );
    println!("what must not be: {faults} (limit 0)");
    assert!(is_complete || amount.parse().is_ok_and(|cases: usize| cases < Counts::default().cells().count()));
    assert!(faults == 0 && ratio <= LIMIT, "whatever its players do, a run goes on");
}
