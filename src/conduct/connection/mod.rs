//! One connection actor a worker: everything between the coordinator's commands and the worker's player.
//!
//! The actor's thread reaches the player (`dial`), and then drives it over the session (`session`, with a `reader`
//! thread beside it) or over the seed's wire (`super::seed`), whichever its first answer asks for. Its last event is
//! its end.

mod dial;
mod pulse;
mod reader;
mod session;
mod streams;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use crate::model::{Plan, PlayerDescription, WorkerId};
use crate::wire::{Greeting, Hello, Refusal};

use super::event::{Command, ConnectionEvent, End};
use super::seed::{SeedDriver, SeedPlayers};
use super::store::Store;
pub(super) use dial::{Dialled, dial, is_timeout, words};

/// The way up to the coordinator.
#[derive(Clone)]
pub(super) struct Uplink {
    /// Who speaks.
    pub(super) worker: WorkerId,
    /// Where it goes.
    pub(super) sender: Sender<(WorkerId, ConnectionEvent)>,
}

impl Uplink {
    /// Says something. When the run loop is gone nobody listens any more, and nothing is lost by it.
    pub(super) fn say(&self, event: ConnectionEvent) {
        let _ = self.sender.send((self.worker, event));
    }
}

/// What an actor works with.
pub(super) struct Context {
    pub(super) plan: Arc<Plan>,
    pub(super) worker: WorkerId,
    pub(super) hello: Hello,
    pub(super) store: Store,
    pub(super) commands: Receiver<Command>,
    pub(super) uplink: Uplink,
    pub(super) seeds: Arc<SeedPlayers>,
}

/// The body of an actor's thread.
pub(super) fn run(context: &Context) {
    let end = catch_unwind(AssertUnwindSafe(|| drive(context)));
    let end = end.unwrap_or_else(|_| End::Lost("its connection broke by a bug of the conductor".to_owned()));
    context.uplink.say(ConnectionEvent::Ended(end));
}

fn drive(context: &Context) -> End {
    let destination = &context.plan.worker(context.worker).player;
    let deadline = Instant::now() + context.plan.settings.connect_timeout;
    let dialled = match dial(destination, &context.hello, deadline, &context.commands) {
        Ok(dialled) => dialled,
        Err(end) => return end,
    };
    match dialled.greeting.clone() {
        Greeting::Welcome(welcome) => {
            let (version, host) = (welcome.version, welcome.host);
            context.uplink.say(ConnectionEvent::Connected(PlayerDescription::Session { version, host }));
            for leftover in welcome.leftovers {
                context.uplink.say(ConnectionEvent::Warning(leftover));
            }
            session::run(context, dialled)
        }
        Greeting::Refused(refusal) => End::Refused(refused(&refusal)),
        greeting if is_seed(&greeting) => match SeedDriver::new(context, &dialled.stream) {
            Ok(driver) => {
                drop(dialled);
                context.uplink.say(ConnectionEvent::Connected(PlayerDescription::Seed));
                driver.run()
            }
            Err(reason) => End::Refused(reason),
        },
        Greeting::Result { message, .. } => End::Refused(format!("its player answers `{}`", message.escape_debug())),
        Greeting::Hello(_) => End::Refused(dial::not_a_player(destination)),
    }
}

/// Whether this is how a seed player answers what it does not know.
pub(super) fn is_seed(greeting: &Greeting) -> bool {
    matches!(greeting, Greeting::Result { code: 2, message } if message == "no such command")
}

/// Why the player takes no session, and who holds it.
pub(super) fn refused(refusal: &Refusal) -> String {
    match &refusal.holder {
        Some(holder) => {
            let whose = if holder.conductor.is_empty() { "somebody" } else { &holder.conductor };
            format!("its player is busy: run `{}` of {whose} has held it for {} s", holder.run, holder.seconds)
        }
        None => format!("its player refuses: {}", refusal.message),
    }
}
