//! One connection actor a worker: everything between the coordinator's commands and the worker's player.
//!
//! The actor's thread reaches the player (`dial`), and then drives it over the session (`session`) or over the seed's wire (`super::seed`), whichever its first answer asks for. Its last event is
//! its end.

mod dial;
mod files;
mod session;
mod streams;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::model::{Plan, PlayerDescription, WorkerId};
use crate::wire::{Greeting, Hello, Holder, Refusal};

use super::event::{Command, ConnectionEvent, End};
use super::mailbox::Mailbox;
use super::seed::{SeedDriver, SeedPlayers};
use super::store::Store;
pub(super) use dial::{Dialled, dial, is_timeout, words};

/// The way up to the coordinator.
#[derive(Clone)]
pub(super) struct Uplink {
    /// Who speaks.
    pub(super) worker: WorkerId,
    /// Of which of its sessions: a lost worker's last words must not be taken for those of the next session.
    pub(super) session: u64,
    /// Where it goes.
    pub(super) sender: Sender<(WorkerId, u64, ConnectionEvent)>,
}

impl Uplink {
    /// Says something. When the run loop is gone nobody listens any more, and nothing is lost by it.
    pub(super) fn say(&self, event: ConnectionEvent) {
        let _ = self.sender.send((self.worker, self.session, event));
    }
}

/// What an actor works with.
pub(super) struct Context {
    pub(super) plan: Arc<Plan>,
    pub(super) worker: WorkerId,
    pub(super) hello: Hello,
    pub(super) store: Store,
    pub(super) mailbox: Mailbox,
    pub(super) uplink: Uplink,
    pub(super) seeds: Arc<SeedPlayers>,
    /// The run's folder of results.
    pub(super) results: Option<PathBuf>,
}

/// The body of an actor's thread.
pub(super) fn run(context: &Context) {
    let end = catch_unwind(AssertUnwindSafe(|| drive(context)));
    let end = end.unwrap_or_else(|_| End::Lost("its connection broke by a bug of the conductor".to_owned()));
    context.uplink.say(ConnectionEvent::Ended(end));
}

fn drive(context: &Context) -> End {
    let destination = &context.plan.worker(context.worker).player;
    let mut hello = context.hello.clone();
    let dialled = match reach(context, &mut hello) {
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
            session::run(context, hello, dialled)
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

/// Reaches the player, and waits for one that will soon be free.
fn reach(context: &Context, hello: &mut Hello) -> Result<Dialled, End> {
    /// How often a player is asked that others hold.
    const AGAIN: Duration = Duration::from_millis(250);
    /// How much longer is waited than the player says that it takes.
    const MARGIN: Duration = Duration::from_secs(5);
    /// How long a player may take to see that the conductor that holds it has just died.
    const DEATH: Duration = Duration::from_millis(500);
    let destination = &context.plan.worker(context.worker).player;
    let commands = context.mailbox.commands();
    let asked = Instant::now();
    let mut deadline = Instant::now() + context.plan.settings.connect_timeout;
    let mut held = false;
    // What a live holder's player said, should it be gone when it is asked again.
    let mut refused = None;
    loop {
        let dialled = match dial(destination, hello, deadline, |time| unless_ended(commands, time)) {
            Err(End::Unreachable(_)) if refused.is_some() => return refused.ok_or(End::Closed),
            other => other?,
        };
        let Greeting::Refused(Refusal { holder: Some(holder), .. }) = &dialled.greeting else { return Ok(dialled) };
        let is_live = holder.state == "live";
        if (is_live && asked.elapsed() >= DEATH) || (held && Instant::now() >= deadline) {
            return Ok(dialled);
        }
        if is_live {
            refused = Some(dialled);
        } else if !std::mem::replace(&mut held, true) {
            let within = Duration::from_secs(holder.free_within);
            deadline = deadline.max(Instant::now() + within + MARGIN);
            context.uplink.say(ConnectionEvent::Held(waiting_for(holder, &hello.run), within + MARGIN));
        }
        if let Some(end) = unless_ended(commands, AGAIN) {
            return Err(end);
        }
    }
}

/// Waits so long, unless the coordinator wants something: before there is a plan that can only be the end.
pub(super) fn unless_ended(commands: &Receiver<Command>, time: Duration) -> Option<End> {
    (commands.recv_timeout(time) != Err(RecvTimeoutError::Timeout)).then_some(End::Closed)
}

/// Who holds a player that will be free.
fn waiting_for(holder: &Holder, own: &str) -> String {
    let Holder { run, conductor, seconds, state, free_within } = holder;
    let why = if state == "silent" { "its conductor is silent" } else { "the player cleans up after it" };
    if run == own {
        return format!(
            "its player still holds this run's own earlier session of it, and {why}; it is waited for, {free_within} s at most"
        );
    }
    let take_over = if state == "silent" { "; `--take-over` would end it now" } else { "" };
    format!(
        "its player is held by run `{run}` of {conductor} for {seconds} s, and {why}; it is waited for, {free_within} s \
         at most{take_over}"
    )
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
