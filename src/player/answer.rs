//! What the listener answers to a first message: a seed conductor's, or the `hello` of one of ours.

use std::time::Duration;

use super::caller::Caller;
use super::listener::{Answered, Listener};
use super::registry::SessionEntry;
use super::role::{Role, SessionRole};
use super::seed_run::{SUPERSEDED, SeedRun};
use super::session_process::clock;
use crate::sys::{self, Child};
use crate::wire::seed::{Request, encode_result};
use crate::wire::{Greeting, Hello, Holder, Limits, MAX_FRAME, PROTOCOL, Refusal, WINDOW, Welcome};

/// The lease of a conductor that names none.
const DEFAULT_LEASE: Duration = Duration::from_mins(1);

impl Listener {
    /// Answers a first message.
    pub(super) fn answer(&mut self, mut caller: Caller, payload: &[u8]) -> Answered {
        match Request::decode(payload) {
            Ok(Request::Run) => return self.seed_run(caller),
            Ok(Request::Other(kind)) if kind == "hello" => return self.hello(caller, payload),
            Ok(Request::Phase(phase)) => {
                self.stop_seed_run_of(&caller, phase.result_port);
                match self.registry.keep(caller.peer(), phase, clock()) {
                    Ok(()) => caller.answer(&encode_result(0, "phase received")),
                    Err(why) => caller.answer(&encode_result(1, &why)),
                }
            }
            Ok(Request::Other(_)) => caller.answer(&encode_result(2, "no such command")),
            Err(why) => caller.answer(&encode_result(1, &why)),
        }
        Answered::Closing(caller)
    }

    /// A seed conductor that downloads while its last run is at work, or while its results find nobody, has been started
    /// anew: nobody waits for that run, and its results must not come to the new one.
    fn stop_seed_run_of(&self, caller: &Caller, port: u16) {
        if let Some(entry) = &self.registry.seed
            && (entry.address, entry.port) == (caller.peer(), port)
            && let Some((pid, _)) = entry.running
        {
            let _ = sys::kill_process(Child(pid), SUPERSEDED);
        }
    }

    fn seed_run(&mut self, caller: Caller) -> Answered {
        let phases = self.registry.take_phases(caller.peer(), clock());
        if phases.is_empty() {
            // The seed says nothing either; it closes the connection.
            return Answered::Taken;
        }
        let limit = self.settings.max_message_size;
        let (connection, _) = caller.into_parts();
        let made = self.make(|notes| Role::Seed(SeedRun { phases, connection, limit }, notes));
        match made {
            Ok(Ok(pid)) => {
                if let Some(entry) = &mut self.registry.seed {
                    entry.running = Some((pid, false));
                }
                Answered::Taken
            }
            Ok(Err(role)) => Answered::Become(role),
            Err(error) => {
                tracing::error!("no process can be made: {error}");
                Answered::Taken
            }
        }
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
        let holder = self.registry.holder_for(&hello.run, clock());
        if hello.check {
            let state = if holder.is_some() { "busy" } else { "free" };
            caller.answer(&Greeting::Welcome(self.welcome(state, holder)).encode());
            return Answered::Closing(caller);
        }
        if let Some(refusal) = refusal(&hello, holder, self.registry.has(&hello)) {
            caller.answer(&Greeting::Refused(refusal).encode());
            return Answered::Closing(caller);
        }
        self.make_session(hello, caller)
    }

    fn make_session(&mut self, hello: Hello, caller: Caller) -> Answered {
        let welcome = Greeting::Welcome(self.welcome("new", None)).encode();
        let lease = if hello.lease == 0 { DEFAULT_LEASE } else { Duration::from_nanos(hello.lease) };
        let (stream, decoder) = caller.into_parts();
        match self.make(|notes| Role::Session(SessionRole { stream, decoder, welcome, lease, notes })) {
            Ok(Ok(pid)) => {
                tracing::info!("run {} of {}: a session for `{}`", hello.run, hello.conductor, hello.worker);
                self.registry.sessions.push(SessionEntry {
                    run: hello.run,
                    worker: hello.worker,
                    conductor: hello.conductor,
                    since: clock(),
                    pid: Some(pid),
                    plan: None,
                    reset_needed: None,
                    over: false,
                });
                Answered::Taken
            }
            Ok(Err(role)) => Answered::Become(role),
            Err(error) => {
                tracing::error!("no process can be made: {error}");
                Answered::Taken
            }
        }
    }

    fn welcome(&self, state: &str, holder: Option<Holder>) -> Welcome {
        let leftovers = self.registry.leftovers.iter();
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
            leftovers: leftovers.map(|(pid, line)| format!("process {pid} of an earlier run: `{line}`")).collect(),
        }
    }
}

fn refusal(hello: &Hello, holder: Option<Holder>, exists: bool) -> Option<Refusal> {
    let (reason, message) = if !hello.protocols.contains(&PROTOCOL) {
        ("protocol", format!("this player speaks protocol {PROTOCOL} only"))
    } else if let Some(Holder { run, conductor, seconds }) = &holder {
        let duration = humantime::format_duration(Duration::from_secs(*seconds));
        ("busy", format!("run {run} of {conductor} has held this player for {duration}"))
    } else if exists {
        ("busy", format!("worker {} of this run has a session already", hello.worker))
    } else {
        return None;
    };
    Some(Refusal { reason: reason.to_owned(), message, holder })
}
