//! `conduct --check`: asks every player for its state, without running anything.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, unbounded};

use crate::model::{Plan, PlayerDescription, PlayerTime, WorkerId, words};
use crate::wait::Wait;
use crate::wire::{Greeting, Hello, Holder, HolderState, Secret};

use super::clock::Sample;
use super::connection::{Dialled, described, dial, is_seed, not_welcome, why_busy};
use super::event::{End, EndKind};
use super::mailbox::{Mailbox, Postbox, mailbox};
use super::now::now;
use super::options::{Options, hello};
use super::reach::{Access, Site, Way};
use super::threads::Threads;

/// The state of a worker's player, or why it is not known.
pub(crate) type CheckAnswer = Result<CheckReport, End>;

/// The state of a player.
#[derive(Debug, Clone)]
pub(crate) struct CheckReport {
    /// How the player describes itself.
    pub(crate) player: PlayerDescription,
    /// Where it is and how long it took to reach it, if it was reached through a command.
    pub(crate) place: Option<(Site, Duration)>,
    /// The time from the first message to its answer.
    pub(crate) round_trip: Duration,
    /// Its clock, if its answer contained a time.
    pub(crate) clock: Option<ClockCheck>,
    /// The holder of the player, as a message.
    pub(crate) holder: Option<String>,
    /// Leftovers of earlier runs, one sentence each.
    pub(crate) leftovers: Vec<String>,
    /// Problems on its machine, one sentence each.
    pub(crate) remarks: Vec<String>,
}

/// A player's clock, compared with the conductor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockCheck {
    /// How far it is ahead of the conductor's, in nanoseconds. Both count from the start of their machine.
    pub(crate) offset: i128,
    /// The maximum error of the offset.
    pub(crate) error: Duration,
}

/// Asks every player for its state, all at the same time, and runs nothing. Returns an answer for each worker. A signal
/// ends the check early; its number is returned, too.
pub(crate) fn check(
    plan: &Arc<Plan>,
    options: &Options,
    interrupts: &Receiver<i32>,
) -> (Vec<CheckAnswer>, Option<i32>) {
    let mut threads = Threads::default();
    // Each worker sends one answer, and reports its progress until then.
    let (sender, answers) = unbounded();
    let (progress, reaching) = unbounded();
    let not_completed = || End::lost("the check was not completed");
    let mut found: Vec<_> = plan.workers.iter().map(|_| Err(not_completed())).collect();
    // Dropping these ends the waits of all threads.
    let mut postboxes = Vec::new();
    for (worker, _) in plan.workers() {
        match ask(plan, options, worker, &mut threads, (&sender, &progress)) {
            Ok(postbox) => postboxes.push(postbox),
            Err(error) => found[worker.0] = Err(End::lost(words(&error))),
        }
    }
    let mut left = postboxes.len();
    let (mut interrupts, mut interrupted) = (interrupts.clone(), None);
    let until = |within: Duration| Instant::now() + Wait::Connection.given(within);
    let mut deadline = until(plan.settings.connect_timeout);
    while left > 0 {
        let timer = Wait::Connection.timer(deadline.saturating_duration_since(Instant::now()));
        select! {
            recv(reaching) -> within => deadline = deadline.max(until(within.unwrap_or_default())),
            recv(answers) -> answer => {
                if let Ok((worker, result)) = answer {
                    found[worker.0] = result.map_err(|end| if end.kind == EndKind::Closed { not_completed() } else { end });
                }
                left -= 1;
            }
            recv(interrupts) -> signal => match signal {
                Ok(signal) => {
                    interrupted = Some(signal);
                    break;
                }
                Err(_) => interrupts = crossbeam_channel::never(),
            },
            recv(timer) -> _ => break,
        }
    }
    drop(postboxes);
    threads.join(Wait::ThreadsEnd.time());
    options.access.endings.finish();
    (found, interrupted)
}

/// Asks a worker's player in a thread, until the postbox is dropped.
fn ask(
    plan: &Arc<Plan>,
    options: &Options,
    worker: WorkerId,
    threads: &mut Threads,
    (sender, progress): (&Sender<(WorkerId, CheckAnswer)>, &Sender<Duration>),
) -> io::Result<Postbox> {
    let (postbox, mailbox) = mailbox()?;
    // A player that is started for the check is found by this secret, so nobody else may be able to guess it.
    let hello = Hello { check: true, ..hello(plan, options, worker, Secret::random()?) };
    let (plan, access) = (Arc::clone(plan), options.access.for_questions());
    let (sender, progress) = (sender.clone(), progress.clone());
    threads.start(format!("asks {}", plan.name(worker)), move || {
        let _ = sender.send((worker, answer(&plan, &access, worker, hello, &mailbox, &progress)));
    })?;
    Ok(postbox)
}

fn answer(
    plan: &Plan,
    access: &Access,
    worker: WorkerId,
    mut hello: Hello,
    mailbox: &Mailbox,
    progress: &Sender<Duration>,
) -> CheckAnswer {
    let (begun, deadline) = (now(), Instant::now() + plan.settings.connect_timeout);
    let passed_on = |within| {
        // The receiver may be gone.
        let _ = progress.send(within);
    };
    let way = Way::of(plan.worker(worker), access, None, Box::new(passed_on));
    let dialled = dial(&way, &mut hello, deadline, None, &mut |time| mailbox.unless_ended(time))?;
    let round_trip = dialled.answered.since(dialled.sent);
    match &dialled.greeting {
        Greeting::Welcome(welcome) => Ok(CheckReport {
            player: described(welcome),
            place: dialled.site.clone().map(|site| (site, dialled.sent.since(begun))),
            round_trip,
            clock: clock(&dialled, welcome.clock),
            holder: welcome.holder.as_ref().map(held_by),
            leftovers: welcome.leftovers.clone(),
            remarks: welcome.remarks.clone(),
        }),
        greeting if is_seed(greeting) => {
            let player = PlayerDescription::Seed;
            let (leftovers, remarks) = (Vec::new(), Vec::new());
            Ok(CheckReport { player, place: None, round_trip, clock: None, holder: None, leftovers, remarks })
        }
        greeting => Err(End::lost(not_welcome(greeting, &way, &hello))),
    }
}

/// Describes who holds a player, and when it will be free if its holder is gone.
fn held_by(holder: &Holder) -> String {
    let Holder { seconds, state, free_within, .. } = holder;
    let and = match state {
        HolderState::Silent | HolderState::Unresponsive => "; the player",
        HolderState::Orphaned => " and",
        HolderState::Live | HolderState::Other => return format!("{}, for {seconds} s", holder.describe()),
    };
    let state = format!("; {}{and} will be free within {free_within} s", why_busy(*state));
    format!("{}, for {seconds} s{state}", holder.describe())
}

/// Compares the player's clock with ours, using the time stamp in its answer.
fn clock(dialled: &Dialled, stamp: u64) -> Option<ClockCheck> {
    let stamp = PlayerTime::from_nanoseconds(Some(stamp).filter(|stamp| *stamp > 0)?);
    let sample = Sample { sent: dialled.sent, received: stamp, answered: stamp, arrived: dialled.answered };
    Some(ClockCheck { offset: sample.offset(), error: sample.round_trip() / 2 })
}
