//! What the listener answers to a first message: a Python conductor's, or the `hello` of one of ours.

use std::ops::ControlFlow::{self, Continue};
use std::time::Duration;

use super::caller::Caller;
use super::clock::clock;
use super::listener::Listener;
use super::note::Order;
use super::processes::End;
use super::registry::Claim;
use super::resume::{lease, open};
use super::seed_delivery::SUPERSEDED;
use super::seed_run::SeedRun;
use super::session::Session;
use super::session_entry::SessionEntry;
use super::session_process::hold;
use super::watch;
use crate::model::Process;
use crate::sys::{self, Child};
use crate::wire::seed::{Request, encode_result};
use crate::wire::{
    Greeting, Hello, Holder, HolderState, Limits, MAX_FRAME, PROTOCOL, Refusal, RefusalReason, TAKE_OVER, WINDOW,
    Welcome, WelcomeState, bounds, cleaned,
};

/// How long the Reset of a run may take whose player is taken over.
const TAKE_OVER_RESET: Duration = Duration::from_secs(30);

impl Listener {
    /// Answers a first message.
    pub(super) fn answer(&mut self, caller: Caller, payload: &[u8]) -> ControlFlow<End> {
        if !self.is_for(payload) {
            self.callers.close(caller, &encode_result(1, "this player serves only the conductor that started it"));
            return Continue(());
        }
        let (code, text) = match Request::decode(payload) {
            Ok(Request::Run) => {
                self.seed_run(caller);
                return Continue(());
            }
            Ok(Request::Other(kind)) if kind == "hello" => return self.hello(caller, payload),
            Ok(Request::Phase(phase)) => match self.registry.keep(caller.peer(), phase, clock()) {
                Ok(superseded) => {
                    for pid in superseded {
                        let _ = sys::kill_process(Child(pid), SUPERSEDED);
                    }
                    (0, "phase received".to_owned())
                }
                Err(why) => (1, why),
            },
            Ok(Request::Other(_)) => (2, "no such command".to_owned()),
            Err(why) => (1, why.to_string()),
        };
        self.callers.close(caller, &encode_result(code, &text));
        Continue(())
    }

    /// Whether a first message may be answered: a private player takes only a `hello` with its owner's secret.
    fn is_for(&self, payload: &[u8]) -> bool {
        let Some(owner) = &self.settings.owner else { return true };
        matches!(Greeting::decode(payload), Ok(Greeting::Hello(hello)) if hello.player_secret.as_ref() == Some(owner))
    }

    /// Whoever says `run` first has everything run that is there; for the others there is nothing, and their connections are
    /// closed without a word, as the Python player does.
    fn seed_run(&mut self, caller: Caller) {
        if let Some(run) = self.registry.seed.run(caller.peer()) {
            self.seed_runs.insert(run, caller.into_parts().0);
        }
    }

    /// Starts the next phase of a Python conductor when the one before it has run.
    pub(super) fn start_seed_phase(&mut self) -> ControlFlow<End> {
        while let Some((phase, run, before)) = self.registry.seed.next(clock()) {
            let (phase, host, port) = (phase.clone(), phase.result_host.clone(), phase.result_port);
            // What was told to run when the player is told to stop is answered without being run.
            let (limit, is_wanted) = (self.settings.max_message_size, !self.is_stopping());
            let before = before.into_iter().filter_map(sys::Process::pin).collect();
            let connection = self.seed_runs.get(&run).cloned();
            let run = SeedRun { phase, connection, limit, is_wanted, before };
            match self.make(watch::MOST, move |notes, cgroups| run.run(notes, cgroups))? {
                Ok(pid) => self.registry.seed.started(pid),
                Err(error) => {
                    let is_tried = self.registry.seed.try_again(clock());
                    let but = if is_tried { "trying again" } else { "the phase is not run" };
                    tracing::error!(
                        "can't create a process for the phase whose results go to {host}:{port}: {error}; {but}"
                    );
                }
            }
        }
        self.seed_runs.retain(|run, _| self.registry.seed.is_open(*run));
        Continue(())
    }

    fn hello(&mut self, caller: Caller, payload: &[u8]) -> ControlFlow<End> {
        let hello = match Greeting::decode(payload) {
            Ok(Greeting::Hello(hello)) => hello,
            Ok(_) => return Continue(()),
            // An empty `hello` is what a seed player would be asked in a test of its answers.
            Err(why) => {
                self.callers.close(
                    caller,
                    &encode_result(1, &format!("Invalid message format: {}", cleaned(&why.to_string()))),
                );
                return Continue(());
            }
        };
        if hello.check {
            let holder = self.registry.holder_for(&hello.run, clock());
            let state = if holder.is_some() { WelcomeState::Busy } else { WelcomeState::Free };
            let welcome = self.welcome(state, holder, Some(&hello.run));
            self.callers.close(caller, &Greeting::Welcome(welcome).encode());
            return Continue(());
        }
        match self.judge(&hello) {
            Ok(None) => return self.make_session(&hello, caller),
            Ok(Some(pid)) => self.hand_over(hello, caller, pid),
            Err(refusal) => self.callers.close(caller, &Greeting::Refused(refusal).encode()),
        }
        Continue(())
    }

    /// What a `hello` gets: a session of its own, the one that a process holds, or a refusal.
    fn judge(&mut self, hello: &Hello) -> Result<Option<u32>, Refusal> {
        let now = clock();
        if !hello.protocols.contains(&PROTOCOL) {
            return Err(refusal(RefusalReason::Protocol, format!("this player speaks protocol {PROTOCOL} only")));
        }
        match self.registry.claim(hello) {
            Claim::Resume(pid) => return Ok(Some(pid)),
            Claim::New => {}
            Claim::Older(pid) => {
                let reason = "its conductor has given it up, and begins another session".to_owned();
                if let Some(pid) = pid {
                    self.processes.abandon(pid, reason.clone(), None);
                }
                return Err(busy(self.registry.older(hello, now)));
            }
            Claim::Refused(reason, text) => return Err(refusal(reason, text)),
        }
        let Some(holder) = self.registry.holder_for(&hello.run, now) else {
            let full = || refusal(RefusalReason::Full, format!("it has {} sessions already", bounds::SESSIONS.most()));
            return if self.registry.is_full() { Err(full()) } else { Ok(None) };
        };
        if holder.state != HolderState::Live && hello.features.iter().any(|feature| feature == TAKE_OVER) {
            let reason = format!("run {} of {} took the player over", hello.run, hello.conductor);
            for pid in self.registry.others(&hello.run).collect::<Vec<_>>() {
                self.processes.abandon(pid, reason.clone(), Some(TAKE_OVER_RESET));
            }
        }
        Err(busy(Some(holder)))
    }

    /// Hands a connection to the process that holds its session. One that takes no orders is on its way out; the
    /// conductor sees the end of the connection, and asks again.
    fn hand_over(&self, hello: Hello, caller: Caller, pid: u32) {
        let (connection, decoder) = caller.into_parts();
        let (welcome, rest) = (Box::new(self.welcome(WelcomeState::Resumed, None, None)), decoder.pending().to_vec());
        self.processes.order(pid, &Order::Resume { hello: Box::new(hello), welcome, rest }, Some(&connection));
    }

    fn make_session(&mut self, hello: &Hello, caller: Caller) -> ControlFlow<End> {
        let welcome = self.welcome(WelcomeState::New, None, Some(&hello.run));
        let welcome = Greeting::Welcome(welcome).encode();
        let (lease, spool_limit) = (lease(hello), self.settings.spool_limit);
        let incarnation = self.incarnation.clone();
        let made = self.make(lease, move |notes, cgroups| {
            let (connection, decoder) = caller.into_parts();
            let mut link = open(connection, decoder, lease);
            link.begin_with(&welcome);
            hold(Session::with_lease(lease, clock()).of(incarnation), link, spool_limit, notes, cgroups)
        })?;
        match made {
            Ok(pid) => {
                self.registry.was_told();
                tracing::info!("run {} of {}: a session for `{}`", hello.run, hello.conductor, hello.worker);
                for pid in self.registry.kept_of(hello).collect::<Vec<_>>() {
                    let reason = "its conductor has begun another session".to_owned();
                    self.processes.abandon(pid, reason, None);
                }
                self.registry.sessions.push(SessionEntry::new(hello, lease, pid, clock()));
            }
            Err(error) => tracing::error!("can't create a process: {error}"),
        }
        Continue(())
    }

    /// The answer to a `hello`; it tells the conductor of `run` what earlier runs left.
    fn welcome(&self, state: WelcomeState, holder: Option<Holder>, run: Option<&str>) -> Welcome {
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
            state,
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

fn refusal(reason: RefusalReason, message: String) -> Refusal {
    Refusal { reason, message, holder: None }
}

fn busy(holder: Option<Holder>) -> Refusal {
    let message = holder.as_ref().map_or("this player is busy".to_owned(), |holder| {
        let duration = humantime::format_duration(Duration::from_secs(holder.seconds));
        format!("{} has held this player for {duration}", holder.describe())
    });
    Refusal { reason: RefusalReason::Busy, message, holder }
}
