//! Many runs in which everything is signalled at random, a few at the same time: what nothing explains.
//!
//! `scripts/chaos` runs this.

#![allow(clippy::allow_attributes, clippy::expect_used, reason = "it ends at what it does not get")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::argument;
use crate::support::testing::chaos::{self, Outcome};

pub fn main() {
    let (runs, first, together) = (argument(0, 500_u64), argument(1, 1_u64), argument(2, 4_usize));
    let (begun, next, outcomes) = (Instant::now(), AtomicU64::new(first), Mutex::new(Vec::<Outcome>::new()));
    std::thread::scope(|scope| {
        for _ in 0..together {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + runs {
                        return;
                    }
                    let outcome = chaos::run(seed);
                    if !outcome.unexplained.is_empty() {
                        let acts: Vec<String> = outcome.acts.iter().map(ToString::to_string).collect();
                        println!("seed {seed}, {}:\n{}\n", acts.join(", "), outcome.unexplained.join("\n"));
                    }
                    outcomes.lock().expect("a list").push(outcome);
                }
            });
        }
    });
    report(&outcomes.into_inner().expect("a list"), begun.elapsed());
}

fn report(outcomes: &[Outcome], time: Duration) {
    println!("{} runs in {:.0} s", outcomes.len(), time.as_secs_f64());
    let (mut acts, mut statuses): (BTreeMap<_, usize>, BTreeMap<_, usize>) = (BTreeMap::new(), BTreeMap::new());
    for outcome in outcomes {
        *statuses.entry(outcome.status).or_default() += 1;
        outcome.acts.iter().for_each(|act| *acts.entry(act.to_string()).or_default() += 1);
    }
    println!("{} faults:", acts.values().sum::<usize>());
    for (act, count) in &acts {
        println!("  {act:20} {count:5}");
    }
    let statuses: Vec<String> =
        statuses.iter().map(|(status, count)| format!("{} {count} times", status.unwrap_or(-1))).collect();
    println!("exit statuses: {}", statuses.join(", "));
    let slowest = outcomes.iter().max_by_key(|outcome| outcome.clean_after);
    if let Some(Outcome { seed, clean_after, .. }) = slowest {
        println!("nothing was left after {:.1} s at most (seed {seed})", clean_after.as_secs_f64());
    }
    let unexplained = outcomes.iter().filter(|outcome| !outcome.unexplained.is_empty()).count();
    println!("unexplained: {unexplained} (limit 0)");
    assert_eq!(unexplained, 0, "faults explain everything");
}
