//! The listener: one loop that accepts connections, creates a process for each session, and cleans up after those that
//! die.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow::{self, Break, Continue};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::callers::Callers;
use super::door::Door;
use super::environment::folder_warning;
use super::lookup::look_up;
use super::machine;
use super::note::Note;
use super::origin::Origins;
use super::processes::{End, Processes};
use super::registry::Registry;
use super::scratch::remove_all;
use super::session_entry::Summary;
use super::session_process;
use super::settings::{Service, Settings};
use super::stdio;
use super::sweep::{Cleanup, end_stale};
use super::watch::{self, Found};
use crate::model::{PlayerTime, Process};
use crate::sys::{self, CgroupRoot, SignalDescriptor, clock};
use crate::wait::{Wait, is_ready};
use crate::wire::Connection;

/// The state of the listener. A process that it forks drops all of it, which closes every descriptor.
pub(super) struct Listener {
    pub(super) settings: Settings,
    pub(super) socket: Option<Door>,
    /// The socket on which other runs ask for the machine, while this run has reserved it.
    pub(super) machine: Option<Rc<UnixListener>>,
    /// When this player answers those requests, instead of another player of its run.
    machine_turn: machine::Turn,
    signals: SignalDescriptor,
    pub(super) callers: Callers,
    /// The process that looks up the name of the conductor.
    lookup: Option<u32>,
    /// The connections on which Python conductors have sent `run`, until their phases have run.
    pub(super) python_runs: BTreeMap<u64, Connection>,
    pub(super) registry: Registry,
    pub(super) processes: Processes,
    pub(super) cleanup: Cleanup,
    pub(super) incarnation: String,
    pub(super) begun: PlayerTime,
    /// When stopping is given up, once the player was told to stop.
    pub(super) stopping: Option<PlayerTime>,
    /// Whether some sessions had not ended by that time.
    pub(super) is_cut_off: bool,
}

impl Listener {
    /// Opens the port.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be opened.
    pub(super) fn open(settings: Settings) -> io::Result<(Self, Option<SocketAddr>)> {
        let signals = SignalDescriptor::new(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP])?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let socket = match &settings.service {
            Service::Machine { bind, port } => Door::machine(*bind, *port)?,
            Service::Session(_) => {
                stdio::take_name();
                Door::session()?
            }
        };
        let address = socket.address();
        let name = match &settings.service {
            Service::Machine { port, .. } => address.map_or(*port, |address| address.port()).to_string(),
            Service::Session(fingerprint) => fingerprint.clone(),
        };
        // A session reports it to its conductor.
        if let Some(text) = folder_warning().filter(|_| settings.log.is_none()) {
            tracing::warn!("{text}");
        }
        let mut registry = Registry::default();
        end_stale(&name).map(Summary::of_nobody).into_iter().for_each(|summary| registry.tell_later(summary));
        let cgroups =
            CgroupRoot::make(&name).inspect_err(|error| tracing::debug!("steps have no control groups: {error}"));
        let listener = Self {
            socket: Some(socket),
            machine: None,
            machine_turn: machine::Turn::default(),
            signals,
            callers: Callers::new(settings.max_message_size),
            lookup: None,
            settings,
            python_runs: BTreeMap::new(),
            registry,
            processes: Processes::new(cgroups.ok().map(Rc::new)),
            cleanup: Cleanup::default(),
            incarnation: format!("{:x}-{:x}", std::process::id(), clock().nanoseconds()),
            begun: clock(),
            stopping: None,
            is_cut_off: false,
        };
        Ok((listener, address))
    }

    /// Runs until the player has ended, or until the current process is a forked one.
    pub(super) fn run(mut self) -> End {
        loop {
            if let Break(end) = self.turn() {
                return end;
            }
        }
    }

    fn turn(&mut self) -> ControlFlow<End> {
        if !self.wait() {
            return Break(End::Status(1));
        }
        self.take_signals()?;
        self.take_notes();
        self.check_processes();
        if let Some(socket) = &self.socket {
            self.callers.accept(socket, &self.settings.admission, clock());
        }
        if let Some(machine) = &self.machine {
            let is_asked = is_ready(machine, PollFlags::IN);
            if self.machine_turn.is_here(is_asked, self.registry.is_cut_off(), clock()) {
                self.callers.accept_for_machine(machine, clock());
            }
        }
        self.registry.python.expire(clock()).iter().for_each(|text| tracing::warn!("{text}"));
        for (caller, payload) in self.callers.hear(clock()) {
            self.answer(caller, &payload)?;
        }
        self.start_python_phase()?;
        self.clean_up()?;
        if self.stopping.is_none()
            && let Some(host) = self.settings.admission.lookup_due(clock())
        {
            self.end_lookup();
            let work = move |notes, _| look_up(&host, &notes);
            match self.processes.create(&mut self.callers, watch::MOST, work)? {
                Ok(pid) => self.lookup = Some(pid),
                Err(error) => tracing::error!("cannot look up `conductor`: cannot create a process: {error}"),
            }
        }
        self.end()
    }

    /// Waits until something happens or is due. Returns false if waiting fails.
    fn wait(&self) -> bool {
        let machine = self.machine.as_ref().filter(|_| self.machine_turn.next().is_none());
        let sockets = [self.socket.as_ref().map(AsFd::as_fd), machine.map(AsFd::as_fd)];
        let sockets = sockets.into_iter().flatten().filter(|_| self.callers.paused.is_none());
        let descriptors = [self.signals.as_fd()].into_iter().chain(sockets);
        let descriptors = descriptors.chain(self.callers.descriptors()).chain(self.processes.descriptors());
        let mut descriptors: Vec<_> = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let deadlines = [
            // During a clean-up, the Reset of dead sessions has to wait.
            self.cleanup
                .sweep
                .as_ref()
                .map_or_else(|| self.registry.next_attempt(), |sweep| Some(sweep.escalation.look_at)),
            self.callers.deadline(),
            self.machine_turn.next(),
            self.settings.admission.next_lookup().filter(|_| self.stopping.is_none()),
            self.processes.next_check(),
            self.registry.python.next_deadline(),
            self.stopping,
            self.settings
                .serves_one()
                .then(|| self.begun.plus(Wait::SessionPlayerIdle.time()))
                .filter(|end| *end > clock()),
        ];
        let timeout = deadlines.into_iter().flatten().min().map(|deadline| deadline.since(clock()));
        matches!(Wait::ListenerEvents.poll(&mut descriptors, timeout), Ok(_) | Err(rustix::io::Errno::INTR))
    }

    /// Handles signals: children that have ended, and requests to stop.
    fn take_signals(&mut self) -> ControlFlow<End> {
        while let Some(signal) = self.signals.take() {
            if signal == Signal::HUP && !self.settings.stops_at_hang_up {
                tracing::info!("SIGHUP: the log continues in the file with its name");
            } else if signal != Signal::CHILD {
                self.stop()?;
            }
        }
        while let Some(reaped) = sys::reap() {
            self.take_notes();
            self.child_ended(reaped.pid);
        }
        Continue(())
    }

    pub(super) fn end_lookup(&self) {
        // The process has blocked the listener's signals, but SIGKILL cannot be blocked.
        self.lookup.into_iter().for_each(|pid| sys::signal_child(pid, Signal::KILL));
    }

    /// Handles the reports of the processes.
    pub(super) fn take_notes(&mut self) {
        for (pid, note) in self.processes.take_notes() {
            let line = match note {
                Note::Addresses(found) => self.settings.admission.learn(found),
                note => self.registry.take(pid, note, self.stopping.is_some(), clock()),
            };
            if let Some(line) = line {
                tracing::warn!("{line}");
            }
        }
        let reason = "too many ended sessions are waiting to deliver their results";
        self.processes.abandon(self.registry.too_many_undelivered(), reason, None);
    }

    /// Kills the processes that have sent no heartbeat for too long.
    fn check_processes(&mut self) {
        for (pid, found) in self.processes.check(clock()) {
            match found {
                Found::Alive => self.registry.is_unresponsive(pid, None),
                Found::Doubtful(until) => self.registry.is_unresponsive(pid, Some(until)),
                Found::GivenUp(limit) => {
                    let whose = self.registry.give_up_on(pid, limit);
                    let limit = humantime::format_duration(limit);
                    tracing::error!("{whose} did not respond for {limit}; killing it");
                    sys::end_child(pid, Signal::KILL);
                }
            }
        }
    }

    /// Handles the end of a child: one of our processes, or an inherited one.
    fn child_ended(&mut self, pid: u32) {
        self.processes.ended(pid);
        if self.lookup.take_if(|of| *of == pid).is_some() {
            return;
        }
        self.inherit_from(pid);
        if let Some(line) = self.registry.process_ended(pid, clock()) {
            tracing::error!("{line}");
            self.cleanup.begin(clock());
        }
    }

    /// Records the processes that were inherited from a process that ended. One that was left running on purpose may
    /// leave others, as may a session that ends in an orderly way, even at the last moment.
    fn inherit_from(&mut self, ended: u32) {
        let leftovers = &mut self.registry.leftovers;
        let known = leftovers.len();
        leftovers.retain(|left| left.pid != ended);
        let in_good_order = leftovers.len() < known || self.registry.is_past(ended);
        let processes: Vec<u32> = self.processes.pids().collect();
        // During a clean-up, these processes cannot be distinguished from those of a dead session.
        if in_good_order && self.cleanup.sweep.is_none() {
            let leftovers = &mut self.registry.leftovers;
            let (found, _) = Origins::default().find(|pid| pid == ended || processes.contains(&pid));
            for left in found.iter().filter(|found| found.is_child && !found.process.has_ended()) {
                if !leftovers.iter().any(|known| known.pid == left.process.pid()) {
                    leftovers.push(left.process.describe());
                }
            }
        }
        self.processes.cgroups.iter().for_each(|cgroups| cgroups.tidy(|owner| processes.contains(&owner)));
    }

    /// Removes the scratch folders of sessions that died. This can take long, so another process does it.
    fn remove_scratch(&mut self) -> ControlFlow<End> {
        let folders = std::mem::take(&mut self.registry.scratch);
        if folders.is_empty() {
            return Continue(());
        }
        let left = folders.clone();
        let work = move |_, _| {
            remove_all(folders);
            0
        };
        if let Err(error) = self.processes.create(&mut self.callers, watch::MOST, work)? {
            tracing::debug!("cannot create a process that removes scratch folders: {error}");
            remove_all(left);
        }
        Continue(())
    }

    /// Continues the clean-up. Once nothing is left of the dead sessions, runs their Resets.
    fn clean_up(&mut self) -> ControlFlow<End> {
        let processes: Vec<u32> = self.processes.pids().collect();
        let leftovers = &self.registry.leftovers;
        let keep = |pid: u32| processes.contains(&pid) || leftovers.iter().any(|left| left.pid == pid);
        let Some(remaining) = self.cleanup.go_on(keep, clock()) else { return Continue(()) };
        if !remaining.is_empty() {
            let remaining = Process::list(&remaining);
            tracing::warn!("processes could not be stopped: {remaining}");
            if self.stopping.is_none() {
                let text = format!("processes of a session that died could not be stopped: {remaining}");
                self.registry.tell_later(Summary::of_nobody(text));
            }
        }
        for summary in self.registry.take_finished(clock()) {
            tracing::warn!("{summary}");
            self.registry.tell_later(summary);
        }
        self.remove_scratch()?;
        while let Some((entry, trial)) = self.registry.reset_due(clock()) {
            let made = match serde_json::from_str(entry.plan.as_deref().unwrap_or_default()) {
                Ok(plan) => {
                    let scratch = entry.scratch.clone();
                    self.processes.create(&mut self.callers, entry.lease.min(watch::MOST), move |notes, cgroups| {
                        session_process::run_reset(plan, trial, scratch, notes, cgroups)
                    })?
                }
                Err(error) => Err(error.into()),
            };
            match made {
                Ok(pid) => {
                    entry.pid = Some(pid);
                    if self.stopping.is_some() {
                        // It has no more time for Reset than other sessions.
                        sys::end_child(pid, Signal::TERM);
                    }
                }
                Err(error) => {
                    tracing::error!(
                        "{}: cannot run Reset yet: cannot create a process: {error}",
                        entry.hello.describe()
                    );
                    entry.reset_failed(&error, clock());
                }
            }
        }
        Continue(())
    }
}
