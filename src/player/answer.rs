//! What the listener answers to a first message: a Python conductor's, or the `hello` of one of ours.

use std::time::Duration;

use super::caller::Caller;
use super::clock::clock;
use super::listener::{Answered, Listener};
use super::note::Order;
use super::registry::Claim;
use super::resume::lease;
use super::role::{Role, SessionRole};
use super::seed_delivery::SUPERSEDED;
use super::seed_run::SeedRun;
use super::session_entry::SessionEntry;
use super::watch;
use crate::model::Process;
use crate::sys::{self, Child};
use crate::wire::seed::{Request, encode_result};
use crate::wire::{
    Greeting, Hello, Holder, Limits, MAX_FRAME, PROTOCOL, Refusal, TAKE_OVER, WINDOW, Welcome, bounds, cleaned,
};

/// How long the Reset of a run may take whose player is taken over.
const TAKE_OVER_RESET: Duration = Duration::from_secs(30);

impl Listener {
    /// Answers a first message.
    pub(super) fn answer(&mut self, mut caller: Caller, payload: &[u8]) -> Answered {
        if !self.is_for(payload) {
            caller.answer(&encode_result(1, "this player serves only the conductor that started it"));
            return Answered::Closing(caller);
        }
        match Request::decode(payload) {
            Ok(Request::Run) => return self.seed_run(caller),
            Ok(Request::Other(kind)) if kind == "hello" => return self.hello(caller, payload),
            Ok(Request::Phase(phase)) => match self.registry.keep(caller.peer(), phase, clock()) {
                Ok(superseded) => {
                    for pid in superseded {
                        let _ = sys::kill_process(Child(pid), SUPERSEDED);
                    }
                    caller.answer(&encode_result(0, "phase received"));
                }
                Err(why) => caller.answer(&encode_result(1, &why)),
            },
            Ok(Request::Other(_)) => caller.answer(&encode_result(2, "no such command")),
            Err(why) => caller.answer(&encode_result(1, &why)),
        }
        Answered::Closing(caller)
    }

    /// Whether a first message may be answered: a private player takes only a `hello` with its owner's secret.
    fn is_for(&self, payload: &[u8]) -> bool {
        let Some(owner) = &self.settings.owner else { return true };
        matches!(Greeting::decode(payload), Ok(Greeting::Hello(hello)) if hello.player_secret.as_ref() == Some(owner))
    }

    /// Whoever says `run` first has everything run that is there; for the others there is nothing, and their connections are
    /// closed without a word, as the Python player does.
    fn seed_run(&mut self, caller: Caller) -> Answered {
        if let Some(run) = self.registry.seed.run(caller.peer(), clock()) {
            self.seed_runs.insert(run, caller.into_parts().0);
        }
        Answered::Taken
    }

    /// Starts the next phase of a Python conductor when the one before it has run. In the process that runs it, its role is
    /// the answer.
    pub(super) fn start_seed_phase(&mut self) -> Option<Role> {
        while let Some((next, before)) = self.registry.seed.next(clock()) {
            // What was told to run when the player is told to stop is answered without being run.
            let (limit, is_wanted) = (self.settings.max_message_size, !self.is_stopping());
            let before = before.into_iter().filter_map(sys::Process::pin).collect();
            let connection = self.seed_runs.get(&next.run).and_then(|connection| connection.try_clone().ok());
            let phase = next.phase.clone();
            let role = |notes| Role::Seed(SeedRun { phase, connection, limit, is_wanted, before }, notes);
            match self.make(watch::MOST, role) {
                Ok(Ok(pid)) => self.registry.seed.started(pid, &next),
                Ok(Err(role)) => return Some(role),
                Err(error) => {
                    let (host, port) = (next.phase.result_host.clone(), next.phase.result_port);
                    let is_tried = self.registry.seed.try_again(next, clock());
                    let but = if is_tried { "trying again" } else { "the phase is not run" };
                    tracing::error!(
                        "can't create a process for the phase whose results go to {host}:{port}: {error}; {but}"
                    );
                }
            }
        }
        self.seed_runs.retain(|run, _| self.registry.seed.is_open(*run));
        None
    }

    fn hello(&mut self, mut caller: Caller, payload: &[u8]) -> Answered {
        let hello = match Greeting::decode(payload) {
            Ok(Greeting::Hello(hello)) => hello,
            Ok(_) => return Answered::Taken,
            // An empty `hello` is what a seed player would be asked in a test of its answers.
            Err(why) => {
                caller.answer(&encode_result(1, &format!("Invalid message format: {why}")));
                return Answered::Closing(caller);
            }
        };
        if hello.check {
            let holder = self.registry.holder_for(&hello.run, clock());
            let state = if holder.is_some() { "busy" } else { "free" };
            let welcome = self.welcome(state, holder, Some(&hello.run));
            caller.answer(&Greeting::Welcome(welcome).encode());
            return Answered::Closing(caller);
        }
        match self.judge(&hello) {
            Ok(None) => self.make_session(&hello, caller),
            Ok(Some(pid)) => {
                self.hand_over(hello, caller, pid);
                Answered::Taken
            }
            Err(refusal) => {
                caller.answer(&Greeting::Refused(*refusal).encode());
                Answered::Closing(caller)
            }
        }
    }

    /// What a `hello` gets: a session of its own, the one that a process holds, or a refusal.
    fn judge(&mut self, hello: &Hello) -> Result<Option<u32>, Box<Refusal>> {
        let now = clock();
        if !hello.protocols.contains(&PROTOCOL) {
            return Err(refusal("protocol", format!("this player speaks protocol {PROTOCOL} only")));
        }
        match self.registry.claim(hello) {
            Claim::Resume(pid) => return Ok(Some(pid)),
            Claim::New => {}
            Claim::Older(pid) => {
                let reason = "its conductor has given it up, and begins another session".to_owned();
                if let Some(pid) = pid {
                    self.abandon(pid, reason, None);
                }
                return Err(busy(self.registry.older(hello, now)));
            }
            Claim::Superseded => {
                let text = format!("worker {} of this run has a session already", hello.worker);
                return Err(refusal("attempt", text));
            }
            Claim::Stranger => return Err(refusal("secret", "this is not the run's conductor".to_owned())),
            Claim::Unknown(why) => return Err(refusal("unknown", why)),
        }
        let Some(holder) = self.registry.holder_for(&hello.run, now) else {
            let full = || refusal("full", format!("it has {} sessions already", bounds::SESSIONS.most()));
            return if self.registry.is_full() { Err(full()) } else { Ok(None) };
        };
        if holder.state != "live" && hello.features.iter().any(|feature| feature == TAKE_OVER) {
            let reason = format!("run {} of {} took the player over", hello.run, hello.conductor);
            for pid in self.registry.others(&hello.run).collect::<Vec<_>>() {
                self.abandon(pid, reason.clone(), Some(TAKE_OVER_RESET));
            }
        }
        Err(busy(Some(holder)))
    }

    /// Has a session end. One that was stopped goes on for that; one that hangs is killed soon.
    pub(super) fn abandon(&mut self, pid: u32, reason: String, reset_limit: Option<Duration>) {
        if let Some((_, notes)) = self.notes.iter().find(|(of, _)| *of == pid) {
            let reset_limit = reset_limit.map(|limit| limit.as_secs());
            notes.order(&Order::Abandon { reason, reset_limit }, None);
        }
        let _ = sys::kill_process(Child(pid), libc::SIGCONT);
        self.watches.hasten(|of| of == pid, clock());
    }

    /// Hands a connection to the process that holds its session. One that takes no orders is on its way out; the
    /// conductor sees the end of the connection, and asks again.
    fn hand_over(&self, hello: Hello, caller: Caller, pid: u32) {
        let Some((_, notes)) = self.notes.iter().find(|(of, _)| *of == pid) else { return };
        let (stream, decoder) = caller.into_parts();
        let (welcome, rest) = (Box::new(self.welcome("resumed", None, None)), decoder.pending().to_vec());
        notes.order(&Order::Resume { hello: Box::new(hello), welcome, rest }, Some(&stream));
    }

    fn make_session(&mut self, hello: &Hello, caller: Caller) -> Answered {
        let welcome = self.welcome("new", None, Some(&hello.run));
        let welcome = Greeting::Welcome(welcome).encode();
        let (lease, spool_limit) = (lease(hello), self.settings.spool_limit);
        let incarnation = self.incarnation.clone();
        let (stream, decoder) = caller.into_parts();
        match self.make(lease, |notes| {
            Role::Session(SessionRole { stream, decoder, welcome, lease, incarnation, spool_limit, notes })
        }) {
            Ok(Ok(pid)) => {
                self.registry.was_told();
                tracing::info!("run {} of {}: a session for `{}`", hello.run, hello.conductor, hello.worker);
                for pid in self.registry.kept_of(hello).collect::<Vec<_>>() {
                    self.abandon(pid, "its conductor has begun another session".to_owned(), None);
                }
                self.registry.sessions.push(SessionEntry::new(hello, lease, pid, clock()));
                Answered::Taken
            }
            Ok(Err(role)) => Answered::Become(role),
            Err(error) => {
                tracing::error!("can't create a process: {error}");
                Answered::Taken
            }
        }
    }

    /// The answer to a `hello`; it tells the conductor of `run` what earlier runs left.
    fn welcome(&self, state: &str, holder: Option<Holder>, run: Option<&str>) -> Welcome {
        let leftovers = self.registry.leftovers.iter();
        let leftovers = leftovers.map(|left| {
            let (Process { pid, user, .. }, command) = (left, left.command_shown());
            let text = "was left running by an earlier run; if it still runs, it is ended with the player";
            cleaned(&format!("process {pid} ({user}) {text}: `{command}`"))
        });
        let told = run.into_iter().flat_map(|run| self.registry.told_to(run));
        let leftovers = few(leftovers).into_iter().chain(told).collect();
        Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            incarnation: self.incarnation.clone(),
            state: state.to_owned(),
            next: 0,
            limits: Limits { frame: MAX_FRAME as u64, window: WINDOW as u64 },
            clock: clock().nanoseconds(),
            holder,
            leftovers,
        }
    }
}

/// Not more sentences about processes than a welcome has room for beside those about sessions.
fn few(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    let most = bounds::SENTENCES.most() / 2 - 2;
    if let Some(more @ 1..) = all.len().checked_sub(most) {
        all.truncate(most);
        all.push(format!("further processes that earlier runs left running: {more}"));
    }
    all
}

fn refusal(reason: &str, message: String) -> Box<Refusal> {
    Box::new(Refusal { reason: reason.to_owned(), message, holder: None })
}

fn busy(holder: Option<Holder>) -> Box<Refusal> {
    let message = holder.as_ref().map_or("this player is busy".to_owned(), |holder| {
        let duration = humantime::format_duration(Duration::from_secs(holder.seconds));
        format!("{} has held this player for {duration}", holder.describe())
    });
    Box::new(Refusal { reason: "busy".to_owned(), message, holder })
}
