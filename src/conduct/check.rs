//! `conduct --check`: how every player is, without running anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use crate::model::{Plan, PlayerDescription, PlayerTime, WorkerId, words};
use crate::wait::Wait;
use crate::wire::{Greeting, Hello, Holder, HolderState, Secret, Welcome};

use super::clock::Sample;
use super::connection::{Dialled, dial, is_seed, not_welcome, unless_ended};
use super::event::{Command, End};
use super::options::{Options, hello};
use super::threads::Threads;

/// What is known of one worker's player.
#[derive(Debug, Clone)]
pub struct CheckAnswer {
    /// The worker.
    pub worker: WorkerId,
    /// How its player is, or why that is not known.
    pub result: Result<CheckReport, String>,
}

/// How a player is.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// What it said of itself.
    pub player: PlayerDescription,
    /// From the first message to its answer.
    pub round_trip: Duration,
    /// Its clock, when it told it.
    pub clock: Option<ClockCheck>,
    /// Who holds it, for people.
    pub holder: Option<String>,
    /// What earlier runs left, one sentence each.
    pub leftovers: Vec<String>,
}

/// A player's clock, compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockCheck {
    /// How far it is before the conductor's, in nanoseconds; both count from their machine's start.
    pub offset: i128,
    /// By how much that can be wrong.
    pub error: Duration,
}

/// Asks every player how it is, all at the same time, and runs nothing. An interrupt ends the asking.
pub fn check(plan: &Arc<Plan>, options: &Options, interrupts: &Receiver<i32>) -> Vec<CheckAnswer> {
    let mut threads = Threads::new();
    // One answer for each worker.
    let (sender, answers) = unbounded();
    // That this sender is dropped ends the waits of all threads.
    let (wanted, commands) = bounded(1);
    let mut found: Vec<_> = plan.workers.iter().map(|_| Err("the check was not completed".to_owned())).collect();
    let mut left = 0;
    for (worker, _) in plan.workers() {
        match ask(plan, options, worker, &mut threads, &sender, &commands) {
            Ok(()) => left += 1,
            Err(error) => found[worker.0] = Err(words(&error)),
        }
    }
    let mut interrupts = interrupts.clone();
    let deadline = Wait::Connection.timer(plan.settings.connect_timeout + Wait::Connection.time());
    while left > 0 {
        select! {
            recv(answers) -> answer => {
                if let Ok(CheckAnswer { worker, result }) = answer {
                    found[worker.0] = result;
                }
                left -= 1;
            }
            recv(interrupts) -> signal => match signal {
                Ok(_) => break,
                Err(_) => interrupts = crossbeam_channel::never(),
            },
            recv(deadline) -> _ => break,
        }
    }
    drop::<Sender<Command>>(wanted);
    threads.join(Wait::ThreadsEnd.time());
    let answers = found.into_iter().enumerate();
    answers.map(|(index, result)| CheckAnswer { worker: WorkerId(index), result }).collect()
}

fn ask(
    plan: &Arc<Plan>,
    options: &Options,
    worker: WorkerId,
    threads: &mut Threads,
    sender: &Sender<CheckAnswer>,
    commands: &Receiver<Command>,
) -> std::io::Result<()> {
    let hello = Hello { check: true, ..hello(plan, options, worker, Secret::default()) };
    let (plan, sender, commands) = (Arc::clone(plan), sender.clone(), commands.clone());
    threads.start(format!("asks {}", plan.worker(worker).name), move || {
        let result = answer(&plan, worker, &hello, &commands);
        let _ = sender.send(CheckAnswer { worker, result });
    })
}

fn answer(plan: &Plan, worker: WorkerId, hello: &Hello, commands: &Receiver<Command>) -> Result<CheckReport, String> {
    let deadline = Instant::now() + plan.settings.connect_timeout;
    let player = &plan.worker(worker).player;
    let dialled =
        dial(player, &mut hello.clone(), deadline, |time| unless_ended(commands, time)).map_err(|end| match end {
            End::Unreachable(why) | End::Refused(why) | End::Lost(why) => why,
            End::Closed => "the check was not completed".to_owned(),
        })?;
    let round_trip = dialled.answered.since(dialled.sent);
    match &dialled.greeting {
        Greeting::Welcome(welcome) => Ok(report(welcome, round_trip, clock(&dialled, welcome.clock))),
        greeting if is_seed(greeting) => Ok(CheckReport {
            player: PlayerDescription::Seed,
            round_trip,
            clock: None,
            holder: None,
            leftovers: Vec::new(),
        }),
        greeting => Err(not_welcome(greeting, player, hello)),
    }
}

fn report(welcome: &Welcome, round_trip: Duration, clock: Option<ClockCheck>) -> CheckReport {
    let holder = welcome.holder.as_ref();
    CheckReport {
        player: PlayerDescription::Session { version: welcome.version.clone(), host: welcome.host.clone() },
        round_trip,
        clock,
        holder: holder.map(held_by),
        leftovers: welcome.leftovers.clone(),
    }
}

/// Who holds a player, and whether they will go on.
fn held_by(holder: &Holder) -> String {
    let Holder { seconds, state, free_within, .. } = holder;
    let state = match state {
        HolderState::Silent => {
            format!("; its conductor does not respond; the player will be free within {free_within} s")
        }
        HolderState::Unresponsive => {
            format!("; its process on the player does not respond; the player will be free within {free_within} s")
        }
        HolderState::Orphaned => {
            format!("; the player is cleaning up after it and will be free within {free_within} s")
        }
        HolderState::Live | HolderState::Other => String::new(),
    };
    format!("{}, for {seconds} s{state}", holder.describe())
}

/// The player's clock, from the stamp in its answer.
fn clock(dialled: &Dialled, stamp: u64) -> Option<ClockCheck> {
    let stamp = PlayerTime::from_nanoseconds(Some(stamp).filter(|stamp| *stamp > 0)?);
    let sample = Sample { sent: dialled.sent, received: stamp, answered: stamp, arrived: dialled.answered };
    Some(ClockCheck { offset: sample.offset(), error: sample.round_trip() / 2 })
}
