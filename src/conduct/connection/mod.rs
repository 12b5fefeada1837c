//! The connection actors, one per worker: everything between the coordinator's commands and the worker's player.
//!
//! The actor's thread reaches the player (`dial`: `connect` makes a TCP connection, `greet` says `hello` on any
//! connection), and then drives it over the session (`session`) or with protocol version 1 (`super::seed`), whichever
//! its first answer asks for. Its last event reports its end.

mod awaited;
mod connect;
pub(super) mod context;
mod dial;
mod fault;
mod files;
mod greet;
mod reconnections;
mod refused;
mod said;
mod session;
mod step_result;
mod streams;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::model::PlayerDescription;
use crate::wait::Wait;
use crate::wire::{Greeting, Hello, HolderState, Refusal, Welcome};

use super::event::{ConnectionEvent, End, EndKind};
use super::reach::Way;
use super::seed::SeedDriver;
pub(super) use context::Context;
pub(super) use dial::dial;
pub(super) use greet::{Dialled, is_seed};
use refused::waiting_for;
pub(super) use refused::{not_welcome, why_busy};

/// The body of an actor's thread.
pub(super) fn run(context: &Context) {
    let end = catch_unwind(AssertUnwindSafe(|| drive(context)));
    let end = end.unwrap_or_else(|_| End::lost("its connection failed because of a bug in `conduct`"));
    context.say(ConnectionEvent::Ended(end));
}

fn drive(context: &Context) -> End {
    let way = context.way(None);
    let mut hello = context.hello.clone();
    let dialled = match reach(context, &way, &mut hello) {
        Ok(dialled) => dialled,
        Err(end) => return end,
    };
    let Dialled { greeting, connection, decoder, .. } = dialled;
    match greeting {
        Greeting::Welcome(welcome) => {
            context.say(ConnectionEvent::Connected(described(&welcome)));
            for leftover in &welcome.leftovers {
                context.say(ConnectionEvent::Warning(leftover.clone()));
            }
            session::run(context, hello, (welcome, connection, decoder))
        }
        greeting if is_seed(&greeting) => match SeedDriver::new(context, &connection) {
            Ok(driver) => {
                drop(connection);
                context.say(ConnectionEvent::Connected(PlayerDescription::Seed));
                driver.run()
            }
            Err(end) => end,
        },
        greeting => End::lost(not_welcome(&greeting, &way, &context.hello)),
    }
}

/// How a player describes itself.
pub(super) fn described(welcome: &Welcome) -> PlayerDescription {
    let Welcome { version, host, system, kernel, .. } = welcome.clone();
    PlayerDescription::Session { version, host, system, kernel }
}

/// Reaches the player. Waits for one that will soon be free.
fn reach(context: &Context, way: &Way<'_>, hello: &mut Hello) -> Result<Dialled, End> {
    /// How often to ask a player that is in use. Through a command, the machine starts a player for each attempt.
    const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
    /// How long a player may take to notice that the conductor that holds it has just died.
    const DEATH: Duration = Duration::from_millis(500);
    /// How long to try a player that was reached before, until it is reported as unreachable.
    const ROUND: Duration = Duration::from_secs(2);
    /// The longest wait for a player, whatever it announces, unless this run's own times are longer.
    const MOST: Duration = Duration::from_hours(1);
    let settings = &context.plan.settings;
    let most = MOST.max(settings.lease.saturating_add(settings.reset_timeout));
    let asked = Instant::now();
    let mut deadline = Instant::now() + context.plan.settings.connect_timeout;
    let pause = if matches!(way, Way::Port(_)) { AGAIN.0 } else { AGAIN.1 };
    let mut held = false;
    // The refusal by a player with a live holder, in case the player is gone when it is asked again.
    let mut refused = None;
    let mut is_gone = false;
    loop {
        let until = if held { deadline.min(Instant::now() + ROUND) } else { deadline };
        let is_unreachable = |end: &End| end.kind == EndKind::Unreachable;
        let dialled = match dial(way, hello, until, None, &mut |time| context.mailbox.unless_ended(time)) {
            Err(end) if is_unreachable(&end) && refused.is_some() => return refused.ok_or(end),
            Err(end) if is_unreachable(&end) && held && Instant::now() + ROUND < deadline => {
                if !std::mem::replace(&mut is_gone, true) {
                    let text = format!("its player became unreachable during the wait; trying again: {}", end.reason);
                    context.say(ConnectionEvent::Warning(text));
                }
                hello.attempt += 1;
                continue;
            }
            other => other?,
        };
        is_gone = false;
        let Greeting::Refused(Refusal { holder: Some(holder), .. }) = &dialled.greeting else { return Ok(dialled) };
        let is_live = holder.state == HolderState::Live;
        if (is_live && asked.elapsed() >= DEATH) || (held && Instant::now() >= deadline) {
            return Ok(dialled);
        }
        if is_live {
            refused = Some(dialled);
        } else if !std::mem::replace(&mut held, true) {
            let within = Wait::BusyPlayer.given(Duration::from_secs(holder.free_within).min(most));
            deadline = deadline.max(Instant::now() + within);
            context.say(ConnectionEvent::Reaching(within));
            context.say(ConnectionEvent::Warning(waiting_for(holder, &context.hello)));
        }
        if let Some(end) = context.mailbox.unless_ended(pause) {
            return Err(end);
        }
    }
}
