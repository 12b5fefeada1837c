//! A long soak: what no fault explains, and what conductor and players have in the first and in the last third of it.
//!
//! `scripts/soak` builds the program as it is shipped and runs this.

use std::collections::BTreeMap;

use crate::support::argument;
use crate::support::testing::soak::{self, Usage};

pub fn main() {
    let (trials, seed) = (argument(0, 1000), argument(1, 1));
    let soaked = soak::soak(trials, seed);
    println!("{} trials in {:.0} s, seed {seed}", soaked.trials, soaked.time.as_secs_f64());
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for fault in &soaked.faults {
        *kinds.entry(fault.kind).or_default() += 1;
    }
    println!("{} faults: {kinds:?}", soaked.faults.len());
    let [first, last] = soaked.thirds();
    println!("at rest, in the first and in the last third:");
    for (name, first, last) in
        [("conductor", first.conductor, last.conductor), ("players", first.players, last.players)]
    {
        let row = |what: &str, of: fn(Usage) -> usize| println!("  {name:9} {what:12} {:6} {:6}", of(first), of(last));
        row("descriptors", |usage| usage.descriptors);
        row("threads", |usage| usage.threads);
        row("processes", |usage| usage.processes);
        row("kB resident", |usage| usage.memory);
    }
    println!("unexplained: {} (limit 0)", soaked.unexplained.len());
    soaked.unexplained.iter().for_each(|text| println!("  {text}"));
    assert!(soaked.unexplained.is_empty(), "faults explain everything");
}
