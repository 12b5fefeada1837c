//! How the listener answers a first message: that of a Python conductor, or the `hello` of a Rust conductor.

use std::ops::ControlFlow::{self, Continue};
use std::os::unix::net::UnixListener;
use std::rc::Rc;

use super::audience::{Conductor, lease, open};
use super::callers::Caller;
use super::life;
use super::listener::Listener;
use super::machine::{self, Taken};
use super::note::Order;
use super::platform;
use super::processes::End;
use super::python_delivery::SUPERSEDED;
use super::python_run;
use super::registry::{Abandoned, Claim};
use super::session::Session;
use super::session_entry::{SessionEntry, Summary};
use super::session_process::hold;
use super::settings::Service;
use super::survival;
use super::watch;
use crate::model::Process;
use crate::sys::{self, clock};
use crate::wire::seed::{Request, encode_result};
use crate::wire::{
    AWAIT, Connection, EXCLUSIVE, Greeting, Hello, Limits, MAX_FRAME, POINTS, PROTOCOL, Refusal, SCRATCH, VERSIONS,
    WINDOW, Welcome, WelcomeState, bounds, cleaned, frame,
};

/// The features of this player that earlier versions did not have.
const FEATURES: [&str; 4] = [AWAIT, POINTS, SCRATCH, VERSIONS];

impl Listener {
    /// Answers a first message.
    pub(super) fn answer(&mut self, caller: Caller, payload: &[u8]) -> ControlFlow<End> {
        if caller.wants_machine {
            self.answer_for_machine(&caller.connection, payload);
            return Continue(());
        }
        let (code, text) = match Request::decode(payload) {
            _ if !self.is_for(payload) => (1, "this player serves only the conductor that started it".to_owned()),
            Ok(Request::Run) => {
                // The first `run` runs all phases that have been received. Later ones find nothing, and their
                // connections are closed without an answer, as the Python player does.
                let run = self.registry.python.run(caller.peer);
                self.python_runs.extend(run.map(|run| (run, caller.connection)));
                return Continue(());
            }
            Ok(Request::Other(kind)) if kind == "hello" => match Greeting::decode(payload) {
                Ok(Greeting::Hello(hello)) => return self.hello(&hello, caller),
                Ok(_) => return Continue(()),
                // A tool that tests a Python player's answers may send an empty `hello`.
                Err(why) => (1, format!("Invalid message format: {}", cleaned(&why.to_string()))),
            },
            Ok(Request::Phase(phase)) => match self.registry.store(caller.peer, phase, clock()) {
                Ok(superseded) => {
                    for pid in superseded {
                        sys::signal_child(pid, SUPERSEDED);
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

    /// Whether a first message may be answered: a session player accepts only a `hello` of its session.
    fn is_for(&self, payload: &[u8]) -> bool {
        let Service::Session(session) = &self.settings.service else { return true };
        matches!(Greeting::decode(payload), Ok(Greeting::Hello(hello)) if hello.secret.fingerprint() == *session)
    }

    /// Starts the next phase of a Python conductor once the previous one has run.
    pub(super) fn start_python_phase(&mut self) -> ControlFlow<End> {
        while let Some((phase, run, before)) = self.registry.python.next(clock()) {
            let (phase, host, port) = (phase.clone(), phase.result_host.clone(), phase.result_port);
            let before: Vec<sys::Process> = before.into_iter().filter_map(sys::Process::pin).collect();
            let (limit, is_wanted) = (self.settings.max_message_size, self.stopping.is_none());
            let connection = self.python_runs.get(&run).cloned();
            let work = move |notes, cgroups| {
                // The connection is closed when all phases of the run have ended.
                let _connection = connection;
                python_run::run(&phase, &before, limit, is_wanted, &notes, cgroups)
            };
            match self.processes.create(&mut self.callers, watch::MOST, work)? {
                Ok(pid) => self.registry.python.started(pid),
                Err(error) => {
                    let is_tried = self.registry.python.try_again(clock());
                    let but = if is_tried { "trying again" } else { "the phase is not run" };
                    tracing::error!(
                        "cannot create a process for the phase whose results go to {host}:{port}: {error}; {but}"
                    );
                }
            }
        }
        self.python_runs.retain(|run, _| self.registry.python.is_open(*run));
        Continue(())
    }

    fn hello(&mut self, hello: &Hello, caller: Caller) -> ControlFlow<End> {
        if hello.check {
            let holder = self.registry.holder_for(hello, clock()).or_else(|| match self.take_machine(hello) {
                Err(refusal) => refusal.holder,
                Ok(_) => None,
            });
            let state = if holder.is_some() { WelcomeState::Busy } else { WelcomeState::Free };
            let remarks = self.settings.serves_one().then(survival::limit).flatten().into_iter().collect();
            let welcome = Welcome { holder, remarks, ..self.welcome(state, Some(&hello.run)) };
            self.callers.close(caller, &Greeting::Welcome(welcome).encode());
            return Continue(());
        }
        match self.registry.claim(hello, clock()) {
            Claim::New => match self.take_machine(hello) {
                Ok(machine) => return self.create_session(hello, caller, machine),
                Err(refusal) => self.callers.close(caller, &Greeting::Refused(refusal).encode()),
            },
            Claim::Resume(pid) => {
                // If the process accepts no orders, it is about to end; the conductor sees the connection close, and
                // tries again.
                let welcome = Box::new(self.welcome(WelcomeState::Resumed, None));
                let rest = caller.decoder.pending().to_vec();
                let order = Order::Resume { hello: Box::new(hello.clone()), welcome, rest };
                self.processes.order(pid, &order, Some(&caller.connection));
            }
            Claim::Refused(refusal, abandoned) => {
                if let Some(Abandoned { pids, reason, reset_limit }) = abandoned {
                    self.processes.abandon(pids, &reason, reset_limit);
                }
                self.callers.close(caller, &Greeting::Refused(refusal).encode());
            }
        }
        Continue(())
    }

    /// Reserves the machine for the run, if the run has requested this (`exclusive`).
    fn take_machine(&mut self, hello: &Hello) -> Result<Option<Rc<UnixListener>>, Refusal> {
        if !hello.has(EXCLUSIVE) || !self.settings.serves_one() || self.machine.is_some() {
            return Ok(self.machine.clone());
        }
        match machine::take(hello) {
            Taken::Held(socket) => Ok(Some(Rc::new(socket))),
            Taken::Refused(refusal) => Err(refusal),
            Taken::Unknown => {
                let text =
                    "other users have bound all socket names of `exclusive`: another run may be using this machine";
                self.registry.tell_later(Summary::of_nobody(text.to_owned()));
                Ok(None)
            }
        }
    }

    /// Answers the player of another session that requests this machine.
    fn answer_for_machine(&mut self, connection: &Connection, payload: &[u8]) {
        let (Ok(Greeting::Hello(hello)), Some(socket)) = (Greeting::decode(payload), &self.machine) else { return };
        match self.registry.claim_machine(&hello, clock()) {
            Claim::Refused(refusal, abandoned) => {
                // If the other player has gone, the error does not matter.
                let _ = connection.write(&frame(&Greeting::Refused(refusal).encode()));
                if let Some(Abandoned { pids, reason, reset_limit }) = abandoned.filter(|_| !hello.check) {
                    self.processes.abandon(pids, &reason, reset_limit);
                }
            }
            Claim::New | Claim::Resume(_) => machine::share(socket, connection),
        }
    }

    fn create_session(&mut self, hello: &Hello, caller: Caller, machine: Option<Rc<UnixListener>>) -> ControlFlow<End> {
        let welcome = self.welcome(WelcomeState::New, Some(&hello.run));
        let (lease, spool_limit) = (lease(hello), self.settings.spool_limit);
        let shared = machine.clone();
        let serves_one = welcome.process.is_some();
        let log = self.settings.log.as_ref().and_then(|log| log.try_clone().ok());
        // The process writes to the same log.
        tracing::info!("run {} of {}: a session for `{}`", hello.run, hello.conductor, hello.worker);
        let made = self.processes.create(&mut self.callers, lease, move |notes, cgroups| {
            // The run uses the machine for as long as this process or its listener exists.
            let _machine = shared;
            let mut session = Session::with_lease(lease, clock()).of(welcome.incarnation.clone());
            session.ends_with_lease = serves_one;
            let link = open(caller.connection, caller.decoder, lease, welcome);
            let status = hold(session, Conductor::new(link, spool_limit, log), notes, cgroups);
            if serves_one {
                life::continue_listener();
            }
            status
        })?;
        match made {
            Ok(pid) => {
                self.registry.was_told();
                self.machine = machine;
                let reason = "its conductor has started another session";
                self.processes.abandon(self.registry.undelivered_of(hello), reason, None);
                self.registry.sessions.push(SessionEntry::new(hello, lease, pid, clock()));
            }
            Err(error) => tracing::error!("cannot create a process: {error}"),
        }
        Continue(())
    }

    /// Returns the answer to a `hello`. It tells the conductor of `run` what earlier runs left.
    fn welcome(&self, state: WelcomeState, run: Option<&str>) -> Welcome {
        let leftovers = self.registry.leftovers.iter().map(|process| {
            let (Process { pid, user, .. }, command) = (process, process.command_shown());
            let text =
                "was left running by an earlier run; if it is still running, it is stopped when the player stops";
            cleaned(&format!("process {pid} ({user}) {text}: `{command}`"))
        });
        let told = run.into_iter().flat_map(|run| self.registry.told_to(run));
        Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            incarnation: self.incarnation.clone(),
            state,
            next: 0,
            limits: Limits { frame: MAX_FRAME as u64, window: WINDOW as u64 },
            clock: clock().nanoseconds(),
            holder: None,
            leftovers: few(leftovers.collect()).into_iter().chain(told).collect(),
            remarks: Vec::new(),
            features: FEATURES.map(str::to_owned).to_vec(),
            process: self.settings.serves_one().then(std::process::id),
            system: platform::system(),
            kernel: Some(platform::kernel()),
        }
    }
}

/// Drops messages about processes that do not fit into a welcome beside those about sessions.
fn few(mut all: Vec<String>) -> Vec<String> {
    let most = bounds::SENTENCES.most() / 2 - 2;
    if let Some(more @ 1..) = all.len().checked_sub(most) {
        all.truncate(most);
        all.push(format!("more processes that earlier runs left running: {more}"));
    }
    all
}
