//! How far apart players start, truly and as the reports say, against the floor of this machine.
//!
//! The *true* skew is that of stamps which the steps take as their first act, of `CLOCK_REALTIME`: it is one clock for the
//! whole machine, time namespaces or not. The *floor* is the skew of the same stamps by as many of the same shells, forked
//! by one parent and exec'ed at one instant. Trials and floor take turns.
//!
//! A report's start is stamped by the player right before the shell's exec; a step's own stamp is taken by the program that
//! its shell has become. In between the step does nothing but become these programs, and wait for a processor; how long
//! it did either, since it was made, is written beside its stamp, as the kernel has counted it. A report is true when no
//! step stamped before its reported start, the start's error included, and when the true skew is within the reported one,
//! its bound, and the longest such time of the trial.
//!
//! `scripts/start-skew` builds the program as it is shipped and runs this, `scripts/barriers` the part of it that is named so: the
//! same behind barriers, and how long a release is on its way.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]
#![expect(unsafe_code, reason = "the floor forks and execs by itself")]

mod barriers;
mod floor;
mod measured;
pub mod stamp;

use std::process::Command;
use std::time::Duration;

use crate::support::testing::machines::Sshd;
use crate::support::testing::relay::{Relay, Way};
use crate::support::{CONDUCTOR, Player, argument};
use measured::{Measured, Test};

/// Each player's delay each way, in milliseconds, where there are delays.
const DELAYS: [u64; 4] = [0, 5, 20, 50];

pub fn main() {
    let (trials, what) = (argument(0, 200), argument(1, "all".to_owned()));
    println!("{trials} trials of each; times in ms: median, mean, worst");
    if what == "barriers" {
        return barriers::measure(trials);
    }
    if what == "--connect" {
        return over_a_command(&argument(2, "ssh".to_owned()), trials);
    }
    for part in ["delays", "2", "10", "50", "100", "namespaces"] {
        match part.parse() {
            _ if what != part && what != "all" => {}
            Ok(count) => without_delays(count, trials),
            Err(_) if part == "delays" => with_delays(trials),
            Err(_) => in_namespaces(trials),
        }
    }
}

/// Players behind relays.
fn with_delays(trials: usize) {
    let players = DELAYS.map(|_| Player::start());
    let relays: Vec<_> = players.iter().map(|player| Relay::to(player.port)).collect();
    for (relay, delay) in relays.iter().zip(DELAYS) {
        relay.delay(Way::Both, Duration::from_millis(delay));
    }
    let ports: Vec<_> = relays.iter().map(|relay| relay.port).collect();
    let measured = Measured::of(&Test::new(&ports, 0), trials, 10);
    print(&format!("{} players, {DELAYS:?} ms away", players.len()), &measured);
    println!("    true skew above the floor: {:.2} (limit 1)", middle(&measured.skews) - middle(&measured.floors));
}

fn without_delays(count: usize, trials: usize) {
    let players: Vec<_> = (0..count).map(|_| Player::start()).collect();
    let measured =
        Measured::of(&Test::new(&players.iter().map(|player| player.port).collect::<Vec<_>>(), 0), trials, 1);
    print(&format!("{count} players"), &measured);
    print_ratio(&measured);
}

/// Workers that are reached through a command, in turns with as many players that listen.
fn over_a_command(form: &str, trials: usize) {
    const WORKERS: usize = 4;
    /// Trials of one run.
    const TURN: usize = 10;
    let sshd = if form == "ssh" { Sshd::start("") } else { None };
    if form == "ssh" && sshd.is_none() {
        return;
    }
    let place = sshd.as_ref().map_or_else(|| format!("connect = {form}\n"), Sshd::lines);
    let players: Vec<_> = (0..WORKERS).map(|_| Player::start()).collect();
    let listening = Test::new(&players.iter().map(|player| player.port).collect::<Vec<_>>(), 0);
    let reached = Test::at(&vec![place; WORKERS], 0);
    let [mut tcp, mut command] = [Measured::default(), Measured::default()];
    for turn in 0..trials.div_ceil(TURN) {
        let mut both = [(&mut tcp, &listening), (&mut command, &reached)];
        // Neither always goes first.
        both.rotate_left(turn % 2);
        for (measured, test) in both {
            measured.turn(test, TURN);
        }
    }
    print(&format!("{WORKERS} players over TCP"), &tcp);
    print(&format!("{WORKERS} players through `{form}`"), &command);
    let ratio = middle(&command.skews) / middle(&tcp.skews);
    println!("true skew through `{form}` / over TCP: {ratio:.2} (limit 1.1)");
}

/// Players whose clocks of the time since boot have nothing to do with each other.
fn in_namespaces(trials: usize) {
    let offsets = [1_000_000, 0, 50_000_000];
    let command = |offset: u32| {
        let mut command = Command::new("unshare");
        let [boot, monotonic] = ["boottime", "monotonic"].map(|clock| format!("--{clock}={offset}"));
        command.args(["--time", &boot, &monotonic]);
        command
    };
    if !command(1).arg("true").output().is_ok_and(|output| output.status.success()) {
        return println!("players in time namespaces: skipped, for `unshare --time` is not allowed here");
    }
    let players = offsets.map(|offset| {
        let mut command = command(offset);
        command.args([CONDUCTOR, "player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]);
        Player::from(command)
    });
    let measured = Measured::of(&Test::new(&players.each_ref().map(|player| player.port), 0), trials, 1);
    print(&format!("{} players in time namespaces of their own", players.len()), &measured);
    print_ratio(&measured);
}

fn print(what: &str, measured: &Measured) {
    let Measured { skews, floors, reported, bounds, behind, .. } = measured;
    println!("{what}:");
    row("true skew", skews);
    row("floor", floors);
    row("reported skew", reported);
    row("its bound", bounds);
    row("from start to stamp", behind);
    println!("    true skew outside the reported one ± its bound alone: {} times", measured.outside_the_bound());
    let untrue = measured.untrue();
    println!("    untrue reports: {} (limit 0)", untrue.len());
    for text in &untrue {
        println!("      {text}");
    }
}

/// Where two players start within microseconds of each other, by luck or not, the ratio says less than the difference.
fn print_ratio(Measured { skews, floors, .. }: &Measured) {
    let (skew, floor) = (middle(skews), middle(floors));
    println!("    true skew / floor: {:.2} (limit 1.3); above it {:.3}", skew / floor, skew - floor);
}

fn row(name: &str, times: &[i128]) {
    println!("    {name:23} {:8.3} {:8.3} {:8.3}", middle(times), mean(times), worst(times));
}

fn middle(times: &[i128]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    milliseconds(times[times.len() / 2])
}

#[expect(clippy::cast_precision_loss, reason = "a number of trials")]
fn mean(times: &[i128]) -> f64 {
    milliseconds(times.iter().sum()) / times.len() as f64
}

fn worst(times: &[i128]) -> f64 {
    milliseconds(times.iter().copied().max().expect("a time"))
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds in nanoseconds")]
fn milliseconds(nanoseconds: i128) -> f64 {
    nanoseconds as f64 / 1e6
}
