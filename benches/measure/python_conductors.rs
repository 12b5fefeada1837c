//! Python conductors with 1 to 6 workers on 1 to 3 of our players, and steps that print in the background: all complete?
//!
//! `scripts/python-conductors` builds the program as it is shipped and runs this.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::time::{Duration, Instant};

use crate::support::testing::python_conductor::{BACKGROUND, Messages, Ports, check_run, incomplete};
use crate::support::{Player, argument, milliseconds};

pub fn main() {
    let (runs, times): (usize, usize) = (argument(0, 200), argument(1, 100));
    let players = [Player::start(), Player::start(), Player::start()];
    let numbers = players.each_ref().map(|player| player.port);
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    for run in 0..runs {
        let ports = [Ports::Own, Ports::OfPlayer, Ports::One][run / 18 % 3];
        let messages =
            if ports == Ports::Own && run % 2 == 1 { Messages::WorkerByWorker } else { Messages::PhasesFirst };
        slowest = slowest.max(check_run(&numbers[..=run / 6 % 3], run % 6 + 1, ports, messages));
    }
    println!(
        "{runs} runs of 1 to 6 workers on 1 to 3 players: all complete, each result once and in order, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    println!("slowest answer to a phase: {:.1} ms (limit 1000)", milliseconds(slowest));
    assert!(slowest < Duration::from_secs(1), "a Python conductor waits no longer");
    let start = Instant::now();
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let share = |index: usize| times / 3 + usize::from(index < times % 3);
        let run = |(index, port)| scope.spawn(move || (0..share(index)).flat_map(|_| incomplete(port)).collect());
        let threads: Vec<_> = numbers.into_iter().enumerate().map(run).collect();
        threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().expect("no panic") }).collect()
    });
    println!(
        "{} kinds of background output, {times} times each: {} incomplete (limit 0), in {:.1} s",
        BACKGROUND.len(),
        wrong.len(),
        start.elapsed().as_secs_f64()
    );
    for (command, result) in &wrong {
        println!("  {command}: {result:?}");
    }
    assert!(wrong.is_empty(), "all output is complete");
}
